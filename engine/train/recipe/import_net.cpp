#include "engine/train/recipe/import_net.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/file.hpp"
#include "engine/operators/import.hpp"

namespace koinon::engine::train {
namespace {

using base::Code;
using base::Result;
using base::Status;
using onnx::Node;

/// Makes one node of the model after another in a graph of ours.
class Importer {
 public:
  Importer(const onnx::Graph& from, const Recipe& recipe, Net& net) : from_(from), recipe_(recipe), net_(net), g_(net.graph) {
    for (std::size_t i = 0; i < from.nodes.size(); ++i)
      if (const auto& op = from.nodes[i].op; op == "Gemm" || op == "MatMul") last_product_ = i;
  }

  Status all() {
    made_[from_.inputs[0]] = net_.input;
    for (std::size_t i = 0; i < from_.nodes.size(); ++i) {
      const auto& node = from_.nodes[i];
      auto out = one(node, recipe_.head > 0 && i == last_product_);
      if (!out) return base::fail(std::move(out).error().within(onnx::node_text(node)));
      made_[node.outputs[0]] = *out;
    }
    const auto end = made_.find(from_.outputs[0]);
    if (end == made_.end()) return base::fail(Code::unsupported, "[train] the output does not depend on the input");
    net_.output = end->second;
    return {};
  }

  /// Values of a new last layer, to be drawn.
  [[nodiscard]] const std::vector<int>& fresh() const { return fresh_; }

 private:
  const onnx::ValueInfo& info(int value) const { return from_.values[static_cast<std::size_t>(value)]; }
  const Shape& shape(int id) { return g_.value(id).shape; }

  static bool is_constant(const onnx::ValueInfo& v) { return v.constant.has_value() && onnx::is_float(v.constant->element); }

  Result<int> parameter(const std::string& name, Shape size, std::vector<float> data, bool state = false) {
    KOINON_CHECK(g_.room(size));
    if (const auto bad = std::ranges::find_if_not(data, [](float v) { return std::isfinite(v); }); bad != data.end())
      return base::fail(Code::invalid_argument, "[train] '{}' holds {}: finite numbers expected", name, *bad);
    const auto id = g_.parameter(name, std::move(size), !state && !recipe_.freeze);
    g_.value(id).data = std::move(data);
    return id;
  }

  /// A constant as a parameter, of its own shape.
  Result<int> constant(int value, bool state = false) {
    const auto& v = info(value);
    if (!is_constant(v)) return base::fail(Code::unsupported, "[train] '{}' is no constant of floats", v.name);
    if (const auto known = constants_.find(value); known != constants_.end()) return known->second;
    KOINON_TRY(const auto id, parameter(v.name, v.constant->shape, v.constant->floats, state));
    constants_[value] = id;
    return id;
  }

  Result<int> operand(int value) {
    if (const auto at = made_.find(value); at != made_.end()) return at->second;
    return constant(value);
  }

  template <class T>
  static T attribute(const Node& node, const std::string& key, T otherwise) {
    const auto at = node.attributes.find(key);
    if (at == node.attributes.end()) return otherwise;
    const auto* value = std::get_if<T>(&at->second);
    return value == nullptr ? otherwise : *value;
  }

  static Result<std::int64_t> same(const std::vector<std::int64_t>& values, std::int64_t otherwise, std::string_view what) {
    if (values.empty()) return otherwise;
    if (std::any_of(values.begin(), values.end(), [&](auto v) { return v != values[0]; }))
      return base::fail(Code::unsupported, "[train] different {} along the axes", what);
    return values[0];
  }

  static Result<Window> window(const Node& node) {
    using Ints = std::vector<std::int64_t>;
    const auto pad = attribute<std::string>(node, "auto_pad", "NOTSET");
    KOINON_TRY(const auto dilation, same(attribute<Ints>(node, "dilations", {}), 1, "dilations"));
    if (pad != "NOTSET" && pad != "VALID") return base::fail(Code::unsupported, "[train] auto_pad {}", pad);
    if (dilation != 1) return base::fail(Code::unsupported, "[train] dilation {}", dilation);
    if (attribute<std::int64_t>(node, "ceil_mode", 0) != 0) return base::fail(Code::unsupported, "[train] ceil_mode 1");
    Window out;
    KOINON_TRY(out.stride, same(attribute<Ints>(node, "strides", {}), 1, "strides"));
    KOINON_TRY(out.padding, same(attribute<Ints>(node, "pads", {}), 0, "pads"));
    const auto kernel = attribute<Ints>(node, "kernel_shape", {1, 1});
    if (kernel.size() != 2) return base::fail(Code::unsupported, "[train] {} axes: 2 expected", kernel.size());
    out.kernel_y = kernel[0], out.kernel_x = kernel[1];
    return out;
  }

  static std::vector<float> turned(const std::vector<float>& x, std::int64_t rows, std::int64_t columns) {
    std::vector<float> out(x.size());
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < columns; ++c)
        out[static_cast<std::size_t>(c * rows + r)] = x[static_cast<std::size_t>(r * columns + c)];
    return out;
  }

  Result<int> product(const Node& node, bool head) {
    KOINON_TRY(const auto x, operand(node.inputs[0]));
    const auto& w = info(node.inputs[1]);
    const bool gemm = node.op == "Gemm", across = gemm && attribute<std::int64_t>(node, "transB", 0) != 0;
    const bool plain = !gemm || (attribute<std::int64_t>(node, "transA", 0) == 0 &&
                                 attribute<float>(node, "alpha", 1.0F) == 1.0F && attribute<float>(node, "beta", 1.0F) == 1.0F);
    if (!is_constant(w) || w.constant->shape.size() != 2 || !plain)
      return base::fail(Code::unsupported, "[train] a product with a constant matrix, alpha and beta 1, expected");
    auto size = w.constant->shape;
    auto data = w.constant->floats;
    if (!across) {
      data = turned(data, size[0], size[1]);
      std::swap(size[0], size[1]);
    }
    const bool biased = node.inputs.size() > 2 && node.inputs[2] != onnx::kAbsent;
    if (head) return new_head(x, size[1]);
    KOINON_TRY(const auto weight, parameter(w.name, size, std::move(data)));
    if (!biased) return g_.add(make_linear(), {x, weight});
    const auto& c = info(node.inputs[2]);
    if (!is_constant(c) || onnx::count(c.constant->shape) != size[0])
      return base::fail(Code::unsupported, "[train] a bias for each output expected");
    KOINON_TRY(const auto bias, parameter(c.name, {size[0]}, c.constant->floats));
    return g_.add(make_linear(), {x, weight, bias});
  }

  Result<int> new_head(int x, std::int64_t width) {
    KOINON_CHECK(g_.room({recipe_.head, width}));
    fresh_ = {g_.parameter("head.weight", {recipe_.head, width}), g_.parameter("head.bias", {recipe_.head})};
    return g_.add(make_linear(), {x, fresh_[0], fresh_[1]});
  }

  Result<int> conv(const Node& node) {
    KOINON_TRY(const auto shape_of, window(node));
    KOINON_TRY(const auto x, operand(node.inputs[0]));
    std::vector<int> in = {x};
    for (std::size_t i = 1; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == onnx::kAbsent) continue;
      KOINON_TRY(const auto part, constant(node.inputs[i]));
      in.push_back(part);
    }
    return g_.add(make_conv(shape_of, attribute<std::int64_t>(node, "group", 1)), in);
  }

  Result<int> norm(const Node& node) {
    KOINON_TRY(const auto x, operand(node.inputs[0]));
    std::vector<int> in = {x};
    const bool batch = node.op == "BatchNormalization";
    const auto axis = attribute<std::int64_t>(node, "axis", -1);
    if (!batch && axis != -1 && axis != static_cast<std::int64_t>(shape(x).size()) - 1)
      return base::fail(Code::unsupported, "[train] axis {}: the last expected", axis);
    for (std::size_t i = 1; i < node.inputs.size(); ++i) {
      KOINON_TRY(const auto part, constant(node.inputs[i], i > 2));
      in.push_back(part);
    }
    const auto epsilon = static_cast<double>(attribute<float>(node, "epsilon", 1e-5F));
    if (!std::isfinite(epsilon))
      return base::fail(Code::invalid_argument, "[train] epsilon {}: a finite number expected", epsilon);
    return g_.add(batch ? make_batch_norm(epsilon, 0.1) : make_layer_norm(epsilon), in);
  }

  /// A head's old bias does not fit the new one: an Add of a constant behind it falls away.
  Result<int> pair(const Node& node) {
    auto a = node.inputs[0], b = node.inputs[1];
    if (!made_.contains(a)) std::swap(a, b);
    KOINON_TRY(const auto x, operand(a));
    if (!fresh_.empty() && !made_.contains(b)) return x;
    if (made_.contains(b) && shape(x).size() < shape(made_[b]).size()) std::swap(a, b);
    KOINON_TRY(const auto first, operand(a));
    KOINON_TRY(const auto second, operand(b));
    return g_.add(node.op == "Add" ? make_add() : make_multiply(), {first, second});
  }

  Result<int> reshape(const Node& node) {
    KOINON_TRY(const auto x, operand(node.inputs[0]));
    auto to = info(node.outputs[0]).type.shape;
    if (to.empty() || to[0] != shape(x)[0]) return base::fail(Code::unsupported, "[train] the first axis must stay the batch");
    if (!fresh_.empty()) return x;
    to[0] = 0;
    return g_.add(make_reshape(to), {x});
  }

  Result<int> one(const Node& node, bool head) {
    static const std::map<std::string, std::string> activations = {
        {"Relu", "relu"}, {"Gelu", "gelu"}, {"Tanh", "tanh"}, {"Sigmoid", "sigmoid"}};
    const auto& op = node.op;
    if (op == "Gemm" || op == "MatMul") return product(node, head);
    if (op == "Conv") return conv(node);
    if (op == "Add" || op == "Mul") return pair(node);
    if (op == "BatchNormalization" || op == "LayerNormalization") return norm(node);
    if (op == "Flatten" || op == "Reshape" || op == "Squeeze" || op == "Unsqueeze") return reshape(node);
    if (op == "Gather" && attribute<std::int64_t>(node, "axis", 0) == 0 && !made_.contains(node.inputs[0])) {
      KOINON_TRY(const auto table, constant(node.inputs[0]));
      KOINON_TRY(const auto words, operand(node.inputs[1]));
      return g_.add(make_embedding(), {words, table});
    }
    KOINON_TRY(const auto x, operand(node.inputs[0]));
    if (const auto a = activations.find(op);
        a != activations.end() && attribute<std::string>(node, "approximate", "none") == "none")
      return g_.add(make_activation(a->second), {x});
    if (op == "MaxPool" || op == "AveragePool") {
      KOINON_TRY(const auto w, window(node));
      return g_.add(op == "MaxPool" ? make_max_pool(w) : make_average_pool(w), {x});
    }
    if (op == "GlobalAveragePool" && shape(x).size() == 4) {
      KOINON_TRY(const auto y, g_.add(make_global_average(), {x}));
      return g_.add(make_reshape({0, shape(x)[1], 1, 1}), {y});
    }
    if (op == "Identity" || op == "Dropout" || (op == "Cast" && onnx::is_float(info(node.outputs[0]).type.element))) return x;
    const bool last = node.outputs[0] == from_.outputs[0] && recipe_.loss == Loss::cross_entropy;
    if ((op == "Softmax" || op == "LogSoftmax") && last) return x;
    return base::fail(Code::unsupported, "[train] this operator cannot be trained");
  }

  const onnx::Graph& from_;
  const Recipe& recipe_;
  Net& net_;
  Graph& g_;
  std::size_t last_product_ = SIZE_MAX;
  std::map<int, int> made_, constants_;
  std::vector<int> fresh_;
};

Result<onnx::Graph> read_model(base::ByteView bytes, const Recipe& recipe, const Shape& sample) {
  operators::ImportOptions options;
  options.fold_budget = recipe.most_folded;
  options.read.folder = std::filesystem::absolute(recipe.folder / recipe.onnx).parent_path();
  KOINON_TRY(auto graph, operators::import_model(bytes, options));
  if (graph.inputs.size() != 1 || graph.outputs.size() != 1)
    return base::fail(Code::unsupported, "[train] {} inputs and {} outputs: one of each expected", graph.inputs.size(),
                      graph.outputs.size());
  const auto& input = graph.values[static_cast<std::size_t>(graph.inputs[0])];
  auto wanted = sample;
  wanted.insert(wanted.begin(), input.type.shape.empty() ? 0 : input.type.shape[0]);
  if (input.type.shape != wanted)
    return base::fail(Code::invalid_argument, "[train] the model takes {}: samples have the shape {}",
                      tensor::shape_text(input.type.shape), tensor::shape_text(sample));
  options.read.dims[input.name + ".0"] = recipe.batch;
  return operators::import_model(bytes, options);
}

}  // namespace

Result<Net> import_net(const Recipe& recipe, const Shape& sample) {
  KOINON_TRY(const auto bytes, base::read_file(recipe.folder / recipe.onnx));
  return import_net(bytes, recipe.onnx, recipe, sample);
}

Result<Net> import_net(base::ByteView bytes, const std::string& name, const Recipe& recipe, const Shape& sample) {
  const auto context = fmt::format("line {}: {}", recipe.onnx_line, name);
  auto model = read_model(bytes, recipe, sample);
  if (!model) return base::fail(std::move(model).error().within(context));
  Net net;
  net.graph.limit(recipe.most_elements);
  auto input = sample;
  input.insert(input.begin(), recipe.batch);
  KOINON_CHECK(net.graph.room(input));
  net.input = net.graph.input("input", input);
  Importer importer(*model, recipe, net);
  if (auto ok = importer.all(); !ok) return base::fail(std::move(ok).error().within(context));
  if (!importer.fresh().empty()) {
    Graph drawn;  // the new layer's values follow from the seed alone
    for (auto id : importer.fresh()) drawn.parameter(net.graph.value(id).name, net.graph.value(id).shape);
    initialise(drawn, recipe.seed);
    for (std::size_t i = 0; i < importer.fresh().size(); ++i)
      net.graph.value(importer.fresh()[i]).data = drawn.value(static_cast<int>(i)).data;
  }
  auto target = net.graph.value(net.output).shape;
  if (recipe.loss == Loss::cross_entropy) target.pop_back();
  KOINON_CHECK(net.graph.room(target));
  net.target = net.graph.input("target", target);
  KOINON_TRY(net.loss, net.graph.add(recipe.loss == Loss::cross_entropy ? make_cross_entropy() : make_mean_squared(),
                                     {net.output, net.target}));
  if (net.graph.with_role(Role::parameter).empty())
    return base::fail(Code::invalid_argument, "[train] {}: no constants that could be trained", context);
  return net;
}

}  // namespace koinon::engine::train
