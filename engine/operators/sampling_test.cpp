#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/operators/import.hpp"
#include "onnx-ml.pb.h"

// Operators that become other nodes and that Debian's test data does not have yet: CenterCropPad, Col2Im, AffineGrid,
// DeformConv, and trees of ai.onnx.ml.
namespace koinon::engine::operators {
namespace {

struct Attribute {
  std::string name;
  std::vector<std::int64_t> ints;
  std::vector<float> floats;
  std::vector<std::string> texts;
};

/// A model of one node, whose first input is x and whose others are constants.
class OneNode {
 public:
  OneNode(const std::string& domain, const std::string& op, std::int64_t opset, Value x) : x_(std::move(x)) {
    model_.set_ir_version(9);
    if (opset > 0) model_.add_opset_import()->set_version(opset);
    if (!domain.empty()) {
      auto& other = *model_.add_opset_import();
      other.set_domain(domain);
      other.set_version(3);
    }
    auto& input = *model_.mutable_graph()->add_input();
    input.set_name("x");
    auto& type = *input.mutable_type()->mutable_tensor_type();
    type.set_elem_type(1);
    for (auto d : x_.shape) type.mutable_shape()->add_dim()->set_dim_value(d);
    model_.mutable_graph()->add_node();
    node().set_domain(domain);
    node().set_op_type(op);
    node().set_name("node");
    node().add_input("x");
  }

  OneNode& with(const Value& value) {
    auto& t = *model_.mutable_graph()->add_initializer();
    t.set_name("c" + std::to_string(node().input_size()));
    t.set_data_type(static_cast<std::int32_t>(value.element));
    for (auto d : value.shape) t.add_dims(d);
    for (auto v : value.floats) t.add_float_data(v);
    for (auto v : value.ints) t.add_int64_data(v);
    node().add_input(t.name());
    return *this;
  }

  OneNode& without() {
    node().add_input("");
    return *this;
  }

  OneNode& with(const std::string& name, std::int64_t whole) {
    auto& a = *node().add_attribute();
    a.set_name(name);
    a.set_type(::onnx::AttributeProto::INT);
    a.set_i(whole);
    return *this;
  }

  OneNode& with(const Attribute& attribute) {
    auto& a = *node().add_attribute();
    a.set_name(attribute.name);
    a.set_type(!attribute.floats.empty()  ? ::onnx::AttributeProto::FLOATS
               : !attribute.texts.empty() ? ::onnx::AttributeProto::STRINGS
                                          : ::onnx::AttributeProto::INTS);
    for (auto v : attribute.ints) a.add_ints(v);
    for (auto v : attribute.floats) a.add_floats(v);
    for (const auto& v : attribute.texts) a.add_strings(v);
    return *this;
  }

  Result<std::vector<Value>> run(std::size_t outputs = 1) {
    for (std::size_t i = 0; i < outputs; ++i) {
      node().add_output("y" + std::to_string(i));
      model_.mutable_graph()->add_output()->set_name(node().output(static_cast<int>(i)));
    }
    const auto bytes = model_.SerializeAsString();
    KOINON_TRY(const auto graph, import_model(base::as_bytes(bytes)));
    KOINON_TRY(const auto values, run_reference(graph, {x_}));
    std::vector<Value> out;
    for (int v : graph.outputs) out.push_back(*values[static_cast<std::size_t>(v)]);
    return out;
  }

 private:
  ::onnx::NodeProto& node() { return *model_.mutable_graph()->mutable_node(0); }

  Value x_;
  ::onnx::ModelProto model_;
};

Value counting(Shape shape) {
  Value out = Value::zeros({Element::f32, std::move(shape)});
  for (std::size_t i = 0; i < out.floats.size(); ++i) out.floats[i] = static_cast<float>(i + 1);
  return out;
}

Value list(std::vector<std::int64_t> v) {
  const auto n = static_cast<std::int64_t>(v.size());
  return Value::of_ints({n}, std::move(v));
}

TEST(sampling, centre_is_cut_and_padded) {
  const auto y = OneNode("", "CenterCropPad", 18, counting({4, 1})).with(list({1, 3})).run();
  ASSERT_TRUE(y) << y.error().text;
  EXPECT_EQ((*y)[0].shape, (Shape{1, 3}));
  EXPECT_EQ((*y)[0].floats, (std::vector<float>{0, 2, 0}));
}

TEST(sampling, columns_add_up_where_blocks_overlap) {
  // Blocks of 1 x 2 over a row of 3: columns (1, 2) and (3, 4) of one channel.
  const auto y = OneNode("", "Col2Im", 18, counting({1, 2, 2})).with(list({1, 3})).with(list({1, 2})).run();
  ASSERT_TRUE(y) << y.error().text;
  EXPECT_EQ((*y)[0].shape, (Shape{1, 1, 1, 3}));
  EXPECT_EQ((*y)[0].floats, (std::vector<float>{1, 2 + 3, 4}));
}

TEST(sampling, the_identity_names_the_middles_of_elements) {
  const auto theta = Value::of_floats({1, 2, 3}, {1, 0, 0, 0, 1, 0});
  const auto y = OneNode("", "AffineGrid", 20, theta).with(list({1, 1, 1, 4})).run();
  ASSERT_TRUE(y) << y.error().text;
  EXPECT_EQ((*y)[0].shape, (Shape{1, 1, 4, 2}));
  EXPECT_EQ((*y)[0].floats, (std::vector<float>{-0.75, 0, -0.25, 0, 0.25, 0, 0.75, 0}));
}

TEST(sampling, a_deformed_convolution_follows_its_offsets_and_mask) {
  const auto ones = Value::of_floats({1, 1, 1, 2}, {1, 10});
  const Shape places{1, 4, 1, 2};  // (y, x) of both taps at both outputs
  const auto convolve = [&](std::vector<float> offsets, std::vector<float> mask) {
    const auto y = OneNode("", "DeformConv", 19, counting({1, 1, 1, 3}))
                       .with(ones)
                       .with(Value::of_floats(places, std::move(offsets)))
                       .with(Value::of_floats({1}, {0.5}))
                       .with(Value::of_floats({1, 2, 1, 2}, std::move(mask)))
                       .run();
    EXPECT_TRUE(y) << y.error().text;
    return y ? (*y)[0].floats : std::vector<float>{};
  };
  const auto still = convolve({0, 0, 0, 0, 0, 0, 0, 0}, {1, 1, 1, 1});
  ASSERT_EQ(still.size(), 2U);
  EXPECT_NEAR(still[0], 21.5, 1e-4);
  EXPECT_NEAR(still[1], 32.5, 1e-4);
  // The first tap looks half an element to the right, the second is half as strong.
  const auto moved = convolve({0, 0, 0.5, 0.5, 0, 0, 0, 0}, {1, 1, 0.5, 0.5});
  EXPECT_NEAR(moved[0], 1.5 + 10 + 0.5, 1e-4);
  EXPECT_NEAR(moved[1], 2.5 + 15 + 0.5, 1e-4);
}

using nlohmann::json;

Value value_of(const json& from) {
  const auto shape = from["shape"].get<Shape>();
  if (!from["whole"].get<bool>()) return Value::of_floats(shape, from["data"].get<std::vector<float>>());
  std::vector<std::int64_t> whole;
  for (const auto& v : from["data"]) whole.push_back(static_cast<std::int64_t>(v.get<double>()));
  return Value::of_ints(shape, std::move(whole));
}

/// One of oracle/sampling.json: what ONNX's reference implementation says (oracle/make.py).
void agrees(const json& one) {
  const auto op = one["op"].get<std::string>();
  OneNode node("", op, one["opset"], value_of(one["inputs"][0]));
  for (std::size_t i = 1; i < one["inputs"].size(); ++i) {
    if (one["inputs"][i].is_null())
      node.without();
    else
      node.with(value_of(one["inputs"][i]));
  }
  for (const auto& [name, value] : one["attributes"].items()) {
    if (value.is_number())
      node.with(name, value.get<std::int64_t>());
    else
      node.with(Attribute{name, value.get<std::vector<std::int64_t>>(), {}, {}});
  }
  const auto y = node.run();
  ASSERT_TRUE(y) << op << " " << one["attributes"] << ": " << y.error().text;
  const auto wanted = value_of(one["output"]);
  ASSERT_EQ((*y)[0].shape, wanted.shape) << op << " " << one["attributes"];
  for (std::size_t i = 0; i < wanted.floats.size(); ++i)
    ASSERT_NEAR((*y)[0].floats[i], wanted.floats[i], 2e-5) << op << " " << one["attributes"] << " element " << i;
}

TEST(sampling, operators_agree_with_the_reference_implementation) {
  std::ifstream file("engine/operators/oracle/sampling.json");
  const auto all = json::parse(file);
  std::map<std::string, int> counts;
  for (const auto& one : all["cases"]) {
    agrees(one);
    ++counts[one["op"].get<std::string>()];
  }
  EXPECT_EQ(counts, (std::map<std::string, int>{{"AffineGrid", 7}, {"CenterCropPad", 5}, {"Col2Im", 6}, {"DeformConv", 5}}));
}

/// x[0] <= 1 ? (x[1] > 2 ? 10 : 20) : 30, and a second tree that is a leaf of 100.
OneNode tree(const std::string& op, const std::string& kind, Value x) {
  return OneNode("ai.onnx.ml", op, 0, std::move(x))
      .with(Attribute{"nodes_treeids", {0, 0, 0, 0, 0, 1}, {}, {}})
      .with(Attribute{"nodes_nodeids", {0, 1, 2, 3, 4, 0}, {}, {}})
      .with(Attribute{"nodes_featureids", {0, 1, 0, 0, 0, 0}, {}, {}})
      .with(Attribute{"nodes_values", {}, {1, 2, 0, 0, 0, 0}, {}})
      .with(Attribute{"nodes_truenodeids", {1, 3, 0, 0, 0, 0}, {}, {}})
      .with(Attribute{"nodes_falsenodeids", {2, 4, 0, 0, 0, 0}, {}, {}})
      .with(Attribute{"nodes_modes", {}, {}, {"BRANCH_LEQ", "BRANCH_GT", "LEAF", "LEAF", "LEAF", "LEAF"}})
      .with(Attribute{kind + "_treeids", {0, 0, 0, 1}, {}, {}})
      .with(Attribute{kind + "_nodeids", {2, 3, 4, 0}, {}, {}})
      .with(Attribute{kind + "_weights", {}, {30, 10, 20, 100}, {}});
}

TEST(trees, sum_the_leaves_that_are_reached) {
  const auto x = Value::of_floats({4, 2}, {1, 2.5, 1, 2, 1.5, 9, -3, 3});
  auto node = tree("TreeEnsembleRegressor", "target", x);
  const auto y = node.with(Attribute{"target_ids", {0, 0, 0, 0}, {}, {}}).run();
  ASSERT_TRUE(y) << y.error().text;
  EXPECT_EQ((*y)[0].floats, (std::vector<float>{110, 120, 130, 110}));
}

TEST(trees, choose_a_label) {
  auto node = tree("TreeEnsembleClassifier", "class", Value::of_floats({2, 2}, {1, 2.5, 7, 0}));
  const auto y =
      node.with(Attribute{"class_ids", {2, 1, 0, 1}, {}, {}}).with(Attribute{"classlabels_int64s", {5, 6, 7}, {}, {}}).run(2);
  ASSERT_TRUE(y) << y.error().text;
  EXPECT_EQ((*y)[1].floats, (std::vector<float>{0, 110, 0, 0, 100, 30}));
  EXPECT_EQ((*y)[0].ints, (std::vector<std::int64_t>{6, 6}));
}

TEST(trees, that_have_no_end_are_refused) {
  auto node = OneNode("ai.onnx.ml", "TreeEnsembleRegressor", 15, counting({1, 2}));
  node.with(Attribute{"nodes_treeids", {0, 0}, {}, {}})
      .with(Attribute{"nodes_nodeids", {0, 1}, {}, {}})
      .with(Attribute{"nodes_featureids", {0, 0}, {}, {}})
      .with(Attribute{"nodes_values", {}, {1, 2}, {}})
      .with(Attribute{"nodes_truenodeids", {1, 0}, {}, {}})
      .with(Attribute{"nodes_falsenodeids", {1, 0}, {}, {}})
      .with(Attribute{"nodes_modes", {}, {}, {"BRANCH_LEQ", "BRANCH_LEQ"}});
  const auto y = node.run();
  ASSERT_FALSE(y);
  EXPECT_NE(y.error().text.find("two parents"), std::string::npos) << y.error().text;
}

}  // namespace
}  // namespace koinon::engine::operators
