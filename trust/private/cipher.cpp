#include "trust/private/cipher.hpp"

#include <bit>
#include <cmath>

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;

/// Wide secret coefficients, wiped when they go.
struct Wide {
  std::vector<std::int64_t> values;
  explicit Wide(std::size_t n) : values(n) {}
  Wide(const Wide&) = delete;
  Wide& operator=(const Wide&) = delete;
  ~Wide() { base::wipe({reinterpret_cast<std::uint8_t*>(values.data()), values.size() * sizeof(std::int64_t)}); }
};

base::Status check_plain(const Context& context, const Plain& plain, std::size_t level) {
  if (plain.coefficients.size() != context.degree() || level == 0 || level > context.levels())
    return fail(Code::invalid_argument, "[encrypt] {} coefficients at level {}: {} and 1 to {} expected",
                plain.coefficients.size(), level, context.degree(), context.levels());
  const auto half = static_cast<std::int32_t>(context.plain() / 2);
  std::int32_t outside = 0;
  for (auto x : plain.coefficients) outside |= static_cast<std::int32_t>(x > half) | static_cast<std::int32_t>(x < -half);
  if (outside != 0) return fail(Code::invalid_argument, "[encrypt] a coefficient beyond {}", half);
  return {};
}

/// row = row + x*y of NTT rows, by way of a wiped product.
void add_product(const Context& context, const double* x, const double* y, std::size_t modulus, double* row) {
  kernels().mul_add(x, y, row, context.degree(), context.modulus(modulus));
}

/// (b u + t e_0 [+ m], a u + t e_1) with u, e_0, e_1 from `secret`.
std::vector<Poly> public_pair(const Context& context, const PublicKey& key, const std::int32_t* message, std::size_t level,
                              const base::Hash& secret) {
  const auto n = context.degree();
  const auto t = static_cast<std::int64_t>(context.plain());
  Stream ones(secret, Use::noise, 0), first(secret, Use::noise, 1), second(secret, Use::noise, 2);
  const auto u = sample_ternary(ones, n);
  const auto e0 = sample_error(first, n);
  const auto e1 = sample_error(second, n);
  Wide wide_u(n), wide0(n), wide1(n);
  for (std::size_t i = 0; i < n; ++i) {
    wide_u.values[i] = u[i];
    wide0.values[i] = t * e0[i] + (message == nullptr ? 0 : message[i]);
    wide1.values[i] = t * e1[i];
  }
  std::vector<Poly> parts(2, Poly(n, level));
  for (std::size_t i = 0; i < level; ++i) {
    SecretPoly row(n, 1);
    to_row(context, wide_u.values, i, row[0]);
    to_row(context, wide0.values, i, parts[0][i]);
    to_row(context, wide1.values, i, parts[1][i]);
    add_product(context, key.b[i], row[0], i, parts[0][i]);
    add_product(context, key.a[i], row[0], i, parts[1][i]);
  }
  return parts;
}

/// Centred residues modulo t of a phase given by coefficients, which are overwritten. The quotient by Q is found in doubles:
/// its error is below 2^-45, and the plan keeps |phase| at most Q/2 * (1 - 2^-40), so it rounds right.
Plain round_phase(const Context& context, SecretPoly& v) {
  const auto n = context.degree();
  std::vector<Modulus> from;
  std::vector<double*> rows;
  for (std::size_t i = 0; i < v.limbs(); ++i) {
    from.push_back(context.modulus(i));
    rows.push_back(v[i]);
  }
  const Modulus t(context.plain());
  const BaseConverter converter(from, {t}, 1, 1);
  SecretPoly out(n, 2);
  converter.prepare(rows, out[0], n);
  converter.convert(rows, out[0], 0, out[1], n);
  Plain plain{std::vector<std::int32_t>(n)};
  for (std::size_t i = 0; i < n; ++i)
    plain.coefficients[i] = static_cast<std::int32_t>(out[1][i] - (out[1][i] > t.q / 2 ? t.q : 0));
  return plain;
}

base::Status check_shape(const Context& context, const Ciphertext& c) {
  const bool right = c.level >= 1 && c.level <= context.levels() && (c.parts.size() == 2 || c.parts.size() == 3) &&
                     std::all_of(c.parts.begin(), c.parts.end(),
                                 [&](const Poly& p) { return p.degree() == context.degree() && p.limbs() == c.level; });
  if (!right)
    return fail(Code::invalid_argument, "[cipher] {} parts at level {}: 2 or 3 of as many rows expected", c.parts.size(),
                c.level);
  return {};
}

}  // namespace

base::Result<Ciphertext> encrypt(const Context& context, const SecretKey& key, const Plain& plain, std::size_t level,
                                 base::Random& random) {
  KOINON_CHECK(check_plain(context, plain, level));
  const NoisePlan plan(context.parameters());
  KOINON_CHECK(plan.fits("encrypt", plan.fresh_symmetric(), level));
  const auto n = context.degree();
  Ciphertext out{.level = level, .parts = {}, .noise = plan.fresh_symmetric(), .seed = random.hash()};
  auto secret = random.hash();
  Stream stream(secret, Use::noise);
  const auto e = sample_error(stream, n);
  base::wipe(secret.bytes);
  Wide wide(n);
  for (std::size_t i = 0; i < n; ++i)
    wide.values[i] = static_cast<std::int64_t>(context.plain()) * e[i] + plain.coefficients[i];
  out.parts.emplace_back(n, level);
  out.parts.push_back(expand(context, *out.seed, Use::ciphertext, level));
  for (std::size_t i = 0; i < level; ++i) {
    to_row(context, wide.values, i, out.parts[0][i]);
    SecretPoly product(n, 1);
    kernels().mul(out.parts[1][i], key.values[i], product[0], n, context.modulus(i));
    kernels().sub(out.parts[0][i], product[0], out.parts[0][i], n, context.modulus(i));
  }
  return out;
}

base::Result<Ciphertext> encrypt(const Context& context, const PublicKey& key, const Plain& plain, std::size_t level,
                                 base::Random& random) {
  KOINON_CHECK(check_plain(context, plain, level));
  const NoisePlan plan(context.parameters());
  KOINON_CHECK(plan.fits("encrypt", plan.fresh_public(), level));
  auto secret = random.hash();
  Ciphertext out{.level = level,
                 .parts = public_pair(context, key, plain.coefficients.data(), level, secret),
                 .noise = plan.fresh_public(),
                 .seed = {}};
  base::wipe(secret.bytes);
  return out;
}

SecretPoly phase(const Context& context, const SecretKey& key, const Ciphertext& c) {
  const auto n = context.degree();
  SecretPoly v(n, c.level);
  for (std::size_t i = 0; i < c.level; ++i) {
    std::copy_n(c.parts.back()[i], n, v[i]);
    for (auto part = c.parts.size() - 1; part-- > 0;) {  // Horner in s
      kernels().mul(v[i], key.values[i], v[i], n, context.modulus(i));
      kernels().add(v[i], c.parts[part][i], v[i], n, context.modulus(i));
    }
    context.ntt(i).inverse(v[i]);
  }
  return v;
}

base::Result<Plain> decrypt(const Context& context, const SecretKey& key, const Ciphertext& cipher) {
  KOINON_CHECK(check_shape(context, cipher));
  KOINON_CHECK(NoisePlan(context.parameters()).fits("decrypt", cipher.noise, cipher.level));
  auto v = phase(context, key, cipher);
  return round_phase(context, v);
}

FloodPlan flooded(const NoisePlan& plan, const Parameters& parameters, Bits v, int flood_bits) {
  // The error is (v - m)/t: below 2^(v - log2 t + 1). t times the flood has a canonical norm of at most N times its size.
  const auto masked = log2_sum(v, plan.fresh_public());
  const auto bits = std::max(0, (masked - log2_floor(parameters.plain)).units / Bits::kUnit) + 2 + flood_bits;
  return {bits, log2_sum(masked, log2_ceil(parameters.plain) + log2_ceil(parameters.degree) + Bits{bits * Bits::kUnit})};
}

base::Result<Ciphertext> flood(const Context& context, const PublicKey& key, const Ciphertext& cipher, const base::Hash& seed,
                               int flood_bits) {
  KOINON_CHECK(check_shape(context, cipher));
  if (cipher.parts.size() != 2 || flood_bits < 1 || flood_bits > 60)
    return fail(Code::invalid_argument, "[flood] {} parts, {} bits: 2 parts and 1 to 60 bits expected", cipher.parts.size(),
                flood_bits);
  const NoisePlan plan(context.parameters());
  const auto n = context.degree();
  const auto [bits, total] = flooded(plan, context.parameters(), cipher.noise, flood_bits);
  auto out = cipher;
  out.seed.reset();
  out.noise = total;
  KOINON_CHECK(plan.fits("flood", out.noise, cipher.level));
  if (bits > 120) return fail(Code::exhausted, "[flood] {} bits of noise: at most 120; switch moduli before", bits);
  const auto zero = public_pair(context, key, nullptr, cipher.level, seed);
  Stream stream(seed, Use::flood);
  std::vector<Uint128> wide(n);
  for (auto& x : wide) {
    x = static_cast<Uint128>(stream.word()) << 64;
    x = (x | stream.word()) >> (127 - bits);  // uniform in [0, 2^(bits+1)): 2^bits is taken off below
  }
  for (std::size_t i = 0; i < cipher.level; ++i) {
    const auto q = context.modulus(i).value;
    const auto shift = pow_mod(2, static_cast<std::uint64_t>(bits), q);
    Poly row(n, 1);
    for (std::size_t k = 0; k < n; ++k)
      row[0][k] = static_cast<double>(mul_mod(static_cast<std::uint64_t>(wide[k] % q) + q - shift, context.plain(), q));
    context.ntt(i).forward(row[0]);
    for (std::size_t part = 0; part < 2; ++part)
      kernels().add(out.parts[part][i], zero[part][i], out.parts[part][i], n, context.modulus(i));
    kernels().add(out.parts[0][i], row[0], out.parts[0][i], n, context.modulus(i));
  }
  return out;
}

}  // namespace koinon::trust::fhe
