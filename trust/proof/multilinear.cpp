#include "trust/proof/multilinear.hpp"

#include "base/result.hpp"

namespace koinon::trust::proof {

std::vector<Ext> eq_table(std::span<const Ext> point) {
  std::vector<Ext> out(std::size_t{1} << point.size());
  out[0] = Ext(Fp(1));
  for (std::size_t j = 0; j < point.size(); ++j) {
    const std::size_t half = std::size_t{1} << j;
    for (std::size_t i = 0; i < half; ++i) {
      out[i + half] = out[i] * point[j];
      out[i] -= out[i + half];
    }
  }
  return out;
}

Ext eq_value(std::span<const Ext> a, std::span<const Ext> b) {
  KOINON_INVARIANT(a.size() == b.size());
  Ext out(Fp(1));
  for (std::size_t j = 0; j < a.size(); ++j) {
    const Ext both = a[j] * b[j];
    out *= Ext(Fp(1)) - a[j] - b[j] + both + both;
  }
  return out;
}

Ext evaluate(std::span<const Ext> values, std::span<const Ext> point) {
  const auto table = eq_table(point);
  KOINON_INVARIANT(table.size() == values.size());
  Ext out;
  for (std::size_t i = 0; i < values.size(); ++i) out += table[i] * values[i];
  return out;
}

Ext evaluate(std::span<const Fp> values, std::span<const Ext> point) {
  const auto table = eq_table(point);
  KOINON_INVARIANT(table.size() == values.size());
  Ext out;
  for (std::size_t i = 0; i < values.size(); ++i) out += table[i] * values[i];
  return out;
}

Ext round_value(std::span<const Ext> values, const Ext& claim, const Ext& x) {
  KOINON_INVARIANT(!values.empty() && values.size() <= 3);
  const std::size_t degree = values.size();
  std::array<Ext, 4> at{values[0], claim - values[0]};
  for (std::size_t k = 2; k <= degree; ++k) at[k] = values[k - 1];
  Ext out;
  for (std::size_t k = 0; k <= degree; ++k) {  // Lagrange over 0, ..., degree
    Ext numerator(Fp(1));
    Fp denominator(1);
    for (std::size_t j = 0; j <= degree; ++j) {
      if (j == k) continue;
      numerator *= x - Ext(Fp(j));
      denominator *= Fp(k) - Fp(j);
    }
    out += at[k] * numerator * inverse(denominator);
  }
  return out;
}

}  // namespace koinon::trust::proof
