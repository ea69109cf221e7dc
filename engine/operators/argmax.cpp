#include "engine/operators/fixed.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// ArgMax and ArgMin: the index of the largest or smallest element along an axis, the lowest at ties (the highest with
// select_last_index).
namespace koinon::engine::operators {

namespace {

bool is_min(const Call& call) { return call.node().op == "ArgMin"; }

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
      if ((is_min(call) ? here < top : here > top) || (last && here == top)) best = k;
    }
    y.ints[i] = best;
  });
  return std::vector<Value>{std::move(y)};
}

// The smallest is the largest of 0 - x; the last is the first of x reversed.
Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), call.shape(0).size()));
  KOINON_TRY(const auto x, to.in(call, 0));
  auto& b = to.builder();
  auto ref = to.plain(x);
  if (is_min(call)) ref = b.sub(scalar(to, 0), ref);
  const bool last = call.integer("select_last_index", 0) != 0;
  const auto n = x.shape[axis];
  if (last) {
    std::vector<std::int64_t> starts(x.shape.size(), 0), strides(x.shape.size(), 1);
    starts[axis] = n - 1;
    strides[axis] = -1;
    ref = b.slice(ref, starts, strides, x.shape);
  }
  auto best = b.argmax(ref, axis);
  if (last) best = b.sub(scalar(to, n - 1), best, DType::i32);
  return to.set(call, b.reshape(best, call.output_type(0).shape), Scale{});
}

constexpr Operator kOperators[] = {{"ArgMax", 1, kNewest, 1, 1, infer, compute, lower},
                                   {"ArgMin", 1, kNewest, 1, 1, infer, compute, lower}};

}  // namespace

std::span<const Operator> argmax_operators() { return kOperators; }

}  // namespace koinon::engine::operators
