#include <gtest/gtest.h>

#include <cmath>

#include "engine/operators/import.hpp"
#include "onnx-ml.pb.h"

// Attention and its kin against the formula, written out.
namespace koinon::engine::operators {
namespace {

void add_input(::onnx::GraphProto& graph, const std::string& name, const Shape& shape) {
  auto& input = *graph.add_input();
  input.set_name(name);
  auto& type = *input.mutable_type()->mutable_tensor_type();
  type.set_elem_type(1);
  for (auto d : shape) type.mutable_shape()->add_dim()->set_dim_value(d);
}

::onnx::ModelProto model_of(const std::string& op, const std::string& domain, const std::vector<Shape>& inputs) {
  ::onnx::ModelProto model;
  model.set_ir_version(10);
  model.add_opset_import()->set_version(23);
  if (!domain.empty()) {
    auto& other = *model.add_opset_import();
    other.set_domain(domain);
    other.set_version(1);
  }
  auto& graph = *model.mutable_graph();
  auto& node = *graph.add_node();
  node.set_name("it");
  node.set_op_type(op);
  node.set_domain(domain);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    add_input(graph, fmt::format("x{}", i), inputs[i]);
    node.add_input(fmt::format("x{}", i));
  }
  node.add_output("y");
  graph.add_output()->set_name("y");
  return model;
}

void set_integer(::onnx::ModelProto& model, const std::string& name, std::int64_t value) {
  auto& attribute = *model.mutable_graph()->mutable_node(0)->add_attribute();
  attribute.set_name(name);
  attribute.set_type(::onnx::AttributeProto::INT);
  attribute.set_i(value);
}

Value numbers(const Shape& shape, double seed) {
  Value out = Value::zeros({Element::f32, shape});
  for (std::size_t i = 0; i < out.floats.size(); ++i)
    out.floats[i] = static_cast<float>(std::sin(seed + 1.7 * static_cast<double>(i)));
  return out;
}

Value answer(const ::onnx::ModelProto& model, const std::vector<Value>& inputs) {
  const auto bytes = model.SerializeAsString();
  const auto graph = import_model(base::as_bytes(bytes));
  EXPECT_TRUE(graph) << graph.error().text;
  const auto values = run_reference(*graph, inputs);
  EXPECT_TRUE(values) << values.error().text;
  return *(*values)[static_cast<std::size_t>(graph->outputs[0])];
}

TEST(attention, weighs_the_values_of_the_keys_that_a_query_may_see) {
  const Shape shape{1, 2, 3, 4};
  auto model = model_of("Attention", "", {shape, shape, shape});
  set_integer(model, "is_causal", 1);
  const auto q = numbers(shape, 1), k = numbers(shape, 2), v = numbers(shape, 3);
  const auto y = answer(model, {q, k, v});
  const auto at = [](std::size_t h, std::size_t i, std::size_t d) { return (h * 3 + i) * 4 + d; };
  for (std::size_t h = 0; h < 2; ++h)
    for (std::size_t i = 0; i < 3; ++i) {
      std::vector<double> weights;
      double total = 0;
      for (std::size_t j = 0; j <= i; ++j) {
        double dot = 0;
        for (std::size_t d = 0; d < 4; ++d) dot += static_cast<double>(q.floats[at(h, i, d)] * k.floats[at(h, j, d)]);
        weights.push_back(std::exp(dot / 2));
        total += weights.back();
      }
      for (std::size_t d = 0; d < 4; ++d) {
        double want = 0;
        for (std::size_t j = 0; j <= i; ++j) want += weights[j] / total * static_cast<double>(v.floats[at(h, j, d)]);
        EXPECT_NEAR(static_cast<double>(y.floats[at(h, i, d)]), want, 1e-5);
      }
    }
}

TEST(attention, turns_pairs_by_the_angles_given) {
  auto model = model_of("RotaryEmbedding", "", {{1, 1, 2, 4}, {1, 2, 2}, {1, 2, 2}});
  const auto x = numbers({1, 1, 2, 4}, 1), c = numbers({1, 2, 2}, 2), s = numbers({1, 2, 2}, 3);
  const auto y = answer(model, {x, c, s});
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t d = 0; d < 2; ++d) {
      const float a = x.floats[i * 4 + d], b = x.floats[i * 4 + 2 + d], cos = c.floats[i * 2 + d], sin = s.floats[i * 2 + d];
      EXPECT_NEAR(y.floats[i * 4 + d], a * cos - b * sin, 1e-5F);
      EXPECT_NEAR(y.floats[i * 4 + 2 + d], a * sin + b * cos, 1e-5F);
    }
}

TEST(attention, refuses_heads_that_do_not_divide) {
  auto model = model_of("Attention", "", {{1, 3, 8}, {1, 3, 8}, {1, 3, 8}});
  set_integer(model, "q_num_heads", 3);
  set_integer(model, "kv_num_heads", 1);
  const auto bytes = model.SerializeAsString();
  const auto graph = import_model(base::as_bytes(bytes));
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().code, Code::malformed) << graph.error().text;
}

TEST(attention, quick_gelu_is_x_times_a_sigmoid) {
  const auto x = numbers({2, 3}, 1);
  const auto y = answer(model_of("QuickGelu", "com.microsoft", {{2, 3}}), {x});
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(y.floats[i], x.floats[i] / (1 + std::exp(-1.702F * x.floats[i])), 1e-5F);
}

}  // namespace
}  // namespace koinon::engine::operators
