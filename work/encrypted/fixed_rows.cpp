#include "work/encrypted/fixed_rows.hpp"

#include <algorithm>
#include <cmath>

namespace koinon::work {
namespace {

using base::Code;
using base::fail;
using base::Result;
using trust::fhe::LogisticRule;

constexpr std::int64_t kMost = (std::int64_t{1} << 28) - 1;
constexpr std::int64_t kUnit = 256;         ///< of residuals, and the largest argument of the sigmoid
constexpr double kArgument = 32;            ///< arguments of the sigmoid to 1
constexpr std::int64_t kLeastWeights = 64;  ///< coarser weights learn nothing

/// The widest features of 2 to 8 bits whose sums fit; none when nothing does.
std::int64_t feature_bound(std::size_t features, std::size_t rows) {
  for (std::int64_t bound = 127; bound >= 1; bound /= 2) {
    const auto gradients = static_cast<std::int64_t>(rows) * bound * kUnit;
    const auto scores = static_cast<std::int64_t>(features) * bound * kLeastWeights;
    if (gradients <= kMost && scores <= kMost) return bound;
  }
  return 0;
}

int nearest_power(double value) { return static_cast<int>(std::lround(std::log2(value))); }

/// Shifts of a rule whose bounds stand. A weight w is worth w * bound / (2^score_shift * 32) for a column within [-1, 1].
void set_shifts(LogisticRule& rule, double rate) {
  const auto bound = static_cast<double>(rule.feature_bound);
  // A quarter of the largest weight alone can lead the sigmoid to its end.
  rule.score_shift =
      std::max(0, nearest_power(bound * static_cast<double>(rule.weight_bound) / 4 / static_cast<double>(kUnit)));
  // step = rate * gradient / (256 bound rows), in units of weights.
  const auto divisor = 8 * bound * bound * static_cast<double>(rule.rows) / (rate * std::ldexp(1.0, rule.score_shift));
  rule.step_shift = std::clamp(nearest_power(divisor), 1, 61);
}

}  // namespace

Result<FixedRows> fix_rows(std::span<const double> values, std::size_t rows, std::size_t columns, double rate) {
  if (rows < 1 || columns < 1 || values.size() != rows * columns || !(rate > 0 && rate <= 1000))
    return fail(Code::invalid_argument, "[rows] {} values for {} rows of {} columns, rate {}: up to 1000 expected",
                values.size(), rows, columns, rate);
  if (!std::ranges::all_of(values, [](double v) { return std::isfinite(v); }))
    return fail(Code::invalid_argument, "[rows] a value that is no number");
  const auto bound = feature_bound(columns + 1, rows);
  if (bound == 0 || columns > 4095)
    return fail(Code::out_of_range, "[rows] {} rows of {} columns: sums below 2^28 hold {} rows of at most 4095 columns", rows,
                columns, kMost / kUnit);
  FixedRows out;
  out.rule.features = columns + 1;
  out.rule.rows = rows;
  out.rule.feature_bound = bound;
  out.rule.weight_bound = std::min<std::int64_t>(32767, kMost / (static_cast<std::int64_t>(columns + 1) * bound));
  set_shifts(out.rule, rate);
  for (std::size_t j = 0; j < columns; ++j) {
    double low = values[j], high = values[j];
    for (std::size_t i = 0; i < rows; ++i) {
      low = std::min(low, values[i * columns + j]);
      high = std::max(high, values[i * columns + j]);
    }
    const auto unit = (high / 2 - low / 2) / static_cast<double>(bound);
    out.columns.push_back({low / 2 + high / 2, unit > 0 ? unit : 1});
  }
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      const auto x = std::floor((values[i * columns + j] - out.columns[j].middle) / out.columns[j].unit + 0.5);
      out.x.push_back(static_cast<std::int64_t>(std::clamp(x, -static_cast<double>(bound), static_cast<double>(bound))));
    }
    out.x.push_back(bound);
  }
  return out;
}

RealWeights real_weights(const FixedRows& rows, std::span<const std::int64_t> weights) {
  const auto unit = 1 / (std::ldexp(1.0, rows.rule.score_shift) * kArgument);
  RealWeights out;
  out.offset = static_cast<double>(weights.back() * rows.rule.feature_bound) * unit;
  for (std::size_t j = 0; j < rows.columns.size(); ++j) {
    out.weights.push_back(static_cast<double>(weights[j]) * unit / rows.columns[j].unit);
    out.offset -= out.weights.back() * rows.columns[j].middle;
  }
  return out;
}

std::size_t right_labels(const FixedRows& rows, std::span<const std::int64_t> weights, std::span<const int> labels) {
  std::size_t right = 0;
  for (std::size_t i = 0; i < rows.rule.rows; ++i) {
    std::int64_t score = 0;
    for (std::size_t j = 0; j < weights.size(); ++j) score += weights[j] * rows.x[i * weights.size() + j];
    if ((score > 0 ? 1 : 0) == labels[i]) ++right;
  }
  return right;
}

}  // namespace koinon::work
