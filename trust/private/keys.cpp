#include "trust/private/keys.hpp"

#include "trust/private/plain.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;

/// t * e as NTT values of one modulus.
void error_row(const Context& context, const Small& e, std::size_t modulus, double* row) {
  std::vector<std::int64_t> wide(e.size());
  for (std::size_t i = 0; i < e.size(); ++i) wide[i] = static_cast<std::int64_t>(context.plain()) * e[i];
  to_row(context, wide, modulus, row);
  base::wipe({reinterpret_cast<std::uint8_t*>(wide.data()), wide.size() * sizeof(std::int64_t)});
}

SecretPoly rows_of(const Context& context, const Small& s) {
  SecretPoly out(s.size(), context.levels() + context.specials());
  std::vector<std::int64_t> wide(s.size());
  for (std::size_t i = 0; i < s.size(); ++i) wide[i] = s[i];
  for (std::size_t i = 0; i < out.limbs(); ++i) to_row(context, wide, i, out[i]);
  base::wipe({reinterpret_cast<std::uint8_t*>(wide.data()), wide.size() * sizeof(std::int64_t)});
  return out;
}

/// b = b - a*s on one row.
void subtract_product(const Context& context, const double* a, const double* s, std::size_t modulus, double* b) {
  SecretPoly product(context.degree(), 1);
  kernels().mul(a, s, product[0], context.degree(), context.modulus(modulus));
  kernels().sub(b, product[0], b, context.degree(), context.modulus(modulus));
}

/// The key that switches from `from` (NTT values modulo every modulus) to the key.
base::Result<SwitchKey> make_switch_key(const Context& context, const SecretKey& key, const SecretPoly& from, std::size_t level,
                                        base::Random& random, base::ThreadPool* pool) {
  if (level == 0 || level > context.levels())
    return fail(Code::invalid_argument, "[switch key] level {}: 1 to {} expected", level, context.levels());
  if (context.specials() == 0) return fail(Code::unsupported, "[switch key] the parameters have no special primes");
  const auto n = context.degree();
  SwitchKey out{.level = level, .seed = random.hash(), .b = {}, .a = {}};
  out.a = expand_switch_key(context, out.seed, level, pool);
  auto secret = random.hash();
  const auto digit_size = context.parameters().digit;
  for (std::size_t digit = 0; digit < context.digits(level); ++digit) {
    Stream stream(secret, Use::noise, digit);
    const auto e = sample_error(stream, n);
    out.b.emplace_back(n, level + context.specials());
    auto& b = out.b.back();
    each(pool, b.limbs(), [&](std::size_t row) {
      const auto modulus = context.extended(level, row);
      error_row(context, e, modulus, b[row]);
      subtract_product(context, out.a[digit][row], key.values[modulus], modulus, b[row]);
      if (row >= level || row / digit_size != digit) return;
      SecretPoly gadget(n, 1);
      kernels().scale(from[modulus], context.special_mod(row), gadget[0], n, context.modulus(modulus));
      kernels().add(b[row], gadget[0], b[row], n, context.modulus(modulus));
    });
  }
  base::wipe(secret.bytes);
  return out;
}

}  // namespace

SecretKey make_secret_key(const Context& context, base::Random& random) {
  auto seed = random.hash();
  Stream stream(seed, Use::secret);
  auto coefficients = sample_ternary(stream, context.degree());
  base::wipe(seed.bytes);
  auto values = rows_of(context, coefficients);
  return {std::move(coefficients), std::move(values)};
}

base::Result<SecretKey> restore_secret_key(const Context& context, Small coefficients) {
  if (coefficients.size() != context.degree())
    return fail(Code::malformed, "[secret key] {} coefficients: {} expected", coefficients.size(), context.degree());
  bool ternary = true;
  for (std::size_t i = 0; i < coefficients.size(); ++i) ternary &= coefficients[i] >= -1 && coefficients[i] <= 1;
  if (!ternary) return fail(Code::malformed, "[secret key] a coefficient is not -1, 0 or 1");
  auto values = rows_of(context, coefficients);
  return SecretKey{std::move(coefficients), std::move(values)};
}

PublicKey make_public_key(const Context& context, const SecretKey& key, base::Random& random) {
  PublicKey out{.seed = random.hash(), .b = Poly(context.degree(), context.levels()), .a = {}};
  out.a = expand(context, out.seed, Use::public_key, context.levels());
  auto secret = random.hash();
  Stream stream(secret, Use::noise);
  const auto e = sample_error(stream, context.degree());
  base::wipe(secret.bytes);
  for (std::size_t i = 0; i < context.levels(); ++i) {
    error_row(context, e, i, out.b[i]);
    subtract_product(context, out.a[i], key.values[i], i, out.b[i]);
  }
  return out;
}

base::Result<SwitchKey> make_relinearisation_key(const Context& context, const SecretKey& key, std::size_t level,
                                                 base::Random& random, base::ThreadPool* pool) {
  SecretPoly square(context.degree(), key.values.limbs());
  for (std::size_t i = 0; i < square.limbs(); ++i)
    kernels().mul(key.values[i], key.values[i], square[i], context.degree(), context.modulus(i));
  return make_switch_key(context, key, square, level, random, pool);
}

base::Result<SwitchKey> make_galois_key(const Context& context, const SecretKey& key, std::uint32_t element, std::size_t level,
                                        base::Random& random, base::ThreadPool* pool) {
  if (element % 2 == 0 || element >= 2 * context.degree())
    return fail(Code::invalid_argument, "[galois key] element {}: odd and below {} expected", element, 2 * context.degree());
  return make_switch_key(context, key, permuted(key.values, context.permutation(element)), level, random, pool);
}

Poly expand(const Context& context, const base::Hash& seed, Use use, std::size_t level) {
  Poly out(context.degree(), level);
  for (std::size_t i = 0; i < level; ++i) {
    Stream stream(seed, use, 0, i);
    sample_uniform(stream, {out[i], context.degree()}, context.modulus(i));
  }
  return out;
}

std::vector<Poly> expand_switch_key(const Context& context, const base::Hash& seed, std::size_t level, base::ThreadPool* pool) {
  const auto rows = level + context.specials();
  std::vector<Poly> out(context.digits(level), Poly(context.degree(), rows));
  each(pool, out.size() * rows, [&](std::size_t i) {
    const auto modulus = context.extended(level, i % rows);
    Stream stream(seed, Use::switch_key, i / rows, modulus);
    sample_uniform(stream, {out[i / rows][i % rows], context.degree()}, context.modulus(modulus));
  });
  return out;
}

}  // namespace koinon::trust::fhe
