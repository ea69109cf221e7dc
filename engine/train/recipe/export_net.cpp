#include "engine/train/recipe/export_net.hpp"

#include <onnx-ml.pb.h>

#include <cmath>

#include "engine/train/net/state.hpp"

namespace koinon::engine::train {
namespace {

using Ints = std::vector<std::int64_t>;

/// Writes a graph node by node; values have the names of this class's choosing.
class Writer {
 public:
  Writer(const Net& net, const std::string& name) : net_(net), g_(*model_.mutable_graph()) {
    model_.set_ir_version(9);
    model_.set_producer_name("koinon");
    auto& opset = *model_.add_opset_import();
    opset.set_domain("");
    opset.set_version(20);
    g_.set_name(name);
    names_.resize(static_cast<std::size_t>(net.graph.size()));
  }

  base::Bytes write() {
    bool tokens = false;
    for (const auto& node : net_.graph.nodes())
      tokens = tokens || (node.op->name() == "embedding" && node.inputs[0] == net_.input);
    name(net_.input) = "input";
    put_type(*g_.add_input(), "input", net_.graph.value(net_.input).shape,
             tokens ? ::onnx::TensorProto::INT64 : ::onnx::TensorProto::FLOAT);
    for (int i = 0; i < net_.graph.size(); ++i) {
      const auto& v = net_.graph.value(i);
      if (v.role == Role::parameter || v.role == Role::buffer) name(i) = put_floats(v.name, v.shape, v.data);
    }
    for (const auto& node : net_.graph.nodes()) {
      if (node.output > net_.output) break;
      put(node);
    }
    call("Identity", {name(net_.output)}, "output");
    put_type(*g_.add_output(), "output", net_.graph.value(net_.output).shape, ::onnx::TensorProto::FLOAT);
    base::Bytes out(model_.ByteSizeLong());
    model_.SerializeToArray(out.data(), static_cast<int>(out.size()));
    return out;
  }

 private:
  std::string& name(int id) { return names_[static_cast<std::size_t>(id)]; }
  std::string fresh() { return "v" + std::to_string(++made_); }

  static void put_type(::onnx::ValueInfoProto& to, const std::string& name, const Shape& shape, int element) {
    to.set_name(name);
    auto& type = *to.mutable_type()->mutable_tensor_type();
    type.set_elem_type(element);
    for (std::size_t i = 0; i < shape.size(); ++i) {
      auto& dim = *type.mutable_shape()->add_dim();
      if (i == 0)
        dim.set_dim_param("batch");
      else
        dim.set_dim_value(shape[i]);
    }
  }

  std::string put_floats(const std::string& called, const Shape& shape, const std::vector<float>& data) {
    auto& t = *g_.add_initializer();
    t.set_name(called);
    t.set_data_type(::onnx::TensorProto::FLOAT);
    for (auto axis : shape) t.add_dims(axis);
    const auto bytes = canonical_bytes(data);
    t.set_raw_data(bytes.data(), bytes.size());
    return called;
  }

  std::string put_ints(const Ints& data) {
    auto& t = *g_.add_initializer();
    t.set_name(fresh());
    t.set_data_type(::onnx::TensorProto::INT64);
    t.add_dims(static_cast<std::int64_t>(data.size()));
    t.set_raw_data(data.data(), data.size() * sizeof(std::int64_t));
    return t.name();
  }

  ::onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& inputs) {
    auto& n = *g_.add_node();
    n.set_op_type(op);
    n.set_name(op + std::to_string(g_.node_size()));
    for (const auto& i : inputs) n.add_input(i);
    return n;
  }
  std::string call(const std::string& op, const std::vector<std::string>& inputs, std::string to = {}) {
    if (to.empty()) to = fresh();
    node(op, inputs).add_output(to);
    return to;
  }
  static void set(::onnx::NodeProto& n, const std::string& key, std::int64_t value) {
    auto& a = *n.add_attribute();
    a.set_name(key);
    a.set_type(::onnx::AttributeProto::INT);
    a.set_i(value);
  }
  static void set(::onnx::NodeProto& n, const std::string& key, const Ints& values) {
    auto& a = *n.add_attribute();
    a.set_name(key);
    a.set_type(::onnx::AttributeProto::INTS);
    for (auto v : values) a.add_ints(v);
  }
  static void set_real(::onnx::NodeProto& n, const std::string& key, double value) {
    auto& a = *n.add_attribute();
    a.set_name(key);
    a.set_type(::onnx::AttributeProto::FLOAT);
    a.set_f(static_cast<float>(value));
  }
  std::string transposed(const std::string& x, const Ints& order) {
    auto& n = node("Transpose", {x});
    set(n, "perm", order);
    n.add_output(fresh());
    return n.output(0);
  }
  std::string reshaped(const std::string& x, const Ints& shape) { return call("Reshape", {x, put_ints(shape)}); }

  static std::int64_t whole(const Op::Numbers& numbers, const char* key) { return static_cast<std::int64_t>(numbers.at(key)); }

  void window(::onnx::NodeProto& n, const Op::Numbers& numbers, Ints kernel) {
    const auto p = whole(numbers, "padding"), s = whole(numbers, "stride");
    set(n, "kernel_shape", std::move(kernel));
    set(n, "strides", Ints{s, s});
    set(n, "pads", Ints{p, p, p, p});
  }

  void put(const Graph::Node& at) {
    std::vector<std::string> in;
    for (auto i : at.inputs) in.push_back(name(i));
    const std::string op(at.op->name());
    auto& out = name(at.output);
    const auto numbers = at.op->numbers();
    if (op == "linear") return linear(at, in);
    if (op == "attention") return attention(at, in[0]);
    if (op == "conv") {
      auto& n = node("Conv", in);
      const auto& w = net_.graph.value(at.inputs[1]).shape;
      window(n, numbers, {w[2], w[3]});
      set(n, "group", whole(numbers, "groups"));
      n.add_output(out = fresh());
    } else if (op == "max_pool" || op == "average_pool") {
      auto& n = node(op == "max_pool" ? "MaxPool" : "AveragePool", in);
      window(n, numbers, {whole(numbers, "kernel_y"), whole(numbers, "kernel_x")});
      n.add_output(out = fresh());
    } else if (op == "global_average") {
      out = reshaped(call("GlobalAveragePool", in), {0, net_.graph.value(at.output).shape[1]});
    } else if (op == "batch_norm" || op == "layer_norm") {
      auto& n = node(op == "batch_norm" ? "BatchNormalization" : "LayerNormalization", in);
      set_real(n, "epsilon", numbers.at("epsilon"));
      if (op == "layer_norm") set(n, "axis", -1);
      n.add_output(out = fresh());
    } else if (op == "embedding") {
      out = call("Gather", {in[1], in[0]});
    } else if (op == "reshape") {
      auto shape = net_.graph.value(at.output).shape;
      shape[0] = 0;
      out = reshaped(in[0], shape);
    } else if (op == "mean_tokens") {
      auto& n = node("ReduceMean", {in[0], put_ints({1})});
      set(n, "keepdims", 0);
      n.add_output(out = fresh());
    } else if (op == "silu") {
      out = call("Mul", {in[0], call("Sigmoid", in)});
    } else if (op == "dropout") {
      out = in[0];
    } else {
      out = call(plain(op), in);
    }
  }

  static std::string plain(const std::string& op) {
    if (op == "relu") return "Relu";
    if (op == "gelu") return "Gelu";
    if (op == "tanh") return "Tanh";
    if (op == "sigmoid") return "Sigmoid";
    return op == "add" ? "Add" : "Mul";
  }

  void linear(const Graph::Node& at, const std::vector<std::string>& in) {
    if (net_.graph.value(at.inputs[0]).shape.size() == 2) {
      auto& n = node("Gemm", in);
      set(n, "transB", 1);
      n.add_output(name(at.output) = fresh());
      return;
    }
    const auto y = call("MatMul", {in[0], transposed(in[1], {1, 0})});
    name(at.output) = in.size() > 2 ? call("Add", {y, in[2]}) : y;
  }

  void attention(const Graph::Node& at, const std::string& x) {
    const auto numbers = at.op->numbers();
    const auto& shape = net_.graph.value(at.output).shape;
    const auto t = shape[1], d = shape[2], heads = whole(numbers, "heads"), width = d / heads;
    auto& split = node("Split", {x, put_ints({d, d, d})});
    set(split, "axis", 2);
    std::vector<std::string> parts;
    for (int i = 0; i < 3; ++i) parts.push_back(fresh());
    for (const auto& p : parts) split.add_output(p);
    for (std::size_t i = 0; i < 3; ++i)
      parts[i] = transposed(reshaped(parts[i], {0, t, heads, width}), i == 1 ? Ints{0, 2, 3, 1} : Ints{0, 2, 1, 3});
    const auto scale = put_floats(fresh(), {}, {1.0F / std::sqrt(static_cast<float>(width))});
    auto scores = call("Mul", {call("MatMul", {parts[0], parts[1]}), scale});
    if (numbers.at("causal") > 0) {
      std::vector<float> mask(static_cast<std::size_t>(t * t));
      for (std::int64_t i = 0; i < t; ++i)
        for (auto j = i + 1; j < t; ++j) mask[static_cast<std::size_t>(i * t + j)] = -1e9F;
      scores = call("Add", {scores, put_floats(fresh(), {t, t}, mask)});
    }
    auto& softmax = node("Softmax", {scores});
    set(softmax, "axis", -1);
    const auto shares = fresh();
    softmax.add_output(shares);
    name(at.output) = reshaped(transposed(call("MatMul", {shares, parts[2]}), {0, 2, 1, 3}), {0, t, d});
  }

  const Net& net_;
  ::onnx::ModelProto model_;
  ::onnx::GraphProto& g_;
  std::vector<std::string> names_;
  int made_ = 0;
};

}  // namespace

base::Bytes export_net(const Net& net, const std::string& name) { return Writer(net, name).write(); }

}  // namespace koinon::engine::train
