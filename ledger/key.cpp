#include "ledger/key.hpp"

#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include <utility>

#include "base/hash.hpp"

namespace koinon::ledger {
namespace {

/// One context for all; after randomisation it is only read, which is thread-safe. Blinded against side channels.
const secp256k1_context* context() {
  static const secp256k1_context* kContext = [] {
    auto* made = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
    auto seed = base::SystemRandom{}.hash();
    KOINON_INVARIANT(secp256k1_context_randomize(made, seed.bytes.data()) == 1);
    base::wipe(seed.bytes);
    return made;
  }();
  return kContext;
}

Address address_of(const secp256k1_pubkey& key) {
  std::array<std::uint8_t, 65> point{};
  auto size = point.size();
  secp256k1_ec_pubkey_serialize(context(), point.data(), &size, &key, SECP256K1_EC_UNCOMPRESSED);
  const auto hash = base::keccak256(ByteView(point).subspan(1));
  return base::fixed<20>(hash.view().subspan(12));
}

/// Half of the group order: s above it is refused (EIP-2).
constexpr std::array<std::uint8_t, 32> kHalfOrder = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                     0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4,
                                                     0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0};

bool is_low(const Hash& s) { return s.bytes <= kHalfOrder; }

}  // namespace

Bytes Signature::bytes() const {
  Bytes out(r.bytes.begin(), r.bytes.end());
  out.insert(out.end(), s.bytes.begin(), s.bytes.end());
  out.push_back(static_cast<std::uint8_t>(27 + y_parity));
  return out;
}

Result<Signature> Signature::from_bytes(ByteView bytes) {
  if (bytes.size() != 65) return fail(Code::malformed, "[signature] {} bytes: 65 expected", bytes.size());
  if (bytes[64] != 27 && bytes[64] != 28) return fail(Code::malformed, "[signature] v is {}: 27 or 28 expected", bytes[64]);
  Signature out{base::fixed<32>(bytes.first(32)), base::fixed<32>(bytes.subspan(32, 32)),
                static_cast<std::uint8_t>(bytes[64] - 27)};
  if (!is_low(out.s)) return fail(Code::malformed, "[signature] s is in the upper half");
  return out;
}

Result<Address> recover(const Hash& digest, const Signature& signature) {
  if (signature.y_parity > 1 || !is_low(signature.s))
    return fail(Code::rejected, "[signature] s in the upper half or parity above 1");
  std::array<std::uint8_t, 64> compact{};
  std::copy(signature.r.bytes.begin(), signature.r.bytes.end(), compact.begin());
  std::copy(signature.s.bytes.begin(), signature.s.bytes.end(), compact.begin() + 32);
  secp256k1_ecdsa_recoverable_signature parsed;
  secp256k1_pubkey key;
  if (secp256k1_ecdsa_recoverable_signature_parse_compact(context(), &parsed, compact.data(), signature.y_parity) != 1 ||
      secp256k1_ecdsa_recover(context(), &key, &parsed, digest.bytes.data()) != 1)
    return fail(Code::rejected, "[signature] recovers to no account");
  return address_of(key);
}

std::string checksum_address(const Address& address) {
  auto text = base::to_hex(address);
  const auto hash = base::keccak256(base::as_bytes(std::string_view(text).substr(2)));
  for (std::size_t i = 0; i < 40; ++i) {
    const auto nibble = (hash.bytes[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 0xf;
    auto& c = text[i + 2];
    if (nibble >= 8 && c >= 'a') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

Result<Address> parse_address(std::string_view text) {
  if (!text.starts_with("0x") || text.size() != 42)
    return fail(Code::malformed, "[address] '{}': 0x and 40 hex digits expected", text.substr(0, 80));
  KOINON_TRY(const auto out, base::fixed_from_hex<20>(text));
  const auto digits = text.substr(2);
  const bool lower = digits.find_first_of("ABCDEF") == std::string_view::npos;
  const bool upper = digits.find_first_of("abcdef") == std::string_view::npos;
  if (!lower && !upper && checksum_address(out) != text)
    return fail(Code::malformed, "[address] '{}': wrong checksum (EIP-55), a digit is mistyped", text);
  return out;
}

Result<Key> Key::from_secret(ByteView secret) {
  secp256k1_pubkey point;
  if (secret.size() != 32 || secp256k1_ec_pubkey_create(context(), &point, secret.data()) != 1)
    return fail(Code::invalid_argument, "[key] a secret is 32 bytes, not zero and below the group order");
  Key out;
  out.secret_ = base::fixed<32>(secret);
  out.address_ = address_of(point);
  return out;
}

Key Key::generate(base::Random& random) {
  for (;;) {
    auto secret = random.hash();
    auto key = from_secret(secret.view());
    base::wipe(secret.bytes);
    if (key) return std::move(*key);
  }
}

Key::Key(Key&& other) noexcept : secret_(other.secret_), address_(other.address_) { base::wipe(other.secret_.bytes); }

Key& Key::operator=(Key&& other) noexcept {
  if (this != &other) {
    secret_ = other.secret_;
    address_ = other.address_;
    base::wipe(other.secret_.bytes);
  }
  return *this;
}

Key::~Key() { base::wipe(secret_.bytes); }

Signature Key::sign(const Hash& digest) const {
  secp256k1_ecdsa_recoverable_signature made;
  KOINON_INVARIANT(
      secp256k1_ecdsa_sign_recoverable(context(), &made, digest.bytes.data(), secret_.bytes.data(), nullptr, nullptr) == 1);
  std::array<std::uint8_t, 64> compact{};
  int parity = 0;
  secp256k1_ecdsa_recoverable_signature_serialize_compact(context(), compact.data(), &parity, &made);
  // A parity of 2 or 3 needs r above the field order minus the group order: about one in 2^127.
  KOINON_INVARIANT(parity == 0 || parity == 1);
  return {base::fixed<32>(ByteView(compact).first(32)), base::fixed<32>(ByteView(compact).subspan(32)),
          static_cast<std::uint8_t>(parity)};
}

}  // namespace koinon::ledger
