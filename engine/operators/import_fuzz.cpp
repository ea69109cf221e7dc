#include "engine/operators/import.hpp"
#include "onnx-ml.pb.h"

namespace {

/// A small model with a convolution, a constant subgraph and a classifier, as bytes.
std::vector<std::uint8_t> seed() {
  onnx::ModelProto model;
  model.set_ir_version(7);
  model.add_opset_import()->set_version(13);
  auto& graph = *model.mutable_graph();
  graph.set_name("seed");
  const auto tensor = [&](const char* name, std::vector<std::int64_t> dims) {
    auto& t = *graph.add_initializer();
    t.set_name(name);
    t.set_data_type(1);
    std::int64_t n = 1;
    for (auto d : dims) {
      t.add_dims(d);
      n *= d;
    }
    for (std::int64_t i = 0; i < n; ++i) t.add_float_data(0.1F * static_cast<float>(i % 7));
  };
  const auto node = [&](const char* op, std::initializer_list<const char*> in, const char* out) -> onnx::NodeProto& {
    auto& n = *graph.add_node();
    n.set_op_type(op);
    n.set_name(out);
    for (const auto* i : in) n.add_input(i);
    n.add_output(out);
    return n;
  };
  const auto ints = [](onnx::NodeProto& n, const char* name, std::initializer_list<std::int64_t> values) {
    auto& a = *n.add_attribute();
    a.set_name(name);
    a.set_type(onnx::AttributeProto::INTS);
    for (auto v : values) a.add_ints(v);
  };
  auto& x = *graph.add_input();
  x.set_name("x");
  auto& type = *x.mutable_type()->mutable_tensor_type();
  type.set_elem_type(1);
  type.mutable_shape()->add_dim()->set_dim_param("batch");
  for (int d : {1, 6, 6}) type.mutable_shape()->add_dim()->set_dim_value(d);
  tensor("w", {2, 1, 3, 3});
  tensor("b", {2});
  tensor("fc", {18, 3});
  ints(node("Conv", {"x", "w", "b"}, "c"), "pads", {1, 1, 1, 1});
  node("Relu", {"c"}, "r");
  auto& pool = node("MaxPool", {"r"}, "p");
  ints(pool, "kernel_shape", {2, 2});
  ints(pool, "strides", {2, 2});
  node("Shape", {"p"}, "shape");
  auto& target = *graph.add_initializer();
  target.set_name("flat");
  target.set_data_type(7);
  target.add_dims(2);
  target.add_int64_data(1);
  target.add_int64_data(-1);
  node("Reshape", {"p", "flat"}, "f");
  node("MatMul", {"f", "fc"}, "m");
  node("Softmax", {"m"}, "y");
  graph.add_output()->set_name("y");
  const auto bytes = model.SerializeAsString();
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds();
std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() { return {seed()}; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace operators = koinon::engine::operators;
  namespace graphs = koinon::engine::onnx;
  operators::ImportOptions options;
  options.fold_budget = 1 << 16;
  const auto graph = operators::import_model({data, size}, options);
  if (!graph) return graph.error().text.empty() ? __builtin_trap(), 0 : 0;
  // What imports also runs, when it is small.
  std::vector<graphs::Value> inputs;
  std::int64_t elements = 0;
  for (const auto& value : graph->values)
    elements += value.typed ? std::min<std::int64_t>(graphs::count(value.type.shape), 1 << 20) : 0;
  if (elements > 1 << 12) return 0;
  for (int v : graph->inputs) inputs.push_back(graphs::Value::zeros(graph->values[static_cast<std::size_t>(v)].type));
  static_cast<void>(operators::run_reference(*graph, inputs));
  return 0;
}
