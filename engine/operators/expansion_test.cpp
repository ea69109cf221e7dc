#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

#include "base/file.hpp"
#include "engine/operators/import.hpp"
#include "onnx-ml.pb.h"

// What becomes other nodes at import: functions, branches, loops, recurrent nets, masks; and data beside the model.
namespace koinon::engine::operators {
namespace {

namespace fs = std::filesystem;

void add_input(::onnx::GraphProto& graph, const std::string& name, const Shape& shape, Element element = Element::f32) {
  auto& input = *graph.add_input();
  input.set_name(name);
  auto& type = *input.mutable_type()->mutable_tensor_type();
  type.set_elem_type(static_cast<std::int32_t>(element));
  type.mutable_shape();
  for (auto d : shape) type.mutable_shape()->add_dim()->set_dim_value(d);
}

template <class Owner>
::onnx::NodeProto& add_node(Owner& owner, const std::string& op, const std::vector<std::string>& in,
                            const std::vector<std::string>& out) {
  auto& node = *owner.add_node();
  node.set_op_type(op);
  node.set_name(op + "." + (out.empty() ? "" : out[0]));
  for (const auto& name : in) node.add_input(name);
  for (const auto& name : out) node.add_output(name);
  return node;
}

::onnx::AttributeProto& add_attribute(::onnx::NodeProto& node, const std::string& name,
                                      ::onnx::AttributeProto::AttributeType type) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

void add_constant(::onnx::GraphProto& graph, const std::string& name, const Value& value) {
  auto& t = *graph.add_initializer();
  t.set_name(name);
  t.set_data_type(static_cast<std::int32_t>(value.element));
  for (auto d : value.shape) t.add_dims(d);
  for (auto v : value.floats) t.add_float_data(v);
  for (auto v : value.ints) value.element == Element::boolean ? t.add_int32_data(static_cast<int>(v)) : t.add_int64_data(v);
}

/// A model with the input x [2, 3] and the output y.
::onnx::ModelProto model_of() {
  ::onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(16);
  add_input(*model.mutable_graph(), "x", {2, 3});
  model.mutable_graph()->add_output()->set_name("y");
  return model;
}

Result<onnx::Graph> imported(const ::onnx::ModelProto& model, const ImportOptions& options = {}) {
  const auto bytes = model.SerializeAsString();
  return import_model(base::as_bytes(bytes), options);
}

/// y for x = 1, -2, 3, -4, 5, -6.
Result<std::vector<float>> ran(const ::onnx::ModelProto& model, const ImportOptions& options = {}) {
  KOINON_TRY(const auto graph, imported(model, options));
  KOINON_TRY(const auto values, run_reference(graph, {Value::of_floats({2, 3}, {1, -2, 3, -4, 5, -6})}));
  return values[static_cast<std::size_t>(graph.outputs[0])]->floats;
}

/// A body that adds the outer x to its input `a` and gives the sum twice, after the condition when it is a loop's.
::onnx::GraphProto adding_body(bool loop) {
  ::onnx::GraphProto body;
  if (loop) {
    body.add_input()->set_name("step");
    body.add_input()->set_name("go");
  }
  body.add_input()->set_name("a");
  add_node(body, "Add", {"a", "x"}, {"sum"});
  if (loop) {
    add_node(body, "Identity", {"go"}, {"on"});
    body.add_output()->set_name("on");
  }
  body.add_output()->set_name("sum");
  return body;
}

TEST(imports, an_input_that_is_fixed_becomes_a_constant) {
  auto model = model_of();
  add_input(*model.mutable_graph(), "k", {3}, Element::i64);
  add_attribute(add_node(*model.mutable_graph(), "Cast", {"k"}, {"f"}), "to", ::onnx::AttributeProto::INT).set_i(1);
  add_node(*model.mutable_graph(), "Add", {"x", "f"}, {"y"});
  const auto with = [&](const std::string& name, std::vector<double> numbers) {
    ImportOptions options;
    options.read.numbers[name] = std::move(numbers);
    return ran(model, options);
  };
  EXPECT_EQ(with("k", {7}).value(), (std::vector<float>{8, 5, 10, 3, 12, 1}));
  EXPECT_EQ(with("k", {1, 2, 3}).value(), (std::vector<float>{2, 0, 6, -3, 7, -3}));
  EXPECT_EQ(with("k", {1, 2}).error().text, "[onnx] input 'k' is fixed to 2 numbers: 1 or 3 expected");
  EXPECT_EQ(with("k", {0.5}).error().text, "[onnx] input 'k' of int64 is fixed to 0.5");
  EXPECT_EQ(with("z", {1}).error().text, "[onnx] 'z' is to be fixed, but is no input of the model: those are 'x', 'k'");
}

TEST(expansion, unrolls_a_loop_that_captures_a_value) {
  auto model = model_of();
  auto& graph = *model.mutable_graph();
  add_constant(graph, "n", Value::of_ints({}, {3}));
  auto& loop = add_node(graph, "Loop", {"n", "", "x"}, {"y"});
  *add_attribute(loop, "body", ::onnx::AttributeProto::GRAPH).mutable_g() = adding_body(true);
  EXPECT_EQ(*ran(model), (std::vector<float>{4, -8, 12, -16, 20, -24}));
  // Values of one part share their scale.
  const auto made = imported(model);
  ASSERT_GE(made->nodes.size(), 3U);
  const auto alike = [&](std::size_t i) { return made->values[static_cast<std::size_t>(made->nodes[i].outputs[0])].alike; };
  EXPECT_GE(alike(0), 0);
  EXPECT_EQ(alike(0), alike(1));
  EXPECT_EQ(alike(0), alike(2));
}

TEST(expansion, refuses_a_loop_without_a_known_end) {
  auto model = model_of();
  auto& graph = *model.mutable_graph();
  add_input(graph, "n", {}, Element::i64);
  auto& loop = add_node(graph, "Loop", {"n", "", "x"}, {"y"});
  *add_attribute(loop, "body", ::onnx::AttributeProto::GRAPH).mutable_g() = adding_body(true);
  EXPECT_EQ(imported(model).error().code, Code::unsupported);
  ImportOptions options;
  options.read.fixed["n"] = Value::of_ints({}, {std::int64_t{1} << 40});
  EXPECT_EQ(imported(model, options).error().code, Code::out_of_range);
  options.read.fixed["n"] = Value::of_ints({}, {2});
  EXPECT_EQ(*ran(model, options), (std::vector<float>{3, -6, 9, -12, 15, -18}));
}

TEST(expansion, chooses_a_branch_or_selects_between_both) {
  auto model = model_of();
  auto& graph = *model.mutable_graph();
  add_input(graph, "c", {}, Element::boolean);
  auto& node = add_node(graph, "If", {"c"}, {"y"});
  for (const auto* name : {"then_branch", "else_branch"}) {
    auto& branch = *add_attribute(node, name, ::onnx::AttributeProto::GRAPH).mutable_g();
    add_node(branch, std::string(name) == "then_branch" ? "Relu" : "Neg", {"x"}, {"out"});
    branch.add_output()->set_name("out");
  }
  ImportOptions options;
  options.read.fixed["c"] = Value::of_ints({}, {1}, Element::boolean);
  EXPECT_EQ(imported(model, options)->nodes.size(), 1U);
  EXPECT_EQ(*ran(model, options), (std::vector<float>{1, 0, 3, 0, 5, 0}));
  const auto both = imported(model);
  ASSERT_TRUE(both) << both.error().text;
  const auto x = Value::of_floats({2, 3}, {1, -2, 3, -4, 5, -6});
  const auto values = run_reference(*both, {x, Value::of_ints({}, {0}, Element::boolean)});
  EXPECT_EQ((*values)[static_cast<std::size_t>(both->outputs[0])]->floats, (std::vector<float>{-1, 2, -3, 4, -5, 6}));
}

/// A model that calls a function of its own, y = LeakyRelu(x; alpha of the call) + x.
::onnx::ModelProto with_function() {
  auto model = model_of();
  auto& domain = *model.add_opset_import();
  domain.set_domain("own");
  domain.set_version(1);
  auto& function = *model.add_functions();
  function.set_domain("own");
  function.set_name("Bent");
  function.add_input("in");
  function.add_output("out");
  function.add_attribute("slope");
  function.add_opset_import()->set_version(16);
  auto& leaky = add_node(function, "LeakyRelu", {"in"}, {"bent"});
  add_attribute(leaky, "alpha", ::onnx::AttributeProto::FLOAT).set_ref_attr_name("slope");
  add_node(function, "Add", {"bent", "in"}, {"out"});
  auto& call = add_node(*model.mutable_graph(), "Bent", {"x"}, {"y"});
  call.set_domain("own");
  add_attribute(call, "slope", ::onnx::AttributeProto::FLOAT).set_f(0.5F);
  return model;
}

TEST(expansion, expands_functions_with_their_attributes) {
  EXPECT_EQ(*ran(with_function()), (std::vector<float>{2, -3, 6, -6, 10, -9}));
}

TEST(expansion, refuses_a_function_that_calls_itself) {
  auto model = with_function();
  auto& inner = *model.mutable_functions(0)->mutable_node(1);
  inner.set_op_type("Bent");
  inner.set_domain("own");
  inner.mutable_input()->RemoveLast();
  const auto graph = imported(model);
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().code, Code::malformed) << graph.error().text;
}

TEST(expansion, makes_masks_of_softmax_infinite) {
  auto model = model_of();
  auto& graph = *model.mutable_graph();
  add_constant(graph, "m", Value::of_floats({1, 3}, {0, -1e9F, 0}));
  add_node(graph, "Add", {"x", "m"}, {"masked"});
  add_node(graph, "Softmax", {"masked"}, {"y"});
  const auto made = imported(model);
  ASSERT_EQ(made->nodes[0].op, "Where");
  EXPECT_EQ(made->values[static_cast<std::size_t>(made->nodes[0].inputs[1])].constant->floats[0],
            -std::numeric_limits<float>::infinity());
  EXPECT_EQ((*ran(model))[1], 0.0F);
}

/// A model that adds the constant c [2, 3], which lies in a file.
::onnx::ModelProto with_file(const std::string& location, std::int64_t offset) {
  auto model = model_of();
  auto& t = *model.mutable_graph()->add_initializer();
  t.set_name("c");
  t.set_data_type(1);
  t.add_dims(2);
  t.add_dims(3);
  t.set_data_location(::onnx::TensorProto::EXTERNAL);
  const auto set = [&](const std::string& key, const std::string& value) {
    auto& entry = *t.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  };
  set("location", location);
  set("offset", std::to_string(offset));
  set("length", "24");
  add_node(*model.mutable_graph(), "Add", {"x", "c"}, {"y"});
  return model;
}

TEST(external_data, is_read_from_the_folder_of_the_model_and_nowhere_else) {
  const base::TempFolder folder;
  const std::vector<float> data{0, 0, 10, 20, 30, 40, 50, 60};
  const base::ByteView bytes(reinterpret_cast<const std::uint8_t*>(data.data()), 32);
  ASSERT_TRUE(base::make_folder(folder.path() / "model/weights"));
  ASSERT_TRUE(base::write_file(folder.path() / "model/weights/c.bin", bytes));
  ASSERT_TRUE(base::write_file(folder.path() / "secret.bin", bytes));
  fs::create_symlink("../secret.bin", folder.path() / "model/link.bin");
  ImportOptions options;
  options.read.folder = folder.path() / "model";
  EXPECT_EQ(*ran(with_file("weights/c.bin", 8), options), (std::vector<float>{11, 18, 33, 36, 55, 54}));
  EXPECT_EQ(ran(with_file("weights/c.bin", 12), options).error().code, Code::malformed);
  EXPECT_EQ(ran(with_file("weights/none.bin", 0), options).error().code, Code::not_found);
  for (const auto& path : {std::string("../secret.bin"), std::string("link.bin"), (folder.path() / "secret.bin").string(),
                           std::string("weights"), std::string()})
    EXPECT_EQ(ran(with_file(path, 0), options).error().code, Code::malformed) << path;
  EXPECT_EQ(ran(with_file("weights/c.bin", 8)).error().code, Code::unsupported);
}

}  // namespace
}  // namespace koinon::engine::operators
