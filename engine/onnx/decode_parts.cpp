#include "engine/onnx/decode_parts.hpp"

#include "engine/onnx/decode_tensor.hpp"
#include "engine/onnx/read.hpp"
#include "onnx-ml.pb.h"

namespace koinon::engine::onnx {

namespace {

using base::Code;
using base::fail;
using base::Result;

Result<std::int64_t> dimension(const std::string& input, int axis, const ::onnx::TensorShapeProto::Dimension& dim,
                               const std::map<std::string, std::int64_t>& dims) {
  if (dim.has_dim_value() && dim.dim_value() == 0)
    return fail(Code::unsupported, "[onnx] input '{}': axis {} is empty", input, axis);
  if (dim.has_dim_value() && dim.dim_value() > 0) return std::int64_t{dim.dim_value()};
  if (const auto named = dims.find(dim.dim_param()); dim.has_dim_param() && named != dims.end()) return named->second;
  if (axis == 0) return std::int64_t{1};
  return fail(Code::invalid_argument, "[onnx] input '{}': axis {} ('{}') has no fixed size; give it with --dim {}=SIZE", input,
              axis, dim.dim_param(), dim.dim_param().empty() ? "NAME" : dim.dim_param());
}

}  // namespace

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

Result<Type> read_input_type(const ::onnx::ValueInfoProto& input, const std::map<std::string, std::int64_t>& dims) {
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
    return fail(Code::out_of_range, "[onnx] input '{}': {} elements: at most {}", input.name(), count(shape), kMaxElements);
  return Type{*element, std::move(shape)};
}

}  // namespace koinon::engine::onnx
