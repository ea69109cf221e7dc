#pragma once
#include <memory>
#include <string>

#include "base/random.hpp"
#include "ledger/rlp.hpp"

namespace koinon::ledger {

/// A recoverable ECDSA signature over secp256k1; s is in the lower half (EIP-2), y_parity 0 or 1.
struct Signature {
  Hash r;
  Hash s;
  std::uint8_t y_parity = 0;

  /// r | s | v with v = 27 + y_parity, the 65 bytes that Solidity's ECDSA.recover takes.
  [[nodiscard]] Bytes bytes() const;
  /// Errors: malformed (length, v other than 27 and 28, s in the upper half).
  static Result<Signature> from_bytes(ByteView bytes);
  friend bool operator==(const Signature&, const Signature&) = default;
};

/// The account that signed `digest`. Errors: rejected when the signature recovers to no point or s is in the upper half.
Result<Address> recover(const Hash& digest, const Signature& signature);

/// Text of an address with the EIP-55 checksum.
std::string checksum_address(const Address& address);
/// Reads 40 hex digits behind "0x". Mixed case must carry a right EIP-55 checksum. Errors: malformed.
Result<Address> parse_address(std::string_view text);

/// A secret key. Wiped when it goes; never printed. Move-only. Signing is thread-safe.
class Key {
 public:
  /// Errors: invalid_argument (not in [1, n-1]).
  static Result<Key> from_secret(ByteView secret);
  static Key generate(base::Random& random);
  Key(Key&& other) noexcept;
  Key& operator=(Key&& other) noexcept;
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  ~Key();

  [[nodiscard]] const Address& address() const { return address_; }
  /// RFC 6979 signature of a 32-byte digest, low s.
  [[nodiscard]] Signature sign(const Hash& digest) const;
  /// The 32 secret bytes, for the keystore alone.
  [[nodiscard]] ByteView secret() const { return secret_.view(); }

 private:
  Key() = default;
  Hash secret_;
  Address address_;
};

}  // namespace koinon::ledger
