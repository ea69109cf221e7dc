#include "market/envelope/envelope.hpp"

#include <sodium.h>

#include <algorithm>

#include "base/codec.hpp"
#include "base/hash.hpp"

namespace koinon::market {
namespace {

using base::Bytes;
using base::ByteView;
using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kMagic = "KNE1";
constexpr std::size_t kContentKey = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t kSealedKey = kContentKey + crypto_box_SEALBYTES;
constexpr std::size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(kSealedKey == 80 && kNonce == 24 && kTag == 16 && crypto_box_PUBLICKEYBYTES == 32);

void ready() { KOINON_INVARIANT(sodium_init() >= 0); }

/// A content key that is wiped when it goes.
struct ContentKey {
  std::array<std::uint8_t, kContentKey> bytes{};
  ~ContentKey() { sodium_memzero(bytes.data(), bytes.size()); }
};

struct Parts {
  ByteView head;        ///< everything before the nonce
  ByteView sealed_key;  ///< the one for us; empty when there is none
  ByteView nonce;
  ByteView ciphertext;
};

Result<Parts> split(ByteView envelope, const BoxKey& recipient) {
  base::Reader reader(envelope);
  KOINON_TRY(const auto magic, reader.raw(kMagic.size()));
  if (base::as_text(magic) != kMagic) return fail(Code::malformed, "[envelope] does not begin with {}", kMagic);
  KOINON_TRY(const auto count, reader.number<std::uint16_t>());
  if (count == 0 || count > kMaxRecipients)
    return fail(Code::malformed, "[envelope] {} recipients: 1 to {} expected", count, kMaxRecipients);
  Parts parts;
  for (unsigned i = 0; i < count; ++i) {
    KOINON_TRY(const auto key, reader.fixed_bytes<32>());
    KOINON_TRY(const auto sealed, reader.raw(kSealedKey));
    if (key == recipient) parts.sealed_key = sealed;
  }
  parts.head = envelope.first(reader.position());
  KOINON_TRY(parts.nonce, reader.raw(kNonce));
  if (reader.left() < kTag || reader.left() > kMaxContent + kTag)
    return fail(Code::malformed, "[envelope] ciphertext of {} bytes: {} to {} expected", reader.left(), kTag,
                kMaxContent + kTag);
  KOINON_TRY(parts.ciphertext, reader.raw(reader.left()));
  return parts;
}

}  // namespace

BoxPair BoxPair::generate() {
  ready();
  BoxPair out;
  crypto_box_keypair(out.public_.bytes.data(), out.secret_.bytes.data());
  return out;
}

Result<BoxPair> BoxPair::from_secret(ByteView secret) {
  ready();
  if (secret.size() != BoxKey::kSize) return fail(Code::invalid_argument, "[box key] {} bytes: 32 expected", secret.size());
  BoxPair out;
  out.secret_ = base::fixed<32>(secret);
  if (out.secret_.is_zero() || crypto_scalarmult_base(out.public_.bytes.data(), out.secret_.bytes.data()) != 0)
    return fail(Code::invalid_argument, "[box key] the secret is not usable");
  return out;
}

BoxPair::BoxPair(BoxPair&& other) noexcept : public_(other.public_), secret_(other.secret_) { base::wipe(other.secret_.bytes); }

BoxPair& BoxPair::operator=(BoxPair&& other) noexcept {
  if (this != &other) {
    public_ = other.public_;
    secret_ = other.secret_;
    base::wipe(other.secret_.bytes);
  }
  return *this;
}

BoxPair::~BoxPair() { base::wipe(secret_.bytes); }

namespace {

/// What is secret about one envelope, all drawn from one seed: part 0 the content key, 1 the nonce, 2 + i the ephemeral key for
/// recipient i.
class Draw {
 public:
  explicit Draw(const base::Hash& seed) : seed_(seed) {}
  Draw(const Draw&) = delete;
  Draw& operator=(const Draw&) = delete;
  ~Draw() { base::wipe(seed_.bytes); }
  [[nodiscard]] base::Hash part(std::uint64_t index) const { return base::keccak256({seed_.view(), base::be64(index)}); }

 private:
  base::Hash seed_;
};

/// libsodium's sealed box (crypto_box_seal) with a given ephemeral seed: ephemeral key 32 | box under nonce blake2b(ephemeral
/// key | recipient).
bool seal_key(ByteView key, const BoxKey& recipient, const base::Hash& ephemeral, std::array<std::uint8_t, kSealedKey>& out) {
  BoxKey secret;
  crypto_box_seed_keypair(out.data(), secret.bytes.data(), ephemeral.bytes.data());
  std::array<std::uint8_t, crypto_box_NONCEBYTES> nonce{};
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, nonce.size());
  crypto_generichash_update(&state, out.data(), crypto_box_PUBLICKEYBYTES);
  crypto_generichash_update(&state, recipient.bytes.data(), recipient.bytes.size());
  crypto_generichash_final(&state, nonce.data(), nonce.size());
  const int failed = crypto_box_easy(out.data() + crypto_box_PUBLICKEYBYTES, key.data(), key.size(), nonce.data(),
                                     recipient.bytes.data(), secret.bytes.data());
  base::wipe(secret.bytes);
  return failed == 0;
}

Result<Bytes> seal_from(const Draw& draw, ByteView content, const std::vector<BoxKey>& recipients) {
  if (recipients.empty() || recipients.size() > kMaxRecipients)
    return fail(Code::invalid_argument, "[envelope] {} recipients: 1 to {} expected", recipients.size(), kMaxRecipients);
  if (content.size() > kMaxContent)
    return fail(Code::out_of_range, "[envelope] content of {} bytes: at most {}", content.size(), kMaxContent);
  ContentKey key;
  auto drawn = draw.part(0);
  key.bytes = drawn.bytes;
  base::wipe(drawn.bytes);
  base::Writer writer;
  writer.raw(base::as_bytes(kMagic));
  writer.number(static_cast<std::uint16_t>(recipients.size()));
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    std::array<std::uint8_t, kSealedKey> sealed{};
    if (!seal_key(key.bytes, recipients[i], draw.part(2 + i), sealed))
      return fail(Code::invalid_argument, "[envelope] {} is not a usable X25519 key", base::to_hex(recipients[i]));
    writer.raw(recipients[i].view());
    writer.raw(sealed);
  }
  auto out = std::move(writer).take();
  const auto head = out.size();
  out.resize(head + kNonce + content.size() + kTag);
  const auto nonce = draw.part(1);
  std::copy_n(nonce.bytes.begin(), kNonce, out.begin() + static_cast<std::ptrdiff_t>(head));
  unsigned long long written = 0;
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data() + head + kNonce, &written, content.data(), content.size(), out.data(),
                                             head, nullptr, out.data() + head, key.bytes.data());
  KOINON_INVARIANT(written == content.size() + kTag);
  return out;
}

}  // namespace

Result<Bytes> seal(ByteView content, const std::vector<BoxKey>& recipients) {
  ready();
  base::Hash seed;
  randombytes_buf(seed.bytes.data(), seed.bytes.size());
  return seal_from(Draw(seed), content, recipients);
}

Result<Bytes> seal_bound(ByteView content, const std::vector<BoxKey>& recipients) {
  ready();
  base::Writer keys;
  keys.number(static_cast<std::uint64_t>(recipients.size()));
  for (const auto& recipient : recipients) keys.raw(recipient.view());
  return seal_from(Draw(base::keccak256({base::as_bytes("koinon.envelope"), std::move(keys).take(), content})), content,
                   recipients);
}

bool usable(const BoxKey& key) { return seal({}, {key}).has_value(); }

Result<Bytes> open(ByteView envelope, const BoxPair& recipient) {
  ready();
  KOINON_TRY(const auto parts, split(envelope, recipient.public_key()));
  if (parts.sealed_key.empty())
    return fail(Code::unauthorised, "[envelope] not addressed to {}", base::to_hex(recipient.public_key()));
  ContentKey key;
  if (crypto_box_seal_open(key.bytes.data(), parts.sealed_key.data(), parts.sealed_key.size(),
                           recipient.public_key().bytes.data(), recipient.secret().data()) != 0)
    return fail(Code::rejected, "[envelope] the content key does not open: changed on the way, or sealed for another key");
  Bytes out(parts.ciphertext.size() - kTag);
  unsigned long long written = 0;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(out.data(), &written, nullptr, parts.ciphertext.data(),
                                                 parts.ciphertext.size(), parts.head.data(), parts.head.size(),
                                                 parts.nonce.data(), key.bytes.data()) != 0)
    return fail(Code::rejected, "[envelope] the content does not open: changed on the way");
  return out;
}

}  // namespace koinon::market
