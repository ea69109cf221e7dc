#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"

// CumSum along a constant axis, forwards or in reverse, with or without the element itself.
namespace koinon::engine::operators {

namespace {

Result<std::size_t> axis_of(const Call& call) {
  KOINON_TRY(const auto list, call.constant_integers(1, "axis"));
  if (list.size() != 1) return call.fail(Code::malformed, "{} axes", list.size());
  return call.axis(list[0], call.shape(0).size());
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto axis, axis_of(call));
  static_cast<void>(axis);
  static_cast<void>(call.integer("exclusive", 0) + call.integer("reverse", 0));
  return std::vector<Type>{call.type(0)};
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto axis, axis_of(call));
  const bool exclusive = call.integer("exclusive", 0) != 0, reverse = call.integer("reverse", 0) != 0;
  Value y = call.value(0);
  const auto n = y.shape[axis], inner = strides_of(y.shape)[axis];
  const auto outer = n == 0 ? 0 : y.size() / (n * inner);
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t i = 0; i < inner; ++i) {
      double total = 0;
      std::uint64_t whole = 0;
      for (std::int64_t k = 0; k < n; ++k) {
        const auto at = static_cast<std::size_t>((o * n + (reverse ? n - 1 - k : k)) * inner + i);
        if (onnx::is_float(y.element)) {
          const auto v = static_cast<double>(y.floats[at]);
          y.floats[at] = static_cast<float>(exclusive ? total : total + v);
          total += v;
        } else {
          const auto v = static_cast<std::uint64_t>(y.ints[at]);
          y.ints[at] = static_cast<std::int64_t>(exclusive ? whole : whole + v);
          whole += v;
        }
      }
    }
  return std::vector<Value>{std::move(y)};
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto axis, axis_of(call));
  KOINON_TRY(const auto x, to.in(call, 0));
  auto& b = to.builder();
  const auto& shape = call.shape(0);
  const Ref ref = to.plain(x);
  const auto turned = [&](Ref v) {
    std::vector<std::int64_t> starts(shape.size(), 0), strides(shape.size(), 1);
    starts[axis] = shape[axis] - 1;
    strides[axis] = -1;
    return b.slice(v, starts, strides, shape);
  };
  const bool reverse = call.integer("reverse", 0) != 0;
  Ref acc = b.prefix_sum(reverse ? turned(ref) : ref, axis);
  if (reverse) acc = turned(acc);
  if (call.integer("exclusive", 0) != 0) acc = b.sub(acc, ref);
  if (is_whole(call, 0)) return to.set_whole(call, acc);
  return to.emit(call, acc, {x.scale.real()});
}

constexpr Operator kOperators[] = {{"CumSum", 11, kNewest, 2, 2, infer, compute, lower}};

}  // namespace

std::span<const Operator> cumsum_operators() { return kOperators; }

}  // namespace koinon::engine::operators
