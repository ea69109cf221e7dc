#pragma once
#include "base/random.hpp"
#include "base/result.hpp"

namespace koinon::trust::fhe {

/// Ed25519 verification key: whose ciphertexts and results these are.
using Signer = base::FixedBytes<32>;

/// Ed25519 key (RFC 8032, libsodium) of a buyer or provider. Wiped when it goes.
class SigningKey {
 public:
  /// The key of a 32-byte seed.
  explicit SigningKey(const base::Hash& seed);
  explicit SigningKey(base::Random& random);
  ~SigningKey();
  SigningKey(const SigningKey&) = delete;
  SigningKey& operator=(const SigningKey&) = delete;
  [[nodiscard]] const Signer& signer() const { return signer_; }
  /// "KNSG", u16 version (1), 32 bytes of signer, 64 of signature, payload. The signature is over a domain, the text of
  /// `purpose` and sha256 of the payload, so that what was signed for one purpose is not taken for another.
  [[nodiscard]] base::Bytes sign(std::string_view purpose, base::ByteView payload) const;

 private:
  std::array<std::uint8_t, 64> secret_{};
  Signer signer_;
};

/// The payload, borrowed, of bytes that `signer` signed for `purpose`. Errors: malformed, unsupported, rejected for another
/// signer or a wrong signature. A ciphertext is malleable by construction: without this, whoever carries it could change the
/// input.
base::Result<base::ByteView> open_signed(std::string_view purpose, base::ByteView bytes, const Signer& signer);

}  // namespace koinon::trust::fhe
