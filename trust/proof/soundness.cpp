#include "trust/proof/soundness.hpp"

#include <cmath>

#include "trust/proof/claims.hpp"

namespace koinon::trust::proof {
namespace {

// Logarithms to base 2, rounded towards a larger error by the margin below. No result of this file enters a proof.
constexpr double kFieldBits = 191.999;  // |F| = p^3 > 2^191.999
constexpr double kMargin = 0.01;

SoundnessTerm over_field(std::string what, double numerator) {
  return {std::move(what), kFieldBits - std::log2(std::max(1.0, numerator))};
}

/// Adds the terms of the opening of `columns` columns, and the sum of all.
Soundness with_opening(Soundness out, const Params& params, double columns) {
  const double n = std::ldexp(1.0, static_cast<int>(params.rows_log + kRateLog));
  out.terms.push_back(over_field("opening: rho and sumcheck", 1 + 2.0 * params.rows_log));
  out.terms.push_back(over_field("columns (gamma)", 2 * columns * n));
  out.terms.push_back(over_field("folding", 2 * 2 * n + params.rows_log));
  const double far = 1 - (1 - std::ldexp(1.0, -static_cast<int>(kRateLog))) / 2;
  out.terms.push_back({"queries and work", -std::log2(far) * params.queries + params.work_bits});
  double error = 0;
  for (const auto& term : out.terms) error += std::exp2(-term.bits);
  out.total_bits = -std::log2(error) - kMargin;
  return out;
}

}  // namespace

Soundness refresh_soundness(const Params& params, unsigned cells_log, std::size_t columns) {
  Soundness out;
  out.terms.push_back(over_field("difference (zeta)", cells_log));
  return with_opening(std::move(out), params, static_cast<double>(columns));
}

Soundness soundness(const Layout& layout, const Circuit& circuit) {
  Soundness out;
  const double variables = circuit.rows_log();
  out.terms.push_back(over_field("lookups (alpha, beta)", 3.0 * static_cast<double>(circuit.lookups())));
  out.terms.push_back(over_field("rows: tau and sumcheck", variables + 3 * variables));
  double forms = 0;
  for (const auto& form : circuit.bilinears()) forms += form_rows_log(form) + form_columns_log(form) + 2 * form.inner_log();
  out.terms.push_back(over_field("bilinear forms: tau and sumchecks", forms));
  out.terms.push_back(over_field("linear claims (lambda)", 5 + 4 * static_cast<double>(circuit.bilinears().size())));
  return with_opening(std::move(out), layout.params, static_cast<double>(layout.columns()));
}

}  // namespace koinon::trust::proof
