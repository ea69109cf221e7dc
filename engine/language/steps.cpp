#include <algorithm>
#include <cmath>

#include "engine/language/lower.hpp"

namespace koinon::engine::language {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }
std::int64_t nearest(double x) { return static_cast<std::int64_t>(std::floor(x + 0.5)); }

constexpr double kSumLimit = 2147483647.0;
constexpr double kBiasLimit = 0x1p27;

}  // namespace

void Lower::refuse(std::string_view what, double value) {
  if (!error_) error_ = base::Error{base::Code::out_of_range, fmt::format("[language] {}: {}", what, value)};
}

Rows Lower::rows_of(const Linear& linear, const Norm* norm) const {
  const auto limit = (std::int64_t{1} << (options_.weights - 1)) - 1;
  Rows out{IntTensor::zeros(DType::i8, {linear.out, linear.in}), {}, {}, 0};
  std::vector<double> row(at(linear.in));
  std::int64_t most = 1;
  for (std::int64_t r = 0; r < linear.out; ++r) {
    double top = 1e-12, bias = linear.bias.empty() ? 0 : static_cast<double>(linear.bias[at(r)]);
    for (std::int64_t i = 0; i < linear.in; ++i) {
      const auto w = static_cast<double>(linear.weights[at(r * linear.in + i)]);
      row[at(i)] = norm == nullptr ? w : w * static_cast<double>(norm->gain[at(i)]);
      if (norm != nullptr && !norm->offset.empty()) bias += w * static_cast<double>(norm->offset[at(i)]);
      top = std::max(top, std::fabs(row[at(i)]));
    }
    const double unit = top / static_cast<double>(limit);
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < linear.in; ++i) {
      const auto q = std::clamp(nearest(row[at(i)] / unit), -limit, limit);
      out.weights.set(r * linear.in + i, q);
      sum += q < 0 ? -q : q;
    }
    most = std::max(most, sum);
    out.unit.push_back(unit);
    out.bias.push_back(bias);
  }
  out.input_limit = static_cast<std::int64_t>((kSumLimit - 2 * kBiasLimit) / static_cast<double>(most));
  return out;
}

std::int64_t Lower::operand_limit(std::initializer_list<const Rows*> users) const {
  std::int64_t limit = value_limit_;
  for (const auto* rows : users) limit = std::min(limit, rows->input_limit);
  return limit;
}

Ref Lower::product(const Operand& x, const Rows& rows, std::vector<double>& units) {
  const auto count = static_cast<std::int64_t>(rows.unit.size());
  IntTensor bias = IntTensor::zeros(DType::i32, {count});
  units.clear();
  for (std::int64_t r = 0; r < count; ++r) {
    units.push_back(x.unit * rows.unit[at(r)]);
    const double units_of_bias = rows.bias[at(r)] / units.back();
    if (!(std::fabs(units_of_bias) < kBiasLimit)) refuse("a bias dwarfs its row of weights, in units", units_of_bias);
    bias.set(r, nearest(std::clamp(units_of_bias, -kBiasLimit, kBiasLimit)));
  }
  const Ref weights = b_.weight(rows.weights);
  const Ref offsets = b_.weight(std::move(bias));
  return b_.matmul(x.ref, weights, offsets, DType::i32);
}

Ref Lower::rescale(Ref x, const std::vector<double>& ratios, std::int64_t limit, DType type, Shape shape) {
  if (shape.empty() && ratios.size() > 1) shape = {static_cast<std::int64_t>(ratios.size())};
  IntTensor m = IntTensor::zeros(DType::i16, shape), s = IntTensor::zeros(DType::i8, shape);
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    int exponent = 0;
    auto factor = nearest(std::frexp(ratios[i], &exponent) * 32768);  // in [2^14, 2^15]
    int places = 15 - exponent;
    if (factor == 32768) {
      factor = 16384;
      --places;
    }
    if (places > 62 && places < 77) {
      factor = std::max<std::int64_t>(1, factor >> (places - 62));
      places = 62;
    }
    if (!(ratios[i] > 0) || places < 1 || places > 62) {
      refuse("a ratio of scales", ratios[i]);
      factor = places = 1;
    }
    m.set(static_cast<std::int64_t>(i), factor);
    s.set(static_cast<std::int64_t>(i), places);
  }
  const Ref factors = b_.weight(std::move(m));
  const Ref shifts = b_.weight(std::move(s));
  return b_.requantise(x, factors, shifts, -limit, limit, type);
}

Ref Lower::halve(Ref x, std::int64_t low, std::int64_t high, DType type) {
  const Ref factor = scalar(DType::i16, 1);
  const Ref places = scalar(DType::i8, 1);
  return b_.requantise(x, factor, places, low, high, type);
}

Ref Lower::clamp(Ref x, std::int64_t low, std::int64_t high, DType type) {
  const Ref factor = scalar(DType::i16, 2);
  const Ref places = scalar(DType::i8, 1);
  return b_.requantise(x, factor, places, low, high, type);
}

Ref Lower::scalar(DType type, std::int64_t value) {
  IntTensor data = IntTensor::zeros(type, {});
  data.set(0, value);
  return b_.weight(std::move(data));
}

Ref Lower::counting(std::int64_t n, Shape shape) {
  IntTensor data = IntTensor::zeros(DType::i32, std::move(shape));
  for (std::int64_t i = 0; i < n; ++i) data.set(i, i);
  return b_.weight(std::move(data));
}

Ref Lower::table(std::int64_t low, std::int64_t high, DType type, const std::function<double(std::int64_t)>& f) {
  IntTensor data = IntTensor::zeros(type, {high - low + 1});
  const auto least = tensor::dtype_low(type), most = tensor::dtype_high(type);
  for (std::int64_t i = low; i <= high; ++i) data.set(i - low, std::clamp(nearest(std::clamp(f(i), -1e15, 1e15)), least, most));
  return b_.table(std::move(data));
}

}  // namespace koinon::engine::language
