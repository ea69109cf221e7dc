#include "trust/private/serial.hpp"

#include <bit>

#include "base/codec.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;
using base::Reader;
using base::Writer;

constexpr std::string_view kMagic = "KNPR";
constexpr std::uint16_t kVersion = 1;

void header(Writer& out, const Context& context, Kind kind) {
  out.raw(base::as_bytes(kMagic));
  out.number(kVersion);
  out.number(static_cast<std::uint8_t>(kind));
  out.raw(context.hash().view());
}

base::Status read_header(Reader& in, const Context& context, Kind kind) {
  KOINON_TRY(const auto magic, in.raw(kMagic.size()));
  if (base::as_text(magic) != kMagic) return fail(Code::malformed, "[private] the bytes do not start with {}", kMagic);
  KOINON_TRY(const auto version, in.number<std::uint16_t>());
  if (version != kVersion) return fail(Code::unsupported, "[private] version {}: {} expected", version, kVersion);
  KOINON_TRY(const auto found, in.number<std::uint8_t>());
  if (found != static_cast<std::uint8_t>(kind))
    return fail(Code::malformed, "[private] object of kind {}: {} expected", found, static_cast<int>(kind));
  KOINON_TRY(const auto hash, in.fixed_bytes<32>());
  if (hash != context.hash())
    return fail(Code::unsupported, "[private] parameters {}: {} expected", base::to_hex(hash), base::to_hex(context.hash()));
  return {};
}

int width(const Modulus& q) { return static_cast<int>(std::bit_width(q.value)); }
std::size_t row_bytes(const Context& context, std::size_t modulus) {
  return context.degree() / 8 * static_cast<std::size_t>(width(context.modulus(modulus)));
}

void write_row(Writer& out, const Context& context, const double* row, std::size_t modulus) {
  const int bits = width(context.modulus(modulus));
  base::Bytes packed;
  packed.reserve(row_bytes(context, modulus));
  Uint128 held = 0;
  int count = 0;
  for (std::size_t i = 0; i < context.degree(); ++i) {
    held |= static_cast<Uint128>(static_cast<std::uint64_t>(row[i])) << count;
    for (count += bits; count >= 8; count -= 8, held >>= 8) packed.push_back(static_cast<std::uint8_t>(held & 0xff));
  }
  out.raw(packed);
}

base::Status read_row(Reader& in, const Context& context, std::size_t modulus, double* row) {
  const auto q = context.modulus(modulus).value;
  const int bits = width(context.modulus(modulus));
  KOINON_TRY(const auto packed, in.raw(row_bytes(context, modulus)));
  const auto mask = (std::uint64_t{1} << bits) - 1;
  Uint128 held = 0;
  int count = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < context.degree(); ++i) {
    for (; count < bits; count += 8) held |= static_cast<Uint128>(packed[at++]) << count;
    const auto x = static_cast<std::uint64_t>(held) & mask;
    held >>= bits;
    count -= bits;
    if (x >= q) return fail(Code::malformed, "[private] residue {} at {}: below {} expected", x, i, q);
    row[i] = static_cast<double>(x);
  }
  return {};
}

void write_key(Writer& out, const Context& context, const SwitchKey& key) {
  out.number(static_cast<std::uint8_t>(key.level));
  out.raw(key.seed.view());
  for (const auto& b : key.b)
    for (std::size_t row = 0; row < b.limbs(); ++row) write_row(out, context, b[row], context.extended(key.level, row));
}

base::Result<SwitchKey> read_key(Reader& in, const Context& context, base::ThreadPool* pool) {
  SwitchKey key;
  KOINON_TRY(key.level, in.number<std::uint8_t>());
  if (key.level == 0 || key.level > context.levels() || context.specials() == 0)
    return fail(Code::malformed, "[private] switch key of level {}: 1 to {} expected", key.level, context.levels());
  const auto expected = switch_key_bytes(context, key.level) - 1;
  if (in.left() < expected) return fail(Code::malformed, "[private] switch key of {} bytes: {} expected", in.left(), expected);
  KOINON_TRY(key.seed, in.fixed_bytes<32>());
  for (std::size_t digit = 0; digit < context.digits(key.level); ++digit) {
    auto& b = key.b.emplace_back(context.degree(), key.level + context.specials());
    for (std::size_t row = 0; row < b.limbs(); ++row)
      KOINON_CHECK(read_row(in, context, context.extended(key.level, row), b[row]));
  }
  key.a = expand_switch_key(context, key.seed, key.level, pool);
  return key;
}

}  // namespace

std::size_t switch_key_bytes(const Context& context, std::size_t level) {
  std::size_t rows = 0;
  for (std::size_t row = 0; row < level + context.specials(); ++row) rows += row_bytes(context, context.extended(level, row));
  return 1 + 32 + context.digits(level) * rows;
}

base::Bytes encode(const Context& context, const Ciphertext& cipher) {
  Writer out;
  header(out, context, Kind::ciphertext);
  out.number(static_cast<std::uint8_t>(cipher.level));
  out.number(static_cast<std::uint8_t>(cipher.parts.size()));
  out.number(static_cast<std::uint8_t>(cipher.seed ? 1 : 0));
  out.number(cipher.noise.units);
  if (cipher.seed) out.raw(cipher.seed->view());
  for (std::size_t part = 0; part < cipher.parts.size(); ++part)
    if (!cipher.seed || part == 0)
      for (std::size_t row = 0; row < cipher.level; ++row) write_row(out, context, cipher.parts[part][row], row);
  return std::move(out).take();
}

base::Result<Ciphertext> decode_ciphertext(const Context& context, base::ByteView bytes) {
  Reader in(bytes);
  KOINON_CHECK(read_header(in, context, Kind::ciphertext));
  Ciphertext out;
  KOINON_TRY(out.level, in.number<std::uint8_t>());
  KOINON_TRY(const auto parts, in.number<std::uint8_t>());
  KOINON_TRY(const auto seeded, in.number<std::uint8_t>());
  KOINON_TRY(out.noise.units, in.number<std::int32_t>());
  if (out.level == 0 || out.level > context.levels() || parts < 2 || parts > 3 || seeded > 1 || (seeded == 1 && parts != 2))
    return fail(Code::malformed, "[private] ciphertext of level {}, {} parts, seeded {}: level 1 to {}, 2 or 3 parts expected",
                out.level, parts, seeded, context.levels());
  const NoisePlan plan(context.parameters());
  if (out.noise.units < 0 || out.noise >= plan.capacity(out.level) || (seeded == 1 && out.noise != plan.fresh_symmetric()))
    return fail(Code::malformed, "[private] noise bound of {} bits at level {}", out.noise.text(), out.level);
  if (seeded == 1) {
    KOINON_TRY(out.seed, in.fixed_bytes<32>());
  }
  std::size_t rows = 0;
  for (std::size_t row = 0; row < out.level; ++row) rows += row_bytes(context, row);
  const auto expected = rows * (seeded == 1 ? 1 : parts);
  if (in.left() != expected)
    return fail(Code::malformed, "[private] ciphertext rows of {} bytes: {} expected", in.left(), expected);
  for (std::size_t part = 0; part < (seeded == 1 ? 1U : parts); ++part) {
    auto& to = out.parts.emplace_back(context.degree(), out.level);
    for (std::size_t row = 0; row < out.level; ++row) KOINON_CHECK(read_row(in, context, row, to[row]));
  }
  if (out.seed) out.parts.push_back(expand(context, *out.seed, Use::ciphertext, out.level));
  KOINON_CHECK(in.finish());
  return out;
}

base::Bytes encode(const Context& context, const PublicKey& key) {
  Writer out;
  header(out, context, Kind::public_key);
  out.raw(key.seed.view());
  for (std::size_t row = 0; row < key.b.limbs(); ++row) write_row(out, context, key.b[row], row);
  return std::move(out).take();
}

base::Result<PublicKey> decode_public_key(const Context& context, base::ByteView bytes) {
  Reader in(bytes);
  KOINON_CHECK(read_header(in, context, Kind::public_key));
  PublicKey out;
  KOINON_TRY(out.seed, in.fixed_bytes<32>());
  out.b = Poly(context.degree(), context.levels());
  for (std::size_t row = 0; row < context.levels(); ++row) KOINON_CHECK(read_row(in, context, row, out.b[row]));
  KOINON_CHECK(in.finish());
  out.a = expand(context, out.seed, Use::public_key, context.levels());
  return out;
}

base::Bytes encode(const Context& context, const EvaluationKeys& keys) {
  Writer out;
  header(out, context, Kind::evaluation_keys);
  out.number(static_cast<std::uint8_t>(keys.relinearise ? 1 : 0));
  if (keys.relinearise) write_key(out, context, *keys.relinearise);
  out.number(static_cast<std::uint16_t>(keys.galois.size()));
  for (const auto& [element, key] : keys.galois) {
    out.number(element);
    write_key(out, context, key);
  }
  return std::move(out).take();
}

base::Result<EvaluationKeys> decode_evaluation_keys(const Context& context, base::ByteView bytes, base::ThreadPool* pool) {
  Reader in(bytes);
  KOINON_CHECK(read_header(in, context, Kind::evaluation_keys));
  EvaluationKeys out;
  KOINON_TRY(const auto relinearise, in.number<std::uint8_t>());
  if (relinearise > 1) return fail(Code::malformed, "[private] relinearisation flag {}: 0 or 1 expected", relinearise);
  if (relinearise == 1) {
    KOINON_TRY(out.relinearise, read_key(in, context, pool));
  }
  KOINON_TRY(const auto count, in.number<std::uint16_t>());
  std::uint32_t last = 1;  // X -> X needs no key
  for (int i = 0; i < count; ++i) {
    KOINON_TRY(const auto element, in.number<std::uint32_t>());
    if (element <= last || element % 2 == 0 || element >= 2 * context.degree())
      return fail(Code::malformed, "[private] key for X -> X^{} after {}: odd, rising and below {} expected", element, last,
                  2 * context.degree());
    last = element;
    KOINON_TRY(auto key, read_key(in, context, pool));
    out.galois.emplace(element, std::move(key));
  }
  KOINON_CHECK(in.finish());
  return out;
}

base::Bytes encode(const Context& context, const SecretKey& key) {
  Writer out;
  header(out, context, Kind::secret_key);
  for (std::size_t i = 0; i < context.degree(); i += 4) {
    std::uint32_t four = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const auto x = static_cast<std::uint32_t>(key.coefficients[i + k]);  // -1: all ones
      four |= ((x & 1U) ^ ((x >> 1 & 1U) * 3U)) << (2 * k);                // 0, 1, 2 for 0, 1, -1
    }
    out.number(static_cast<std::uint8_t>(four));
  }
  return std::move(out).take();
}

base::Result<SecretKey> decode_secret_key(const Context& context, base::ByteView bytes) {
  Reader in(bytes);
  KOINON_CHECK(read_header(in, context, Kind::secret_key));
  KOINON_TRY(const auto packed, in.raw(context.degree() / 4));
  KOINON_CHECK(in.finish());
  Small coefficients(context.degree());
  for (std::size_t i = 0; i < context.degree(); ++i) {
    const int code = packed[i / 4] >> (2 * (i % 4)) & 3;
    coefficients[i] = static_cast<std::int8_t>((code & 1) - (code >> 1) + 4 * (code & (code >> 1)));  // 3 becomes 4: refused
  }
  return restore_secret_key(context, std::move(coefficients));
}

}  // namespace koinon::trust::fhe
