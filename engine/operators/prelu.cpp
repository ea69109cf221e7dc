#include "engine/operators/fixed.hpp"
#include "engine/operators/lowering.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// PRelu: x where it is positive, slope * x elsewhere; the slope broadcasts to x.
namespace koinon::engine::operators {

namespace {

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto shape, broadcast(call, call.shape(0), call.shape(1)));
  if (shape != call.shape(0) || !onnx::is_float(call.type(0).element) || !onnx::is_float(call.type(1).element))
    return call.fail(Code::malformed, "a slope of shape {} for {}", tensor::shape_text(call.shape(1)),
                     tensor::shape_text(call.shape(0)));
  return std::vector<Type>{call.type(0)};
}

Result<std::vector<Value>> compute(const Call& call) {
  Value y = call.value(0);
  const auto slope = broadcast_to(call.value(1), y.shape);
  for (std::size_t i = 0; i < y.floats.size(); ++i)
    if (y.floats[i] < 0) y.floats[i] *= slope.floats[i];
  return std::vector<Value>{std::move(y)};
}

// max(x, 0) * 1 + min(x, 0) * slope, with 1 and the slope in one unit.
Status lower(const Call& call, Lowering& to) {
  if (call.known(1) == nullptr) return call.fail(Code::unsupported, "a slope that is computed at run time");
  KOINON_TRY(const auto x, to.in(call, 0));
  const auto ref = to.plain(x);
  auto& b = to.builder();
  const bool fine = to.target(call.output(0)).dtype() != DType::i8;  // small slopes beside 1 need more than 16 bits
  auto joined = call.value(1).floats;
  joined.push_back(1.0F);  // shares the unit
  const auto count = static_cast<std::int64_t>(joined.size());
  const auto [data, scale] = Lowering::whole(Value::of_floats({count}, std::move(joined)), fine ? 24 : 16);
  const auto one = data.at(data.size() - 1);
  IntTensor slopes = IntTensor::zeros(data.dtype, call.shape(1));
  for (std::int64_t i = 0; i < slopes.size(); ++i) slopes.set(i, data.at(i));
  const auto above = to.rescale(ref, {1.0}, 0, to.limit());
  const auto below = to.rescale(ref, {1.0}, -to.limit(), 0);
  const auto left = b.mul(above, scalar(to, one, data.dtype));
  const auto right = b.mul(below, b.weight(std::move(slopes)));
  return to.emit(call, b.add(left, right), {x.scale.real() * scale});
}

constexpr Operator kOperators[] = {{"PRelu", 7, kNewest, 2, 2, infer, compute, lower}};

}  // namespace

std::span<const Operator> prelu_operators() { return kOperators; }

}  // namespace koinon::engine::operators
