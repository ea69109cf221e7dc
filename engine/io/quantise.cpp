#include "engine/io/quantise.hpp"

#include <algorithm>
#include <cmath>

namespace koinon::engine::io {

using base::Code;
using base::fail;

namespace {

__extension__ typedef __int128 Wide;

Wide floor_div(Wide a, Wide b) { return a / b - (a % b < 0 ? 1 : 0); }

// floor(value / scale + 1/2) for a finite value, or a bound of 2^62 with its sign where it is larger.
std::int64_t nearest(double value, const program::Scale& scale) {
  constexpr std::int64_t kFar = std::int64_t{1} << 62;
  int exponent = 0;
  const auto fraction =
      static_cast<std::int64_t>(std::ldexp(std::frexp(value, &exponent), 53));  // value = fraction * 2^(exponent - 53)
  if (fraction == 0) return 0;
  const int up = exponent - 53 - scale.exponent;
  // |value / scale| = |fraction| * 2^up / mantissa with 2^52 <= |fraction| <= 2^53 and 1 <= mantissa < 2^31.
  if (up >= 62) return fraction < 0 ? -kFar : kFar;
  if (up < -60) return 0;
  const Wide top = up >= 0 ? static_cast<Wide>(fraction) << up : Wide{fraction};
  const Wide bottom = up >= 0 ? Wide{scale.mantissa} : Wide{scale.mantissa} << -up;
  const Wide q = floor_div(2 * top + bottom, 2 * bottom);
  return static_cast<std::int64_t>(std::clamp<Wide>(q, -kFar, kFar));
}

}  // namespace

base::Result<std::int64_t> quantise_one(double value, const program::Scale& scale, std::int64_t low, std::int64_t high) {
  if (std::isnan(value)) return fail(Code::out_of_range, "[quantise] a value is not a number");
  if (std::isinf(value)) return value < 0 ? low : high;
  return std::clamp(nearest(value, scale), low, high);
}

base::Result<tensor::IntTensor> quantise(const program::Input& input, std::span<const double> values) {
  const std::int64_t count = tensor::element_count(input.info.shape);
  if (static_cast<std::int64_t>(values.size()) != count)
    return fail(Code::invalid_argument, "[quantise] {} values for input {} of shape {}: {} expected", values.size(), input.name,
                tensor::shape_text(input.info.shape), count);
  auto out = tensor::IntTensor::zeros(input.info.dtype, input.info.shape);
  for (std::int64_t i = 0; i < count; ++i) {
    auto q = quantise_one(values[static_cast<std::size_t>(i)], input.scale, input.low, input.high);
    if (!q) return fail(std::move(q).error().within(fmt::format("input {}, value {}", input.name, i)));
    out.set(i, *q);
  }
  return out;
}

std::vector<double> dequantise(const tensor::IntTensor& values, const program::Scale& scale) {
  std::vector<double> out;
  for (std::int64_t i = 0; i < values.size(); ++i) out.push_back(static_cast<double>(values.at(i)) * scale.real());
  return out;
}

}  // namespace koinon::engine::io
