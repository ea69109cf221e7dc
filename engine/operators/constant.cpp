#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// Constant and ConstantOfShape: always folded.
namespace koinon::engine::operators {

namespace {

Result<Value> read(const Call& call) {
  if (const auto* value = call.tensor("value")) return *value;
  if (call.given("value_float")) return Value::of_floats({}, {static_cast<float>(call.real("value_float", 0))});
  if (call.given("value_int")) return Value::of_ints({}, {call.integer("value_int", 0)});
  if (call.given("value_floats")) {
    auto list = call.reals("value_floats");
    const auto n = static_cast<std::int64_t>(list.size());
    return Value::of_floats({n}, std::move(list));
  }
  if (call.given("value_ints")) {
    auto list = call.integers("value_ints");
    const auto n = static_cast<std::int64_t>(list.size());
    return Value::of_ints({n}, std::move(list));
  }
  return call.fail(Code::unsupported, "no numeric value");
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto value, read(call));
  return std::vector<Type>{value.type()};
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(auto value, read(call));
  std::vector<Value> out;
  out.push_back(std::move(value));
  return out;
}

Result<Value> fill(const Call& call) {
  const auto* value = call.tensor("value");
  if (value == nullptr) return Value::of_floats({1}, {0.0F});
  if (value->size() != 1) return call.fail(Code::malformed, "a value of {} elements", value->size());
  return *value;
}

Result<std::vector<Type>> infer_of_shape(const Call& call) {
  KOINON_TRY(const auto value, fill(call));
  KOINON_TRY(auto shape, call.constant_integers(0, "shape"));
  return std::vector<Type>{{value.element, std::move(shape)}};
}

Result<std::vector<Value>> compute_of_shape(const Call& call) {
  KOINON_TRY(auto value, fill(call));
  value.shape = {};
  std::vector<Value> out;
  out.push_back(broadcast_to(value, call.output_type(0).shape));
  return out;
}

constexpr Operator kOperators[] = {{"Constant", 1, kNewest, 0, 0, infer, compute, nullptr},
                                   {"ConstantOfShape", 9, kNewest, 1, 1, infer_of_shape, compute_of_shape, nullptr}};

}  // namespace

std::span<const Operator> constant_operators() { return kOperators; }

}  // namespace koinon::engine::operators
