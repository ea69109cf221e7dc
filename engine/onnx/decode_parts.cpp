#include "engine/onnx/decode_parts.hpp"

#include <fmt/ranges.h>

#include <set>

#include "engine/onnx/decode_tensor.hpp"
#include "engine/onnx/read.hpp"
#include "onnx-ml.pb.h"

namespace koinon::engine::onnx {

namespace {

using base::Code;
using base::fail;
using base::Result;

using Dimension = ::onnx::TensorShapeProto::Dimension;
using Sizes = std::map<std::string, std::int64_t>;

bool is_fixed(const Dimension& dim) { return dim.has_dim_value() && dim.dim_value() >= 0; }

/// What --dim calls an axis: its own name, or input and number where it has none.
std::string dimension_name(const std::string& input, int axis, const Dimension& dim) {
  return dim.has_dim_param() && !dim.dim_param().empty() ? dim.dim_param() : fmt::format("{}.{}", input, axis);
}

Result<std::int64_t> dimension(const std::string& input, int axis, const Dimension& dim, const Sizes& dims) {
  if (dim.has_dim_value() && dim.dim_value() == 0)
    return fail(Code::unsupported, "[onnx] input '{}': axis {} is empty", input, axis);
  if (is_fixed(dim)) return std::int64_t{dim.dim_value()};
  const auto name = dimension_name(input, axis, dim);
  for (const auto& one : {name, fmt::format("{}.{}", input, axis)})
    if (const auto given = dims.find(one); given != dims.end()) return given->second;
  if (axis == 0) return std::int64_t{1};
  return fail(Code::invalid_argument, "[onnx] input '{}': axis {} has no fixed size; give it with --dim {}=SIZE", input, axis,
              name);
}

}  // namespace

base::Status check_dimensions(const ::onnx::GraphProto& graph, const Sizes& dims) {
  std::map<std::string, std::int64_t> closed;
  std::set<std::string> open, numbered;  // open ones by their own name, and by input and axis
  for (const auto& input : graph.input()) {
    const auto& shape = input.type().tensor_type().shape();
    for (int axis = 0; axis < shape.dim_size(); ++axis) {
      const auto by_number = fmt::format("{}.{}", input.name(), axis);
      if (is_fixed(shape.dim(axis))) {
        closed[by_number] = shape.dim(axis).dim_value();
        continue;
      }
      open.insert(dimension_name(input.name(), axis, shape.dim(axis)));
      numbered.insert(by_number);
    }
  }
  for (const auto& [name, size] : dims) {
    if (size < 1) return fail(Code::invalid_argument, "[onnx] --dim {}={}: at least 1 expected", name, size);
    if (open.contains(name) || numbered.contains(name)) continue;
    if (const auto found = closed.find(name); found != closed.end() && found->second != size)
      return fail(Code::invalid_argument, "[onnx] --dim {}={}: the model fixes it at {}", name, size, found->second);
    if (closed.contains(name)) continue;
    return fail(Code::invalid_argument, "[onnx] --dim {}={}: no such dimension; {}", name, size,
                open.empty() ? "all sizes of the model are fixed" : fmt::format("the model has {}", fmt::join(open, ", ")));
  }
  return {};
}

Result<Attribute> decode_attribute(const ::onnx::AttributeProto& proto, const std::filesystem::path& folder) {
  switch (proto.type()) {
    case ::onnx::AttributeProto::INT: return Attribute{static_cast<std::int64_t>(proto.i())};
    case ::onnx::AttributeProto::FLOAT: return Attribute{proto.f()};
    case ::onnx::AttributeProto::STRING: return Attribute{proto.s()};
    case ::onnx::AttributeProto::INTS: return Attribute{std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end())};
    case ::onnx::AttributeProto::FLOATS: return Attribute{std::vector<float>(proto.floats().begin(), proto.floats().end())};
    case ::onnx::AttributeProto::STRINGS:
      return Attribute{std::vector<std::string>(proto.strings().begin(), proto.strings().end())};
    case ::onnx::AttributeProto::TENSOR: {
      KOINON_TRY(auto value, decode_tensor(proto.t(), folder));
      return Attribute{std::move(value)};
    }
    case ::onnx::AttributeProto::TYPE_PROTO:
      return fail(Code::unsupported, "attribute '{}' is a type, as optional values and sequences have", proto.name());
    default: return fail(Code::unsupported, "attribute '{}' of kind {}", proto.name(), static_cast<int>(proto.type()));
  }
}

Result<Type> read_input_type(const ::onnx::ValueInfoProto& input, const Sizes& dims) {
  if (!input.type().has_tensor_type()) return fail(Code::unsupported, "[onnx] input '{}' is not a tensor", input.name());
  const auto& tensor = input.type().tensor_type();
  auto element = decode_element(tensor.elem_type());
  if (!element) return fail(std::move(element).error().within(fmt::format("[onnx] input '{}'", input.name())));
  if (!tensor.has_shape()) return fail(Code::unsupported, "[onnx] input '{}' has no shape", input.name());
  Shape shape;
  for (int axis = 0; axis < tensor.shape().dim_size(); ++axis) {
    KOINON_TRY(const auto size, dimension(input.name(), axis, tensor.shape().dim(axis), dims));
    shape.push_back(size);
  }
  auto fits = tensor::check_shape(shape);
  if (!fits) return fail(std::move(fits).error().within(fmt::format("[onnx] input '{}'", input.name())));
  if (count(shape) > kMaxElements)
    return fail(Code::out_of_range, "[onnx] input '{}': {} elements: at most {}; smaller sizes (--dim) are needed",
                input.name(), count(shape), kMaxElements);
  return Type{*element, std::move(shape)};
}

}  // namespace koinon::engine::onnx
