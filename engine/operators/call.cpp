#include "engine/operators/call.hpp"

namespace koinon::engine::operators {

Result<std::vector<std::int64_t>> Call::constant_integers(std::size_t i, std::string_view what) const {
  const Value* value = known(i);
  if (value == nullptr) return fail(Code::unsupported, "its {} must be constant", what);
  if (onnx::is_float(value->element))
    return fail(Code::malformed, "its {} are {}: integers expected", what, onnx::element_name(value->element));
  if (value->ints.size() > 64) return fail(Code::out_of_range, "{} {}: at most 64", value->ints.size(), what);
  return value->ints;
}

Result<std::size_t> Call::axis(std::int64_t axis, std::size_t rank) const {
  const auto r = static_cast<std::int64_t>(rank);
  if (axis < -r || axis >= r) return fail(Code::out_of_range, "axis {}: {} to {} expected", axis, -r, r - 1);
  return static_cast<std::size_t>(axis < 0 ? axis + r : axis);
}

}  // namespace koinon::engine::operators
