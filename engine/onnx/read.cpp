#include "engine/onnx/read.hpp"

#include <algorithm>
#include <deque>
#include <set>
#include <unordered_map>

#include "engine/onnx/decode_parts.hpp"
#include "engine/onnx/decode_tensor.hpp"
#include "engine/onnx/functions.hpp"
#include "onnx-ml.pb.h"

namespace koinon::engine::onnx {

namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;

/// An input that is fixed to plain numbers.
Result<Value> value_of(const std::string& name, const Type& type, const std::vector<double>& numbers) {
  const auto n = static_cast<std::size_t>(count(type.shape));
  if (numbers.size() != 1 && numbers.size() != n)
    return fail(Code::invalid_argument, "[onnx] input '{}' is fixed to {} numbers: 1 or {} expected", name, numbers.size(), n);
  Value out = Value::zeros(type);
  for (std::size_t i = 0; i < n; ++i) {
    const double x = numbers[numbers.size() == 1 ? 0 : i];
    if (is_float(type.element)) {
      out.floats[i] = rounded(type.element, static_cast<float>(x));
      continue;
    }
    out.ints[i] = saturate(x);
    const bool fits = static_cast<double>(out.ints[i]) == x && (type.element != Element::boolean || x == 0 || x == 1);
    if (!fits)
      return fail(Code::invalid_argument, "[onnx] input '{}' of {} is fixed to {}", name, element_name(type.element), x);
  }
  return out;
}

std::string input_names(const ::onnx::GraphProto& graph) {
  std::string out;
  for (const auto& input : graph.input()) out += (out.empty() ? "'" : ", '") + input.name() + "'";
  return out.empty() ? "none" : out;
}

/// Names that are fixed are inputs, and have no value in the model.
base::Status check_fixed(const ::onnx::GraphProto& graph, const ReadOptions& options) {
  for (const auto& [name, numbers] : options.numbers) {
    const auto is = [&](const auto& named) { return named.name() == name; };
    if (std::ranges::none_of(graph.input(), is))
      return fail(Code::invalid_argument, "[onnx] '{}' is to be fixed, but is no input of the model: those are {}", name,
                  input_names(graph));
    if (std::ranges::any_of(graph.initializer(), is))
      return fail(Code::invalid_argument, "[onnx] input '{}' is to be fixed, but has its value in the model", name);
  }
  return {};
}

/// What all graphs of one model share while they are read.
struct Context {
  const ReadOptions& options;
  const Functions& functions;
  std::size_t nodes = 0;  ///< read so far, in all graphs
};

/// Turns one GraphProto into a Graph: the model's, or a body inside a node of the graph that `around` reads.
class GraphReader {
 public:
  GraphReader(const ::onnx::GraphProto& proto, Context& context, const Opsets& opsets, GraphReader* around, std::size_t depth)
      : proto_(proto), context_(context), opsets_(opsets), around_(around), depth_(depth) {}

  Result<Graph> read() {
    if (depth_ > kMaxNesting) return fail(Code::out_of_range, "[onnx] bodies nested deeper than {}", kMaxNesting);
    graph_.name = proto_.name();
    KOINON_TRY(graph_.opset, opset(opsets_, ""));
    KOINON_CHECK(read_constants());
    KOINON_CHECK(read_inputs());
    for (const auto& node : proto_.node()) KOINON_CHECK(declare_node(node, opsets_, depth_));
    for (std::size_t i = 0; i < pending_.size(); ++i) KOINON_CHECK(connect_node(i));
    for (const auto& output : proto_.output()) {
      const int id = find(output.name());
      if (id < 0) return fail(Code::malformed, "[onnx] output '{}' is made by no node", output.name());
      graph_.outputs.push_back(id);
    }
    if (graph_.outputs.empty()) return fail(Code::malformed, "[onnx] the model has no outputs");
    KOINON_CHECK(sort_nodes());
    return std::move(graph_);
  }

  /// Captured values, of this graph and of the one around it.
  std::vector<int> inner, outer;

 private:
  /// A node whose outputs are declared and whose inputs are not connected yet.
  struct Pending {
    const ::onnx::NodeProto* proto;
    const Opsets* opsets;
    std::size_t depth;
  };

  /// Declares a value that some input, initialiser or node makes.
  Result<int> declare(const std::string& name) {
    if (name.size() > 4096) return fail(Code::out_of_range, "[onnx] a name of {} bytes: at most 4096", name.size());
    const auto [at, fresh] = index_.emplace(name, static_cast<int>(graph_.values.size()));
    if (!fresh) return fail(Code::malformed, "[onnx] value '{}' is made twice", name);
    graph_.values.push_back({name, {}, false, {}});
    return at->second;
  }

  /// Number of a name, captured from a graph around this one if need be; below 0 when nothing makes it.
  int find(const std::string& name) {
    if (const auto found = index_.find(name); found != index_.end()) return found->second;
    const int there = around_ == nullptr ? -1 : around_->find(name);
    if (there < 0) return -1;
    const auto id = static_cast<int>(graph_.values.size());
    index_.emplace(name, id);
    graph_.values.push_back({name, {}, false, {}});
    inner.push_back(id);
    outer.push_back(there);
    return id;
  }

  void set_constant(int id, Value value) {
    auto& info = graph_.values[static_cast<std::size_t>(id)];
    info.type = value.type();
    info.typed = true;
    info.constant = std::move(value);
  }

  Status read_constants() {
    if (proto_.sparse_initializer_size() > 0) return fail(Code::unsupported, "[onnx] sparse initialisers");
    for (const auto& tensor : proto_.initializer()) {
      KOINON_TRY(auto value, decode_tensor(tensor, context_.options.folder));
      KOINON_TRY(const int id, declare(tensor.name()));
      set_constant(id, std::move(value));
    }
    return {};
  }

  Status read_inputs() {
    for (const auto& input : proto_.input()) {
      if (const auto found = index_.find(input.name()); found != index_.end()) {
        if (!graph_.values[static_cast<std::size_t>(found->second)].constant)
          return fail(Code::malformed, "[onnx] input '{}' is declared twice", input.name());
        continue;  // an initialiser's default: fixed to it
      }
      if (const auto given = context_.options.fixed.find(input.name());
          around_ == nullptr && given != context_.options.fixed.end()) {
        KOINON_TRY(const int id, declare(input.name()));
        set_constant(id, given->second);
        continue;
      }
      std::optional<Type> type;
      if (around_ == nullptr) {
        KOINON_TRY(type, read_input_type(input, context_.options.dims));
      }
      KOINON_TRY(const int id, declare(input.name()));
      if (const auto given = context_.options.numbers.find(input.name());
          around_ == nullptr && given != context_.options.numbers.end()) {
        KOINON_TRY(auto value, value_of(input.name(), *type, given->second));
        set_constant(id, std::move(value));
        continue;
      }
      auto& info = graph_.values[static_cast<std::size_t>(id)];
      info.typed = type.has_value();
      if (type) info.type = *std::move(type);
      graph_.inputs.push_back(id);
    }
    return {};
  }

  static Result<std::int64_t> opset(const Opsets& opsets, const std::string& domain) {
    const auto found = opsets.find(domain);
    const auto version = found == opsets.end() ? (domain.empty() ? 0 : 1) : found->second;
    if (domain.empty() && found == opsets.end() && opsets.contains("ai.onnx.preview.training"))
      return fail(Code::unsupported, "[onnx] operators of ai.onnx.preview.training belong to training, not to a program");
    // A model of other domains alone, such as trees of ai.onnx.ml, need not import this one.
    if (domain.empty() && found == opsets.end() && !opsets.empty()) return kLastOpset;
    if (domain.empty() && (version < kFirstOpset || version > kLastOpset))
      return fail(Code::unsupported, "[onnx] opset {}: {} to {} expected", version, kFirstOpset, kLastOpset);
    return version;
  }

  /// Declares the outputs of a node, or of the nodes of the function that it calls.
  Status declare_node(const ::onnx::NodeProto& proto, const Opsets& opsets, std::size_t depth) {
    if (++context_.nodes > kMaxNodes) return fail(Code::out_of_range, "[onnx] more than {} nodes", kMaxNodes);
    if (const auto* function = context_.functions.find(proto.domain(), proto.op_type()); function != nullptr) {
      if (depth > kMaxNesting)
        return fail(Code::malformed, "[onnx] function '{}' calls functions deeper than {}", proto.op_type(), kMaxNesting);
      const auto name = proto.name().empty() && proto.output_size() > 0 ? proto.output(0) : proto.name();
      KOINON_TRY(auto nodes, expand(*function, proto, fmt::format("{}/{}/", name, context_.nodes)));
      for (auto& node : nodes) KOINON_CHECK(declare_node(expanded_.emplace_back(std::move(node)), function->opsets, depth + 1));
      return {};
    }
    Node node;
    node.name = proto.name().empty() && proto.output_size() > 0 ? proto.output(0) : proto.name();
    node.op = proto.op_type();
    const auto domain = proto.domain() == "ai.onnx" ? "" : proto.domain();
    if (!domain.empty()) node.op = domain + "." + node.op;
    KOINON_TRY(node.opset, opset(opsets, domain));
    for (const auto& output : proto.output()) {
      if (output.empty()) {
        node.outputs.push_back(kAbsent);
        continue;
      }
      KOINON_TRY(const int id, declare(output));
      node.outputs.push_back(id);
    }
    graph_.nodes.push_back(std::move(node));
    pending_.push_back({&proto, &opsets, depth});
    return {};
  }

  /// Gives node i its attributes and inputs, once every value is declared.
  Status connect_node(std::size_t i) {
    const auto& proto = *pending_[i].proto;
    auto& node = graph_.nodes[i];
    for (const auto& attribute : proto.attribute()) {
      auto value = read_attribute(attribute, pending_[i]);
      if (!value) {
        if (attribute.has_g()) return fail(std::move(value).error().within(node_text(node)));
        return fail(std::move(value).error().within(fmt::format("[onnx] {}", node_text(node))));
      }
      if (!node.attributes.emplace(attribute.name(), *std::move(value)).second)
        return fail(Code::malformed, "[onnx] {}: attribute '{}' is given twice", node_text(node), attribute.name());
    }
    for (const auto& input : proto.input()) {
      const int id = input.empty() ? kAbsent : find(input);
      if (id < 0 && !input.empty())
        return fail(Code::malformed, "[onnx] {}: input '{}' is made by no node", node_text(node), input);
      node.inputs.push_back(id);
    }
    return {};
  }

  Result<Attribute> read_attribute(const ::onnx::AttributeProto& attribute, const Pending& node) {
    if (attribute.type() != ::onnx::AttributeProto::GRAPH) return decode_attribute(attribute, context_.options.folder);
    GraphReader reader(attribute.g(), context_, *node.opsets, this, node.depth + 1);
    KOINON_TRY(auto graph, reader.read());
    return Attribute{Body{std::make_shared<const Graph>(std::move(graph)), std::move(reader.inner), std::move(reader.outer)}};
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
      for (int v : operands(graph_.nodes[i])) {
        if (maker[static_cast<std::size_t>(v)] == SIZE_MAX) continue;
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
  Context& context_;
  const Opsets& opsets_;
  GraphReader* around_;
  std::size_t depth_;
  Graph graph_;
  std::vector<Pending> pending_;            // one for each node of graph_, in its order
  std::deque<::onnx::NodeProto> expanded_;  // nodes of functions, which pending_ points to
  std::unordered_map<std::string, int> index_;
};

}  // namespace

Result<Graph> read(base::ByteView model, const ReadOptions& options) {
  ::onnx::ModelProto proto;
  if (model.empty() || model.size() > INT32_MAX || !proto.ParseFromArray(model.data(), static_cast<int>(model.size())))
    return fail(Code::malformed, "[onnx] {} bytes do not decode as an ONNX model", model.size());
  if (!proto.has_graph()) return fail(Code::malformed, "[onnx] the model has no graph");
  KOINON_TRY(const auto functions, Functions::of(proto));
  KOINON_CHECK(check_dimensions(proto.graph(), options.dims));
  KOINON_CHECK(check_fixed(proto.graph(), options));
  Context context{options, functions};
  const auto opsets = opsets_of(proto.opset_import());
  return GraphReader(proto.graph(), context, opsets, nullptr, 0).read();
}

}  // namespace koinon::engine::onnx
