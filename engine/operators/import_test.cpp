#include "engine/operators/import.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "onnx-ml.pb.h"

namespace koinon::engine::operators {
namespace {

/// y = Relu(x), x [batch, 3]; a test changes what it is about.
::onnx::ModelProto small() {
  ::onnx::ModelProto model;
  model.set_ir_version(7);
  model.add_opset_import()->set_version(13);
  auto& graph = *model.mutable_graph();
  auto& x = *graph.add_input();
  x.set_name("x");
  auto& type = *x.mutable_type()->mutable_tensor_type();
  type.set_elem_type(1);
  type.mutable_shape()->add_dim()->set_dim_param("batch");
  type.mutable_shape()->add_dim()->set_dim_value(3);
  auto& node = *graph.add_node();
  node.set_name("act");
  node.set_op_type("Relu");
  node.add_input("x");
  node.add_output("y");
  graph.add_output()->set_name("y");
  return model;
}

Result<onnx::Graph> imported(const ::onnx::ModelProto& model, const ImportOptions& options = {}) {
  const auto bytes = model.SerializeAsString();
  return import_model(base::as_bytes(bytes), options);
}

void refuses(const std::function<void(::onnx::ModelProto&)>& change, Code code, const std::string& text) {
  auto model = small();
  change(model);
  const auto graph = imported(model);
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().code, code) << graph.error().text;
  EXPECT_NE(graph.error().text.find(text), std::string::npos) << graph.error().text;
}

TEST(import, fixes_a_dynamic_first_axis_to_one_or_to_the_option) {
  EXPECT_EQ(imported(small())->values[0].type.shape, (Shape{1, 3}));
  ImportOptions options;
  options.read.dims["batch"] = 5;
  EXPECT_EQ(imported(small(), options)->values[0].type.shape, (Shape{5, 3}));
}

TEST(import, takes_sizes_by_input_and_axis_and_refuses_those_it_does_not_have) {
  ImportOptions options;
  options.read.dims["x.0"] = 4;
  EXPECT_EQ(imported(small(), options)->values[0].type.shape, (Shape{4, 3}));
  options.read.dims = {{"x.1", 3}};  // what it is
  EXPECT_TRUE(imported(small(), options));
  const auto refused = [&](const std::string& name, std::int64_t size, const std::string& text) {
    options.read.dims = {{name, size}};
    const auto graph = imported(small(), options);
    ASSERT_FALSE(graph) << name;
    EXPECT_EQ(graph.error().code, Code::invalid_argument);
    EXPECT_NE(graph.error().text.find(text), std::string::npos) << graph.error().text;
  };
  refused("bach", 2, "no such dimension; the model has batch");
  refused("x", 2, "no such dimension");
  refused("x.1", 5, "the model fixes it at 3");
  refused("batch", 0, "at least 1");
}

TEST(import, bounds_all_values_of_a_run_together) {
  ImportOptions options;
  options.read.dims["batch"] = 40'000'000;  // 120 million numbers: x and y are within the bound, a third value is not
  EXPECT_TRUE(imported(small(), options));
  auto model = small();
  auto& node = *model.mutable_graph()->add_node();
  node.set_name("again");
  node.set_op_type("Relu");
  node.add_input("y");
  node.add_output("z");
  model.mutable_graph()->mutable_output(0)->set_name("z");
  const auto graph = imported(model, options);
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().code, Code::out_of_range);
  EXPECT_NE(graph.error().text.find("again"), std::string::npos) << graph.error().text;
}

TEST(import, runs_the_reference) {
  const auto graph = imported(small());
  const auto values = run_reference(*graph, {Value::of_floats({1, 3}, {-1, 0, 2})});
  EXPECT_EQ((*values)[static_cast<std::size_t>(graph->outputs[0])]->floats, (std::vector<float>{0, 0, 2}));
  EXPECT_EQ(run_reference(*graph, {Value::of_floats({3}, {1, 2, 3})}).error().code, Code::invalid_argument);
}

TEST(import, folds_shapes_away) {
  auto model = small();
  auto& graph = *model.mutable_graph();
  auto& shape = *graph.add_node();
  shape.set_op_type("Shape");
  shape.add_input("y");
  shape.add_output("s");
  auto& reshape = *graph.add_node();
  reshape.set_op_type("Reshape");
  reshape.add_input("y");
  reshape.add_input("s");
  reshape.add_output("z");
  graph.mutable_output(0)->set_name("z");
  const auto imported_graph = imported(model);
  ASSERT_TRUE(imported_graph) << imported_graph.error().text;
  EXPECT_EQ(imported_graph->nodes.size(), 2U);
}

TEST(import, sorts_nodes_that_stand_in_any_order) {
  auto model = small();
  auto& graph = *model.mutable_graph();
  auto& last = *graph.add_node();
  last.set_op_type("Identity");
  last.add_input("y");
  last.add_output("z");
  graph.mutable_node()->SwapElements(0, 1);
  graph.mutable_output(0)->set_name("z");
  EXPECT_TRUE(imported(model));
}

TEST(import, refuses_what_it_cannot_do_by_name) {
  refuses([](auto& m) { m.mutable_graph()->mutable_node(0)->set_op_type("Nonsense"); }, Code::unsupported,
          "node 'act' (Nonsense)");
  refuses([](auto& m) { m.mutable_opset_import(0)->set_version(0); }, Code::unsupported, "opset 0");
  refuses([](auto& m) { m.mutable_graph()->mutable_node(0)->set_input(0, "nobody"); }, Code::malformed,
          "'nobody' is made by no node");
  refuses([](auto& m) { m.mutable_graph()->mutable_node(0)->set_input(0, "y"); }, Code::malformed, "cycle");
  refuses([](auto& m) { m.mutable_graph()->mutable_node(0)->set_output(0, "x"); }, Code::malformed, "made twice");
  refuses([](auto& m) { m.mutable_graph()->mutable_output(0)->set_name("q"); }, Code::malformed, "output 'q'");
  refuses([](auto& m) { m.mutable_graph()->mutable_node(0)->set_domain("com.example"); }, Code::unsupported, "com.example");
  refuses([](auto& m) { m.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(8); },
          Code::unsupported, "element type 8");
  refuses(
      [](auto& m) {
        auto& dims = *m.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
        dims.mutable_dim(1)->set_dim_param("length");
      },
      Code::invalid_argument, "--dim length=SIZE");
  refuses(
      [](auto& m) {
        auto& dims = *m.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
        dims.mutable_dim(1)->set_dim_value(std::int64_t{1} << 40);
      },
      Code::out_of_range, "input 'x'");
  refuses(
      [](auto& m) {
        auto& t = *m.mutable_graph()->add_initializer();
        t.set_name("w");
        t.set_data_type(1);
        t.set_data_location(::onnx::TensorProto::EXTERNAL);
      },
      Code::unsupported, "another file");
  refuses(
      [](auto& m) {
        auto& t = *m.mutable_graph()->add_initializer();
        t.set_name("w");
        t.set_data_type(1);
        t.add_dims(1000);
      },
      Code::malformed, "fewer elements");
}

TEST(import, refuses_bytes_that_are_no_model) {
  EXPECT_EQ(import_model(base::as_bytes("not a model")).error().code, Code::malformed);
  EXPECT_EQ(import_model({}).error().code, Code::malformed);
}

}  // namespace
}  // namespace koinon::engine::operators
