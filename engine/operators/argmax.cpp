#include "engine/operators/lowering.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// ArgMax: the index of the largest element along an axis, the lowest at ties (the highest with select_last_index).
namespace koinon::engine::operators {

namespace {

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), call.shape(0).size()));
  static_cast<void>(call.integer("select_last_index", 0));
  Shape shape = call.shape(0);
  if (shape[axis] < 1) return call.fail(Code::malformed, "an empty axis");
  if (call.integer("keepdims", 1) != 0)
    shape[axis] = 1;
  else
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  return std::vector<Type>{{Element::i64, shape}};
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), call.shape(0).size()));
  const bool last = call.integer("select_last_index", 0) != 0;
  const auto& x = call.value(0);
  Value y = Value::zeros(call.output_type(0));
  Shape kept = x.shape;
  kept[axis] = 1;
  const auto strides = strides_of(x.shape);
  walk(kept, strides, 0, [&](std::size_t i, std::size_t at) {
    std::int64_t best = 0;
    for (std::int64_t k = 1; k < x.shape[axis]; ++k) {
      const auto here = x.real(static_cast<std::int64_t>(at) + k * strides[axis]);
      const auto top = x.real(static_cast<std::int64_t>(at) + best * strides[axis]);
      if (here > top || (last && here == top)) best = k;
    }
    y.ints[i] = best;
  });
  return std::vector<Value>{std::move(y)};
}

Status lower(const Call& call, Lowering& to) {
  if (call.integer("select_last_index", 0) != 0) return call.fail(Code::unsupported, "select_last_index");
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), call.shape(0).size()));
  KOINON_TRY(const auto x, to.in(call, 0));
  const auto best = to.builder().argmax(to.plain(x), axis);
  return to.set(call, to.builder().reshape(best, call.output_type(0).shape), Scale{});
}

constexpr Operator kOperators[] = {{"ArgMax", 1, kNewest, 1, 1, infer, compute, lower}};

}  // namespace

std::span<const Operator> argmax_operators() { return kOperators; }

}  // namespace koinon::engine::operators
