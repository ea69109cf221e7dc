#include "engine/onnx/read.hpp"

#include <set>
#include <unordered_map>

#include "engine/onnx/decode_tensor.hpp"
#include "onnx-ml.pb.h"

namespace koinon::engine::onnx {

namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;

Result<Attribute> decode_attribute(const ::onnx::AttributeProto& proto) {
  switch (proto.type()) {
    case ::onnx::AttributeProto::INT: return Attribute{static_cast<std::int64_t>(proto.i())};
    case ::onnx::AttributeProto::FLOAT: return Attribute{proto.f()};
    case ::onnx::AttributeProto::STRING: return Attribute{proto.s()};
    case ::onnx::AttributeProto::INTS: return Attribute{std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end())};
    case ::onnx::AttributeProto::FLOATS: return Attribute{std::vector<float>(proto.floats().begin(), proto.floats().end())};
    case ::onnx::AttributeProto::STRINGS:
      return Attribute{std::vector<std::string>(proto.strings().begin(), proto.strings().end())};
    case ::onnx::AttributeProto::TENSOR: {
      KOINON_TRY(auto value, decode_tensor(proto.t()));
      return Attribute{std::move(value)};
    }
    default: return fail(Code::unsupported, "attribute '{}' of kind {}", proto.name(), static_cast<int>(proto.type()));
  }
}

/// Turns one GraphProto into a Graph.
class GraphReader {
 public:
  GraphReader(const ::onnx::GraphProto& proto, const ReadOptions& options) : proto_(proto), options_(options) {}

  Result<Graph> read() {
    graph_.name = proto_.name();
    KOINON_CHECK(read_constants());
    KOINON_CHECK(read_inputs());
    KOINON_CHECK(read_nodes());
    KOINON_CHECK(sort_nodes());
    for (const auto& output : proto_.output()) {
      const auto found = index_.find(output.name());
      if (found == index_.end()) return fail(Code::malformed, "[onnx] output '{}' is made by no node", output.name());
      graph_.outputs.push_back(found->second);
    }
    if (graph_.outputs.empty()) return fail(Code::malformed, "[onnx] the model has no outputs");
    return std::move(graph_);
  }

 private:
  /// Declares a value that some input, initialiser or node makes.
  Result<int> declare(const std::string& name) {
    if (name.size() > 4096) return fail(Code::out_of_range, "[onnx] a name of {} bytes: at most 4096", name.size());
    const auto [at, fresh] = index_.emplace(name, static_cast<int>(graph_.values.size()));
    if (!fresh) return fail(Code::malformed, "[onnx] value '{}' is made twice", name);
    graph_.values.push_back({name, {}, false, {}});
    return at->second;
  }

  Status read_constants() {
    if (proto_.sparse_initializer_size() > 0) return fail(Code::unsupported, "[onnx] sparse initialisers");
    for (const auto& tensor : proto_.initializer()) {
      KOINON_TRY(auto value, decode_tensor(tensor));
      KOINON_TRY(const int id, declare(tensor.name()));
      auto& info = graph_.values[static_cast<std::size_t>(id)];
      info.type = value.type();
      info.typed = true;
      info.constant = std::move(value);
    }
    return {};
  }

  Result<std::int64_t> dimension(const std::string& input, int axis, const ::onnx::TensorShapeProto::Dimension& dim) {
    if (dim.has_dim_value() && dim.dim_value() == 0)
      return fail(Code::unsupported, "[onnx] input '{}': axis {} is empty", input, axis);
    if (dim.has_dim_value() && dim.dim_value() > 0) return std::int64_t{dim.dim_value()};
    if (const auto named = options_.dims.find(dim.dim_param()); dim.has_dim_param() && named != options_.dims.end())
      return named->second;
    if (axis == 0) return std::int64_t{1};
    return fail(Code::invalid_argument, "[onnx] input '{}': axis {} ('{}') has no fixed size; give it with --dim {}=SIZE",
                input, axis, dim.dim_param(), dim.dim_param().empty() ? "NAME" : dim.dim_param());
  }

  Status read_inputs() {
    for (const auto& input : proto_.input()) {
      if (const auto found = index_.find(input.name()); found != index_.end()) {
        if (!graph_.values[static_cast<std::size_t>(found->second)].constant)
          return fail(Code::malformed, "[onnx] input '{}' is declared twice", input.name());
        continue;  // an initialiser's default: fixed to it
      }
      if (!input.type().has_tensor_type()) return fail(Code::unsupported, "[onnx] input '{}' is not a tensor", input.name());
      const auto& tensor = input.type().tensor_type();
      auto element = decode_element(tensor.elem_type());
      if (!element) return fail(std::move(element).error().within(fmt::format("[onnx] input '{}'", input.name())));
      if (!tensor.has_shape()) return fail(Code::unsupported, "[onnx] input '{}' has no shape", input.name());
      Shape shape;
      for (int axis = 0; axis < tensor.shape().dim_size(); ++axis) {
        KOINON_TRY(const auto size, dimension(input.name(), axis, tensor.shape().dim(axis)));
        shape.push_back(size);
      }
      auto fits = tensor::check_shape(shape);
      if (!fits) return fail(std::move(fits).error().within(fmt::format("[onnx] input '{}'", input.name())));
      if (count(shape) > kMaxElements)
        return fail(Code::out_of_range, "[onnx] input '{}': {} elements: at most {}", input.name(), count(shape), kMaxElements);
      KOINON_TRY(const int id, declare(input.name()));
      graph_.values[static_cast<std::size_t>(id)].type = {*element, std::move(shape)};
      graph_.values[static_cast<std::size_t>(id)].typed = true;
      graph_.inputs.push_back(id);
    }
    return {};
  }

  Status read_node(const ::onnx::NodeProto& proto) {
    Node node;
    node.name = proto.name().empty() && proto.output_size() > 0 ? proto.output(0) : proto.name();
    node.op = proto.op_type();
    if (!proto.domain().empty() && proto.domain() != "ai.onnx")
      return fail(Code::unsupported, "[onnx] {}: operators of domain '{}'", node_text(node), proto.domain());
    for (const auto& attribute : proto.attribute()) {
      auto value = decode_attribute(attribute);
      if (!value) return fail(std::move(value).error().within(fmt::format("[onnx] {}", node_text(node))));
      if (!node.attributes.emplace(attribute.name(), *std::move(value)).second)
        return fail(Code::malformed, "[onnx] {}: attribute '{}' is given twice", node_text(node), attribute.name());
    }
    for (const auto& output : proto.output()) {
      if (output.empty()) {
        node.outputs.push_back(kAbsent);
        continue;
      }
      KOINON_TRY(const int id, declare(output));
      node.outputs.push_back(id);
    }
    graph_.nodes.push_back(std::move(node));
    return {};
  }

  Status read_nodes() {
    if (static_cast<std::size_t>(proto_.node_size()) > kMaxNodes)
      return fail(Code::out_of_range, "[onnx] {} nodes: at most {}", proto_.node_size(), kMaxNodes);
    for (const auto& node : proto_.node()) KOINON_CHECK(read_node(node));
    for (int i = 0; i < proto_.node_size(); ++i) {
      auto& node = graph_.nodes[static_cast<std::size_t>(i)];
      for (const auto& input : proto_.node(i).input()) {
        if (input.empty()) {
          node.inputs.push_back(kAbsent);
          continue;
        }
        const auto found = index_.find(input);
        if (found == index_.end())
          return fail(Code::malformed, "[onnx] {}: input '{}' is made by no node", node_text(node), input);
        node.inputs.push_back(found->second);
      }
    }
    return {};
  }

  /// Kahn's algorithm that keeps the file's order where it can.
  Status sort_nodes() {
    std::vector<std::vector<std::size_t>> users(graph_.values.size());
    std::vector<std::size_t> maker(graph_.values.size(), SIZE_MAX);
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
      for (int v : graph_.nodes[i].outputs)
        if (v != kAbsent) maker[static_cast<std::size_t>(v)] = i;
    std::vector<std::size_t> waits(graph_.nodes.size(), 0);
    std::set<std::size_t> ready;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      for (int v : graph_.nodes[i].inputs) {
        if (v == kAbsent || maker[static_cast<std::size_t>(v)] == SIZE_MAX) continue;
        users[static_cast<std::size_t>(v)].push_back(i);
        ++waits[i];
      }
      if (waits[i] == 0) ready.insert(i);
    }
    std::vector<Node> sorted;
    while (!ready.empty()) {
      const auto i = *ready.begin();
      ready.erase(ready.begin());
      for (int v : graph_.nodes[i].outputs)
        if (v != kAbsent)
          for (auto user : users[static_cast<std::size_t>(v)])
            if (--waits[user] == 0) ready.insert(user);
      sorted.push_back(std::move(graph_.nodes[i]));
    }
    if (sorted.size() != graph_.nodes.size()) {
      for (std::size_t i = 0; i < waits.size(); ++i)
        if (waits[i] > 0)
          return fail(Code::malformed, "[onnx] {} is part of a cycle or follows one", node_text(graph_.nodes[i]));
    }
    graph_.nodes = std::move(sorted);
    return {};
  }

  const ::onnx::GraphProto& proto_;
  const ReadOptions& options_;
  Graph graph_;
  std::unordered_map<std::string, int> index_;
};

}  // namespace

Result<Graph> read(base::ByteView model, const ReadOptions& options) {
  ::onnx::ModelProto proto;
  if (model.empty() || model.size() > INT32_MAX || !proto.ParseFromArray(model.data(), static_cast<int>(model.size())))
    return fail(Code::malformed, "[onnx] {} bytes do not decode as an ONNX model", model.size());
  if (!proto.has_graph()) return fail(Code::malformed, "[onnx] the model has no graph");
  if (proto.functions_size() > 0) return fail(Code::unsupported, "[onnx] model-local functions");
  std::int64_t opset = 0;
  for (const auto& import : proto.opset_import())
    if (import.domain().empty() || import.domain() == "ai.onnx") opset = import.version();
  if (opset < kFirstOpset || opset > kLastOpset)
    return fail(Code::unsupported, "[onnx] opset {}: {} to {} expected", opset, kFirstOpset, kLastOpset);
  for (const auto& [name, size] : options.dims)
    if (size < 1) return fail(Code::invalid_argument, "[onnx] --dim {}={}: at least 1 expected", name, size);
  KOINON_TRY(auto graph, GraphReader(proto.graph(), options).read());
  graph.opset = opset;
  return graph;
}

}  // namespace koinon::engine::onnx
