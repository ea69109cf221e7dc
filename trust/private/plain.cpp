#include "trust/private/plain.hpp"

#include <bit>
#include <cmath>
#include <complex>

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;
using Complex = std::complex<double>;

/// Explicit products: std::complex's own operator checks for infinities and may call out of line.
Complex times(const Complex& a, const Complex& b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

/// exp(i*pi*reverse(k)/n) at k: halving angles needs square roots alone, which IEEE 754 rounds correctly everywhere.
std::vector<Complex> twiddles(std::size_t n) {
  std::vector<Complex> out(n);
  out[0] = {1, 0};
  double cosine = 0, sine = 1;  // of pi/2
  for (std::size_t m = 1; m < n; m *= 2) {
    for (std::size_t k = 0; k < m; ++k) out[m + k] = times(out[k], {cosine, sine});
    const auto next = std::sqrt((1 + cosine) / 2);
    sine = sine / (2 * next);
    cosine = next;
  }
  return out;
}

}  // namespace

base::Result<Plain> encode_slots(const Context& context, std::span<const std::int64_t> values) {
  const auto n = context.slots(), stride = context.degree() / n;
  if (values.size() > n) return fail(Code::invalid_argument, "[encode] {} values: at most {} slots", values.size(), n);
  const auto t = static_cast<std::int64_t>(context.plain());
  std::vector<double, Aligned<double>> row(n, 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto residue = values[i] % t;
    row[context.slot(i / (n / 2), i % (n / 2))] = static_cast<double>(residue < 0 ? residue + t : residue);
  }
  context.plain_ntt().inverse(row.data());
  Plain out{std::vector<std::int32_t>(context.degree())};
  for (std::size_t i = 0; i < n; ++i) {
    const auto x = static_cast<std::int64_t>(row[i]);
    out.coefficients[stride * i] = static_cast<std::int32_t>(x - (x > t / 2 ? t : 0));
  }
  return out;
}

std::vector<std::int64_t> decode_slots(const Context& context, const Plain& plain) {
  const auto n = context.slots(), stride = context.degree() / n;
  const auto t = static_cast<std::int64_t>(context.plain());
  std::vector<double, Aligned<double>> row(n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto x = plain.coefficients[stride * i];
    row[i] = static_cast<double>(x + (x < 0 ? t : 0));
  }
  context.plain_ntt().forward(row.data());
  std::vector<std::int64_t> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto x = static_cast<std::int64_t>(row[context.slot(i / (n / 2), i % (n / 2))]);
    out[i] = x - (x > t / 2 ? t : 0);
  }
  return out;
}

Bits canonical_norm(const Plain& plain) {
  const auto n = plain.coefficients.size();
  const auto w = twiddles(n);
  std::vector<Complex> a(n);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    a[i] = {static_cast<double>(plain.coefficients[i]), 0};
    sum += static_cast<std::uint64_t>(std::abs(static_cast<std::int64_t>(plain.coefficients[i])));
  }
  if (sum == 0) return {};
  for (std::size_t m = 1; m < n; m *= 2)
    for (std::size_t block = 0, half = n / (2 * m); block < m; ++block)
      for (std::size_t j = 2 * block * half; j < (2 * block + 1) * half; ++j) {
        const auto y = times(a[j + half], w[m + block]);
        a[j + half] = a[j] - y;
        a[j] = a[j] + y;
      }
  double largest = 0;
  for (const auto& x : a) largest = std::max(largest, x.real() * x.real() + x.imag() * x.imag());
  // The transform's error is below 2^-40 of the sum of absolute values, which bounds the norm too (Higham, Accuracy and
  // Stability, 2nd ed., theorem 24.2, for at most 16 stages).
  const auto bound = std::sqrt(largest) + static_cast<double>(sum) * 0x1p-40 + 1;
  return std::min(log2_ceil(sum), log2_ceil(static_cast<std::uint64_t>(bound) + 1));
}

void to_row(const Context& context, std::span<const std::int64_t> coefficients, std::size_t modulus, double* row) {
  const auto q = static_cast<std::int64_t>(context.modulus(modulus).value);
  for (std::size_t i = 0; i < coefficients.size(); ++i)
    row[i] = static_cast<double>(coefficients[i] + (q & (coefficients[i] >> 63)));  // no branch: secrets pass here
  context.ntt(modulus).forward(row);
}

base::Result<PreparedPlain> prepare(const Context& context, const Plain& plain, std::size_t level, base::ThreadPool* pool) {
  const auto n = context.degree();
  if (plain.coefficients.size() != n || level == 0 || level > context.levels())
    return fail(Code::invalid_argument, "[prepare] {} coefficients at level {}: {} and 1 to {} expected",
                plain.coefficients.size(), level, n, context.levels());
  const auto half = static_cast<std::int64_t>(context.plain() / 2);
  std::vector<std::int64_t> wide(plain.coefficients.begin(), plain.coefficients.end());
  for (auto x : wide)
    if (x > half || x < -half) return fail(Code::invalid_argument, "[prepare] coefficient {}: within {} expected", x, half);
  PreparedPlain out{Poly(n, level), level, canonical_norm(plain)};
  each(pool, level, [&](std::size_t i) { to_row(context, wide, i, out.values[i]); });
  return out;
}

}  // namespace koinon::trust::fhe
