#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "engine/onnx/graph.hpp"

namespace onnx {
class AttributeProto;
class GraphProto;
class ValueInfoProto;
}  // namespace onnx

namespace koinon::engine::onnx {

/// An attribute that is no graph. Errors: unsupported naming it (sparse tensors, types, lists of tensors or graphs).
base::Result<Attribute> decode_attribute(const ::onnx::AttributeProto& proto, const std::filesystem::path& folder);

/// That each of `dims` names a dimension of an input whose size is open (or is the very size that it has). Errors:
/// invalid_argument, with the names that there are.
base::Status check_dimensions(const ::onnx::GraphProto& graph, const std::map<std::string, std::int64_t>& dims);

/// Type of a model's input, with dynamic axes fixed as ReadOptions::dims says. Errors: unsupported (sequences, maps, optional,
/// sparse; element types; empty axes), invalid_argument naming the flag that an axis needs, out_of_range.
base::Result<Type> read_input_type(const ::onnx::ValueInfoProto& input, const std::map<std::string, std::int64_t>& dims);

}  // namespace koinon::engine::onnx
