#include "trust/private/sign.hpp"

#include <sodium.h>

#include "base/codec.hpp"
#include "base/hash.hpp"

namespace koinon::trust::fhe {
namespace {

constexpr std::string_view kMagic = "KNSG";
constexpr std::uint16_t kVersion = 1;

/// What the signature is over. Every field but the last has its length.
base::Bytes message(std::string_view purpose, base::ByteView payload) {
  base::Writer out;
  out.text("koinon/private/signed/1");
  out.text(purpose);
  out.raw(base::sha256(payload).view());
  return std::move(out).take();
}

}  // namespace

SigningKey::SigningKey(const base::Hash& seed) {
  static_assert(crypto_sign_SECRETKEYBYTES == 64 && crypto_sign_PUBLICKEYBYTES == 32 && crypto_sign_SEEDBYTES == 32 &&
                crypto_sign_BYTES == 64);
  KOINON_INVARIANT(sodium_init() >= 0);
  crypto_sign_seed_keypair(signer_.bytes.data(), secret_.data(), seed.bytes.data());
}

SigningKey::SigningKey(base::Random& random) : SigningKey([&] { return random.hash(); }()) {}

SigningKey::~SigningKey() { base::wipe(secret_); }

base::Bytes SigningKey::sign(std::string_view purpose, base::ByteView payload) const {
  const auto text = message(purpose, payload);
  base::FixedBytes<64> signature;
  crypto_sign_detached(signature.bytes.data(), nullptr, text.data(), text.size(), secret_.data());
  base::Writer out;
  out.raw(base::as_bytes(kMagic));
  out.number(kVersion);
  out.raw(signer_.view());
  out.raw(signature.view());
  out.raw(payload);
  return std::move(out).take();
}

base::Result<base::ByteView> open_signed(std::string_view purpose, base::ByteView bytes, const Signer& signer) {
  base::Reader in(bytes);
  KOINON_TRY(const auto magic, in.raw(kMagic.size()));
  if (base::as_text(magic) != kMagic)
    return base::fail(base::Code::malformed, "[signed] the bytes do not start with {}", kMagic);
  KOINON_TRY(const auto version, in.number<std::uint16_t>());
  if (version != kVersion) return base::fail(base::Code::unsupported, "[signed] version {}: {} expected", version, kVersion);
  KOINON_TRY(const auto found, in.fixed_bytes<32>());
  KOINON_TRY(const auto signature, in.fixed_bytes<64>());
  KOINON_TRY(const auto payload, in.raw(in.left()));
  if (found != signer)
    return base::fail(base::Code::rejected, "[signed] signer {}: {} expected", base::to_hex(found), base::to_hex(signer));
  const auto text = message(purpose, payload);
  if (crypto_sign_verify_detached(signature.bytes.data(), text.data(), text.size(), signer.bytes.data()) != 0)
    return base::fail(base::Code::rejected, "[signed] the signature of {} for {} does not fit", base::to_hex(signer), purpose);
  return payload;
}

}  // namespace koinon::trust::fhe
