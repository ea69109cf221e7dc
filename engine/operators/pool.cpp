#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/operators/lowering.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/window.hpp"

// MaxPool, AveragePool, GlobalMaxPool and GlobalAveragePool over x [n, c, spatial...].
namespace koinon::engine::operators {

namespace {

bool is_max(const Call& call) { return call.node().op.find("Max") != std::string::npos; }

Result<Window> window(const Call& call) {
  const auto& x = call.shape(0);
  if (x.size() < 3) return call.fail(Code::malformed, "input of shape {}", tensor::shape_text(x));
  if (!onnx::is_float(call.type(0).element)) return call.fail(Code::unsupported, "integer tensors");
  std::vector<std::int64_t> kernel(x.begin() + 2, x.end());
  if (!call.node().op.starts_with("Global")) {
    kernel = call.integers("kernel_shape");
    if (call.integer("storage_order", 0) != 0) return call.fail(Code::unsupported, "storage_order");
    static_cast<void>(call.integer("count_include_pad", 0));
  }
  KOINON_TRY(auto at, read_window(call, x, std::move(kernel)));
  for (std::size_t d = 0; d < at.kernel.size(); ++d)
    if (at.begin[d] >= (at.kernel[d] - 1) * at.dilations[d] + 1 || at.end[d] >= (at.kernel[d] - 1) * at.dilations[d] + 1)
      return call.fail(Code::malformed, "axis {}: padding as long as the window", d);
  return at;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto at, window(call));
  Type out = call.type(0);
  std::copy(at.out.begin(), at.out.end(), out.shape.begin() + 2);
  return std::vector<Type>{out};
}

/// Offsets in the plane of the elements under the window of output `index`, and the number that a mean divides by.
struct Under {
  std::vector<std::size_t> offsets;
  std::int64_t divisor = 0;
};

Under under(const Window& at, std::int64_t index, bool include_pad) {
  const auto d = at.kernel.size();
  const auto out = strides_of(at.out), in = strides_of(at.in), taps = strides_of(at.kernel);
  Under result;
  for (std::int64_t t = 0; t < onnx::count(at.kernel); ++t) {
    std::int64_t offset = 0;
    bool inside = true, padded = true;
    for (std::size_t i = 0; i < d; ++i) {
      const auto p = at.position(i, index / out[i] % at.out[i], t / taps[i] % at.kernel[i]);
      inside = inside && p >= 0 && p < at.in[i];
      padded = padded && p < at.in[i] + at.end[i];
      offset += p * in[i];
    }
    if (inside) result.offsets.push_back(static_cast<std::size_t>(offset));
    if (include_pad ? padded : inside) ++result.divisor;
  }
  return result;
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto at, window(call));
  Value y = Value::zeros(call.output_type(0));
  const auto area = onnx::count(at.out), plane = onnx::count(at.in), planes = y.shape[0] * y.shape[1];
  const bool max = is_max(call), include = call.integer("count_include_pad", 0) != 0;
  for (std::int64_t p = 0; p < area; ++p) {
    const auto cover = under(at, p, include);
    for (std::int64_t c = 0; c < planes; ++c) {
      const float* x = call.value(0).floats.data() + c * plane;
      float top = -std::numeric_limits<float>::infinity();
      double sum = 0;
      for (auto offset : cover.offsets) {
        top = std::max(top, x[offset]);
        sum += static_cast<double>(x[offset]);
      }
      const auto mean = static_cast<float>(sum / static_cast<double>(std::max<std::int64_t>(cover.divisor, 1)));
      y.floats[static_cast<std::size_t>(c * area + p)] = max ? top : mean;
    }
  }
  return std::vector<Value>{std::move(y)};
}

program::ReduceParams params(const Window& at, program::ReduceOp op) {
  const auto around = [](std::vector<std::int64_t> v, std::int64_t fill) {
    v.insert(v.begin(), fill);
    v.push_back(fill);
    return v;
  };
  // The padding behind is what the last window needs: less than declared when the stride leaves a rest, more with ceil_mode.
  std::vector<std::int64_t> end;
  for (std::size_t i = 0; i < at.kernel.size(); ++i)
    end.push_back(std::max<std::int64_t>(0, at.position(i, at.out[i] - 1, at.kernel[i] - 1) + 1 - at.in[i]));
  return {op, around(at.kernel, 1), around(at.strides, 1), around(at.dilations, 1), around(at.begin, 0), around(end, 0)};
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto at, window(call));
  KOINON_TRY(const auto x, to.in(call, 0));
  const auto ref = to.channels_last(x);
  if (is_max(call)) return to.set(call, to.builder().reduce(ref, params(at, program::ReduceOp::max)), x.scale, true);
  const auto sum = to.builder().reduce(ref, params(at, program::ReduceOp::sum));
  std::vector<std::int64_t> divisors;
  for (std::int64_t p = 0; p < onnx::count(at.out); ++p)
    divisors.push_back(std::max<std::int64_t>(1, under(at, p, call.integer("count_include_pad", 0) != 0).divisor));
  if (std::ranges::all_of(divisors, [&](auto v) { return v == divisors[0]; }))
    return to.emit(call, sum, {x.scale.real() / static_cast<double>(divisors[0])}, true);
  // Windows at the border cover fewer elements: multiply by 2^14 / count, one factor a position.
  Shape shape{1};
  shape.insert(shape.end(), at.out.begin(), at.out.end());
  shape.push_back(1);
  IntTensor factors = IntTensor::zeros(DType::i16, shape);
  for (std::size_t i = 0; i < divisors.size(); ++i)
    factors.set(static_cast<std::int64_t>(i), (2 * 16384 / divisors[i] + 1) / 2);
  const auto weighted = to.builder().mul(sum, to.builder().weight(std::move(factors)));
  return to.emit(call, weighted, {x.scale.real() / 16384}, true);
}

constexpr Operator kOperators[] = {{"MaxPool", 1, kNewest, 1, 1, infer, compute, lower},
                                   {"AveragePool", 7, kNewest, 1, 1, infer, compute, lower},
                                   {"GlobalMaxPool", 1, kNewest, 1, 1, infer, compute, lower},
                                   {"GlobalAveragePool", 1, kNewest, 1, 1, infer, compute, lower}};

}  // namespace

std::span<const Operator> pool_operators() { return kOperators; }

}  // namespace koinon::engine::operators
