#include <algorithm>

#include "engine/operators/table.hpp"

// Shape and Size: shapes are fixed at import, so both fold.
namespace koinon::engine::operators {

namespace {

Result<Shape> part(const Call& call) {
  const auto& x = call.shape(0);
  const auto rank = static_cast<std::int64_t>(x.size());
  const auto bound = [&](std::int64_t v) { return std::clamp<std::int64_t>(v < 0 ? v + rank : v, 0, rank); };
  const auto start = bound(call.integer("start", 0)), end = bound(call.integer("end", rank));
  return Shape(x.begin() + start, x.begin() + std::max(start, end));
}

Result<std::vector<Type>> infer(const Call& call) {
  if (call.node().op == "Size") return std::vector<Type>{{Element::i64, {}}};
  KOINON_TRY(const auto dims, part(call));
  return std::vector<Type>{{Element::i64, {static_cast<std::int64_t>(dims.size())}}};
}

Result<std::vector<Value>> compute(const Call& call) {
  if (call.node().op == "Size") return std::vector<Value>{Value::of_ints({}, {onnx::count(call.shape(0))})};
  KOINON_TRY(auto dims, part(call));
  const auto n = static_cast<std::int64_t>(dims.size());
  return std::vector<Value>{Value::of_ints({n}, std::move(dims))};
}

constexpr Operator kOperators[] = {{"Shape", 1, kNewest, 1, 1, infer, compute, nullptr, true},
                                   {"Size", 1, kNewest, 1, 1, infer, compute, nullptr, true}};

}  // namespace

std::span<const Operator> shape_operators() { return kOperators; }

}  // namespace koinon::engine::operators
