#include "engine/operators/whole.hpp"

#include <algorithm>

#include "engine/operators/fixed.hpp"

namespace koinon::engine::operators {

namespace {

DType holding(std::int64_t low, std::int64_t high) {
  for (auto type : {DType::i8, DType::i16, DType::i32})
    if (low >= tensor::dtype_low(type) && high <= tensor::dtype_high(type)) return type;
  return DType::i64;
}

}  // namespace

bool is_whole(const Call& call, std::size_t i) { return !onnx::is_float(call.type(i).element); }

Ref whole_weight(Lowering& to, Shape shape, const std::vector<std::int64_t>& values) {
  const auto [low, high] = std::ranges::minmax_element(values);
  IntTensor data = IntTensor::zeros(values.empty() ? DType::i8 : holding(*low, *high), std::move(shape));
  for (std::size_t i = 0; i < values.size(); ++i) data.set(static_cast<std::int64_t>(i), values[i]);
  return to.builder().weight(std::move(data));
}

Ref counting(Lowering& to, std::int64_t size, std::size_t axis, std::size_t rank) {
  Shape shape(rank, 1);
  shape[axis] = size;
  std::vector<std::int64_t> values;
  for (std::int64_t i = 0; i < size; ++i) values.push_back(i);
  return whole_weight(to, std::move(shape), values);
}

std::vector<Ref> one_type(Lowering& to, std::vector<Ref> refs) {
  auto& b = to.builder();
  if (b.error()) return refs;
  DType widest = DType::i8;
  for (auto ref : refs) widest = std::max(widest, b.info(ref).dtype);
  for (auto& ref : refs)
    if (b.info(ref).dtype != widest) ref = b.shift(ref, 0, widest);
  return refs;
}

Ref concatenated(Lowering& to, std::vector<Ref> parts, std::size_t axis) {
  while (parts.size() > 1) {
    std::vector<Ref> joined;
    for (std::size_t i = 0; i < parts.size(); i += program::kMaxOperands) {
      const auto end = std::min(parts.size(), i + program::kMaxOperands);
      const std::vector<Ref> group(parts.begin() + static_cast<std::ptrdiff_t>(i),
                                   parts.begin() + static_cast<std::ptrdiff_t>(end));
      joined.push_back(group.size() == 1 ? group[0] : to.builder().concat(group, axis));
    }
    parts = std::move(joined);
  }
  return parts[0];
}

Ref at_target(Lowering& to, const Quantised& x, const Target& target) {
  const auto ref = to.plain(x);
  if (to.builder().error()) return ref;
  if (x.scale == target.scale && to.builder().info(ref).dtype == target.dtype()) return ref;
  return to.rescale(ref, {x.scale.real() / target.scale.real()}, target.low, target.high, target.dtype());
}

Result<std::vector<Ref>> alike(const Call& call, Lowering& to, const std::vector<std::size_t>& inputs) {
  std::vector<Ref> refs;
  for (auto i : inputs) {
    KOINON_TRY(const auto x, to.in(call, i));
    refs.push_back(is_whole(call, i) ? to.plain(x) : at_target(to, x, to.target(call.output(0))));
  }
  return one_type(to, std::move(refs));
}

Scale scale_of(const Call& call, const Lowering& to, std::size_t output) {
  return onnx::is_float(call.output_type(output).element) ? to.target(call.output(output)).scale : Scale{};
}

Ref places(Lowering& to, Ref index, std::int64_t n) {
  const auto range = reach(to, index);
  if (range.low >= 0 && range.high < n) return index;
  const auto size = scalar(to, n);
  return to.builder().divide(index, size).second;
}

Status same_elements(const Call& call, std::size_t a, std::size_t b) {
  if (call.type(a).element == call.type(b).element) return {};
  return call.fail(Code::malformed, "element types {} and {}", onnx::element_name(call.type(a).element),
                   onnx::element_name(call.type(b).element));
}

}  // namespace koinon::engine::operators
