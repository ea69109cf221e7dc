#include <gtest/gtest.h>

#include <cmath>

#include "base/random.hpp"
#include "engine/io/quantise.hpp"
#include "engine/operators/import.hpp"
#include "engine/quantise/build.hpp"
#include "engine/run/execute.hpp"
#include "onnx-ml.pb.h"

// Trees as programs: the side of every threshold is the one that float gives, also beside it.
namespace koinon::engine::quantise {
namespace {

constexpr int kDepth = 3, kFeatures = 3, kInner = (1 << kDepth) - 1, kNodes = (1 << (kDepth + 1)) - 1;

/// A whole tree over kFeatures features, whose leaves give 0, 1, 2, ...
struct Tree {
  explicit Tree(base::SeededRandom& random) {
    for (int i = 0; i < kInner; ++i) {
      const auto unit = static_cast<float>(random.u64() >> 40) * 0x1p-24F;
      thresholds.push_back((random.u64() % 2 == 0 ? 1.0F : -1.0F) * (0.25F + 3.5F * unit));
      features.push_back(static_cast<std::int64_t>(random.u64() % kFeatures));
    }
    static constexpr const char* kModes[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_GTE"};
    mode = kModes[random.u64() % 4];
  }

  [[nodiscard]] std::string model() const {
    ::onnx::ModelProto out;
    out.set_ir_version(7);
    out.add_opset_import()->set_version(15);
    auto& trees = *out.add_opset_import();
    trees.set_domain("ai.onnx.ml");
    trees.set_version(3);
    auto& graph = *out.mutable_graph();
    auto& x = *graph.add_input();
    x.set_name("x");
    auto& type = *x.mutable_type()->mutable_tensor_type();
    type.set_elem_type(1);
    for (int size : {1, kFeatures}) type.mutable_shape()->add_dim()->set_dim_value(size);
    auto& node = *graph.add_node();
    node.set_domain("ai.onnx.ml");
    node.set_op_type("TreeEnsembleRegressor");
    node.add_input("x");
    node.add_output("y");
    graph.add_output()->set_name("y");
    const auto list = [&](const char* name, auto&& each, int count) {
      auto& attribute = *node.add_attribute();
      attribute.set_name(name);
      attribute.set_type(::onnx::AttributeProto::INTS);
      for (int i = 0; i < count; ++i) attribute.add_ints(each(i));
    };
    const auto inner = [](int i) { return i < kInner; };
    list("nodes_treeids", [](int) { return 0; }, kNodes);
    list("nodes_nodeids", [](int i) { return i; }, kNodes);
    list("nodes_featureids", [&](int i) { return inner(i) ? features[static_cast<std::size_t>(i)] : 0; }, kNodes);
    list("nodes_truenodeids", [&](int i) { return inner(i) ? 2 * i + 1 : 0; }, kNodes);
    list("nodes_falsenodeids", [&](int i) { return inner(i) ? 2 * i + 2 : 0; }, kNodes);
    list("target_treeids", [](int) { return 0; }, kNodes - kInner);
    list("target_nodeids", [](int i) { return kInner + i; }, kNodes - kInner);
    list("target_ids", [](int) { return 0; }, kNodes - kInner);
    auto& values = *node.add_attribute();
    values.set_name("nodes_values");
    values.set_type(::onnx::AttributeProto::FLOATS);
    auto& modes = *node.add_attribute();
    modes.set_name("nodes_modes");
    modes.set_type(::onnx::AttributeProto::STRINGS);
    auto& weights = *node.add_attribute();
    weights.set_name("target_weights");
    weights.set_type(::onnx::AttributeProto::FLOATS);
    for (int i = 0; i < kNodes; ++i) {
      values.add_floats(inner(i) ? thresholds[static_cast<std::size_t>(i)] : 0);
      modes.add_strings(inner(i) ? mode : "LEAF");
      if (!inner(i)) weights.add_floats(static_cast<float>(i - kInner));
    }
    return out.SerializeAsString();
  }

  /// Features beside thresholds of theirs: on one, or one or two floats from it.
  [[nodiscard]] std::vector<float> beside(base::SeededRandom& random) const {
    std::vector<float> out(kFeatures, 0.5F);
    for (int f = 0; f < kFeatures; ++f) {
      const auto i = random.u64() % kInner;
      auto& v = out[static_cast<std::size_t>(features[i])];
      v = thresholds[i];
      for (auto steps = random.u64() % 3; steps > 0; --steps) v = std::nextafter(v, random.u64() % 2 == 0 ? 9.0F : -9.0F);
    }
    return out;
  }

  std::vector<float> thresholds;
  std::vector<std::int64_t> features;
  std::string mode;
};

TEST(trees, take_the_side_of_a_threshold_that_float_takes) {
  base::SeededRandom random(3);
  for (int round = 0; round < 20; ++round) {
    const Tree tree(random);
    const auto model = tree.model();
    const auto graph = operators::import_model(base::as_bytes(model));
    ASSERT_TRUE(graph) << graph.error().text;
    BuildOptions options;
    options.activations = round % 2 == 0 ? 8 : 16;
    std::vector<std::vector<tensor::FloatTensor>> seen;
    for (int n = 0; n < 64; ++n) seen.push_back({{{1, kFeatures}, tree.beside(random)}});
    const auto built = build(base::as_bytes(model), seen, options);
    ASSERT_TRUE(built) << built.error().text;
    const auto& input = built->program.inputs[0];
    EXPECT_EQ(input.info.dtype, tensor::DType::i32);
    for (int n = 0; n < 100; ++n) {
      const auto x = tree.beside(random);
      const auto wanted = operators::run_reference(*graph, {onnx::Value::of_floats({1, kFeatures}, x)});
      ASSERT_TRUE(wanted);
      const float leaf = (*wanted)[static_cast<std::size_t>(graph->outputs[0])]->floats[0];
      const std::vector<tensor::IntTensor> integers{*io::quantise(input, std::vector<double>(x.begin(), x.end()))};
      const auto run = run::execute(built->program, integers, {});
      ASSERT_TRUE(run) << run.error().text;
      const auto got = io::dequantise(run->outputs[0], built->program.outputs[0].scale)[0];
      // A leaf beyond those that calibration reached is cut off.
      const double most = built->report.outputs[0].high * (options.activations == 16 ? 2 : 1);
      EXPECT_NEAR(got, std::min(static_cast<double>(leaf), most), 0.1)
          << "round " << round << ", features " << x[0] << " " << x[1] << " " << x[2];
    }
  }
}

}  // namespace
}  // namespace koinon::engine::quantise
