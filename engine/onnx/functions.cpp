#include "engine/onnx/functions.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

namespace koinon::engine::onnx {

namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using Names = std::map<std::string, std::string>;
using Attributes = std::map<std::string, const ::onnx::AttributeProto*>;

constexpr int kDefaults = 11;  // FunctionProto.attribute_proto

Result<std::vector<::onnx::AttributeProto>> read_defaults(const ::onnx::FunctionProto& function) {
  using google::protobuf::internal::WireFormatLite;
  std::vector<::onnx::AttributeProto> out;
  const auto bytes = function.SerializeAsString();
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  while (const auto tag = in.ReadTag()) {
    if (WireFormatLite::GetTagFieldNumber(tag) != kDefaults) {
      if (!WireFormatLite::SkipField(&in, tag)) return fail(Code::malformed, "[onnx] function '{}'", function.name());
      continue;
    }
    std::uint32_t length = 0;
    std::string field;
    if (!in.ReadVarint32(&length) || !in.ReadString(&field, static_cast<int>(length)) ||
        !out.emplace_back().ParseFromString(field))
      return fail(Code::malformed, "[onnx] function '{}': its attributes do not decode", function.name());
  }
  return out;
}

void rename(std::string& name, const Names& names) {
  if (const auto found = names.find(name); found != names.end()) name = found->second;
}

void rename(::onnx::NodeProto& node, const Names& names, const Attributes& attributes);

void rename(::onnx::GraphProto& graph, const Names& names, const Attributes& attributes) {
  for (auto& output : *graph.mutable_output()) rename(*output.mutable_name(), names);
  for (auto& node : *graph.mutable_node()) rename(node, names, attributes);
}

/// Gives a node of a function the outer names, and the call's attributes where it refers to them.
void rename(::onnx::NodeProto& node, const Names& names, const Attributes& attributes) {
  for (auto& name : *node.mutable_input()) rename(name, names);
  for (auto& name : *node.mutable_output()) rename(name, names);
  auto own = std::move(*node.mutable_attribute());
  node.clear_attribute();
  for (auto& attribute : own) {
    if (!attribute.ref_attr_name().empty()) {
      // An attribute that neither the call nor the function gives is left to the operator's default.
      const auto given = attributes.find(attribute.ref_attr_name());
      if (given == attributes.end()) continue;
      auto& copy = *node.add_attribute();
      copy = *given->second;
      copy.set_name(attribute.name());
      continue;
    }
    if (attribute.has_g()) rename(*attribute.mutable_g(), names, attributes);
    *node.add_attribute() = std::move(attribute);
  }
}

}  // namespace

Result<Functions> Functions::of(const ::onnx::ModelProto& model) {
  Functions out;
  for (const auto& function : model.functions()) {
    KOINON_TRY(auto defaults, read_defaults(function));
    const auto domain = function.domain() == "ai.onnx" ? "" : function.domain();
    const bool fresh = out.functions_
                           .emplace(std::pair{domain, function.name()},
                                    Function{&function, opsets_of(function.opset_import()), std::move(defaults)})
                           .second;
    if (!fresh) return fail(Code::malformed, "[onnx] function '{}' is defined twice", function.name());
  }
  return out;
}

const Functions::Function* Functions::find(const std::string& domain, const std::string& name) const {
  const auto found = functions_.find({domain == "ai.onnx" ? "" : domain, name});
  return found == functions_.end() ? nullptr : &found->second;
}

Result<std::vector<::onnx::NodeProto>> expand(const Functions::Function& function, const ::onnx::NodeProto& call,
                                              const std::string& prefix) {
  const auto& proto = *function.proto;
  if (call.input_size() > proto.input_size() || call.output_size() > proto.output_size())
    return fail(Code::malformed, "[onnx] node '{}': function '{}' has {} inputs and {} outputs", call.name(), proto.name(),
                proto.input_size(), proto.output_size());
  Names names;
  for (const auto& node : proto.node())
    for (const auto& output : node.output())
      if (!output.empty()) names[output] = prefix + output;
  for (int i = 0; i < proto.output_size(); ++i)
    if (i < call.output_size() && !call.output(i).empty()) names[proto.output(i)] = call.output(i);
  // Inputs last: a function may hand an input on as an output only through an Identity.
  for (int i = 0; i < proto.input_size(); ++i) names[proto.input(i)] = i < call.input_size() ? call.input(i) : "";
  Attributes attributes;
  for (const auto& attribute : function.defaults) attributes[attribute.name()] = &attribute;
  for (const auto& attribute : call.attribute()) attributes[attribute.name()] = &attribute;
  std::vector<::onnx::NodeProto> out(proto.node().begin(), proto.node().end());
  for (auto& node : out) {
    rename(node, names, attributes);
    if (!node.name().empty()) node.set_name(prefix + node.name());
  }
  return out;
}

}  // namespace koinon::engine::onnx
