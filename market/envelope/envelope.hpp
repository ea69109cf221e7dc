#pragma once
#include <vector>

#include "base/bytes.hpp"
#include "base/random.hpp"

namespace koinon::market {

/// Public X25519 key of a provider or buyer, as registered on the ledger.
using BoxKey = base::FixedBytes<32>;

/// An X25519 pair. The secret half is wiped at the end.
class BoxPair {
 public:
  static BoxPair generate();
  /// The pair of a 32-byte secret. Errors: invalid_argument when the secret is all zero.
  static base::Result<BoxPair> from_secret(base::ByteView secret);
  BoxPair(BoxPair&& other) noexcept;
  BoxPair& operator=(BoxPair&& other) noexcept;
  ~BoxPair();

  [[nodiscard]] const BoxKey& public_key() const { return public_; }
  [[nodiscard]] base::ByteView secret() const { return secret_.view(); }

 private:
  BoxPair() = default;
  BoxKey public_;
  BoxKey secret_;
};

/// Most recipients of one envelope: a second jury has at most 23 members.
inline constexpr std::size_t kMaxRecipients = 64;
/// Largest content of an envelope, in bytes.
inline constexpr std::size_t kMaxContent = std::size_t{256} << 20;

/// Encrypts `content` so that each recipient can open it, and nobody else. Layout:
///
///   "KNE1" | u16 count | count x (public key 32 | sealed content key 80) | nonce 24 | ciphertext with tag
///
/// Content: XChaCha20-Poly1305 with a fresh key, the head as associated data; content key: libsodium sealed box (X25519,
/// XSalsa20-Poly1305). Errors: invalid_argument on no or too many recipients, out_of_range on content size.
base::Result<base::Bytes> seal(base::ByteView content, const std::vector<BoxKey>& recipients);

/// The same with nothing random: keys and nonces follow from content and recipients, so whoever has the content can make the
/// very same envelope and compare. Precondition: the content holds 32 bytes that nobody can guess (work::Parcel::salt), or an
/// observer could try contents.
base::Result<base::Bytes> seal_bound(base::ByteView content, const std::vector<BoxKey>& recipients);

/// True when something can be sealed to `key`.
bool usable(const BoxKey& key);

/// Opens an envelope. Errors: malformed (not an envelope), unauthorised (not for this key), rejected (changed on the way).
base::Result<base::Bytes> open(base::ByteView envelope, const BoxPair& recipient);

}  // namespace koinon::market
