// Trees and forests under encryption: as ONNX models hold them, as programs of other shapes, at and beside every threshold.
#include <gtest/gtest.h>

#include <random>

#include "base/random.hpp"
#include "engine/program/builder.hpp"
#include "engine/quantise/build.hpp"
#include "engine/run/execute.hpp"
#include "onnx-ml.pb.h"
#include "trust/private/models/bundle.hpp"
#include "trust/private/models/constants.hpp"
#include "trust/private/models/cuts.hpp"
#include "trust/private/models/sums.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using engine::program::Builder;
using engine::program::CompareOp;
using engine::program::Program;
using engine::tensor::DType;
using engine::tensor::IntTensor;

constexpr int kFeatures = 4, kDepth = 3, kInner = (1 << kDepth) - 1, kNodes = (1 << (kDepth + 1)) - 1;

/// An ONNX model of whole random trees, as scikit-learn's converter writes it: a classifier of two classes or a regressor.
std::string forest(std::uint64_t seed, int trees, bool classifier) {
  std::mt19937_64 rng(seed);
  ::onnx::ModelProto out;
  out.set_ir_version(7);
  out.add_opset_import()->set_version(15);
  auto& opset = *out.add_opset_import();
  opset.set_domain("ai.onnx.ml");
  opset.set_version(3);
  auto& graph = *out.mutable_graph();
  auto& x = *graph.add_input();
  x.set_name("x");
  auto& type = *x.mutable_type()->mutable_tensor_type();
  type.set_elem_type(1);
  for (int size : {1, kFeatures}) type.mutable_shape()->add_dim()->set_dim_value(size);
  auto& node = *graph.add_node();
  node.set_domain("ai.onnx.ml");
  node.set_op_type(classifier ? "TreeEnsembleClassifier" : "TreeEnsembleRegressor");
  node.add_input("x");
  for (const char* name : {"label", "scores"})
    if (classifier || name[0] == 's') {
      node.add_output(name);
      graph.add_output()->set_name(name);
    }
  const std::string kind = classifier ? "class" : "target";
  const auto integers = [&](const std::string& name) -> ::onnx::AttributeProto& {
    auto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(::onnx::AttributeProto::INTS);
    return attribute;
  };
  auto &tree_ids = integers("nodes_treeids"), &ids = integers("nodes_nodeids"), &features = integers("nodes_featureids"),
       &yes = integers("nodes_truenodeids"), &no = integers("nodes_falsenodeids"), &leaf_trees = integers(kind + "_treeids"),
       &leaf_ids = integers(kind + "_nodeids"), &columns = integers(kind + "_ids");
  if (classifier) {
    auto& labels = integers("classlabels_int64s");
    for (int label : {3, 8, 5}) labels.add_ints(label);
  }
  auto& values = *node.add_attribute();
  values.set_name("nodes_values");
  values.set_type(::onnx::AttributeProto::FLOATS);
  auto& modes = *node.add_attribute();
  modes.set_name("nodes_modes");
  modes.set_type(::onnx::AttributeProto::STRINGS);
  auto& weights = *node.add_attribute();
  weights.set_name(kind + "_weights");
  weights.set_type(::onnx::AttributeProto::FLOATS);
  for (int t = 0; t < trees; ++t)
    for (int i = 0; i < kNodes; ++i) {
      const bool inner = i < kInner;
      tree_ids.add_ints(t);
      ids.add_ints(i);
      features.add_ints(inner ? static_cast<int>(rng() % kFeatures) : 0);
      yes.add_ints(inner ? 2 * i + 1 : 0);
      no.add_ints(inner ? 2 * i + 2 : 0);
      values.add_floats(inner ? static_cast<float>(rng() % 2000) / 250 - 4 : 0);
      modes.add_strings(inner ? "BRANCH_LEQ" : "LEAF");
      if (inner) continue;
      leaf_trees.add_ints(t);
      leaf_ids.add_ints(i);
      columns.add_ints(classifier ? static_cast<int>(rng() % 3) : 0);
      weights.add_floats(static_cast<float>(rng() % 1000) / 1000);
    }
  return out.SerializeAsString();
}

Program built(const std::string& model, engine::quantise::BuildOptions options = {}) {
  std::mt19937_64 rng(1);
  std::vector<std::vector<engine::tensor::FloatTensor>> seen;
  for (int i = 0; i < 32; ++i) {
    engine::tensor::FloatTensor x{{1, kFeatures}, {}};
    for (int k = 0; k < kFeatures; ++k) x.data.push_back(static_cast<float>(rng() % 9001) / 1000 - 4.5F);
    seen.push_back({x});
  }
  auto out = engine::quantise::build(base::as_bytes(model), seen, options);
  if (!out) ADD_FAILURE() << out.error().text;
  return out->program;
}

/// Buyer and provider of a program, with only what each is sent.
struct Parties {
  explicit Parties(const Program& of) : program(of), compiled(compile(of).value()) {
    buyer = decode_bundle(encode(compiled.bundle)).value();
    context = *Context::create(buyer.parameters());
    key = std::make_unique<SecretKey>(make_secret_key(*context, random));
    keys = make_keys(*context, buyer, *key, random).value();
    model = std::make_unique<Packed>(pack(*context, compiled).value());
  }
  std::vector<IntTensor> run(const std::vector<std::int64_t>& x) {
    const auto sent = encrypt_inputs(*context, buyer, *key, x, random).value();
    const auto results = evaluate_open(*context, *model, keys, sent);
    if (!results) ADD_FAILURE() << results.error().text;
    return decrypt_results(*context, buyer, *key, *results).value();
  }
  [[nodiscard]] std::vector<IntTensor> plain(const std::vector<std::int64_t>& x) const {
    std::vector<IntTensor> input{IntTensor::zeros(program.inputs[0].info.dtype, program.inputs[0].info.shape)};
    for (std::size_t i = 0; i < x.size(); ++i) input[0].set(static_cast<std::int64_t>(i), x[i]);
    return engine::run::execute(program, input, {}).value().outputs;
  }
  const Program& program;
  Compiled compiled;
  Bundle buyer;
  base::SeededRandom random{4};
  std::unique_ptr<const Context> context;
  std::unique_ptr<SecretKey> key;
  EvaluationKeys keys;
  std::unique_ptr<Packed> model;
};

/// Inputs at random, at both ends, and on, one above and one below a threshold.
std::vector<std::int64_t> draw(std::mt19937_64& rng, const Bundle& bundle) {
  const auto& port = bundle.description.inputs[0];
  std::vector<std::int64_t> x;
  for (std::int64_t i = 0; i < engine::tensor::element_count(port.info.shape); ++i) {
    const auto& cuts = bundle.cuts.empty() ? std::vector<std::int64_t>{} : bundle.cuts[static_cast<std::size_t>(i)];
    const auto any = port.low + static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(port.high - port.low + 1));
    switch (rng() % 4) {
      case 0: x.push_back(port.low); break;
      case 1: x.push_back(port.high); break;
      case 2: x.push_back(any); break;
      default: x.push_back(cuts.empty() ? any : std::max(port.low, cuts[rng() % cuts.size()] - static_cast<int>(rng() % 2)));
    }
  }
  return x;
}

TEST(Trees, an_onnx_forest_runs_encrypted_equal_to_plain_at_every_threshold) {
  for (const bool classifier : {false, true}) {
    const auto program = built(forest(classifier ? 7 : 8, 5, classifier));
    ASSERT_EQ(program.inputs[0].info.dtype, DType::i32) << "inputs that are only compared are exact";
    Parties parties(program);
    EXPECT_TRUE(std::holds_alternative<NetworkPlan>(parties.buyer.plan));
    EXPECT_EQ(engine::program::program_id(parties.buyer.description), engine::program::program_id(program));
    EXPECT_EQ(parties.buyer.cuts.size(), std::size_t{kFeatures});
    EXPECT_LE(bit_count(parties.buyer.cuts), 5U * kInner) << "a bit a threshold";
    std::mt19937_64 rng(9);
    for (int round = 0; round < 2; ++round) {
      const auto x = draw(rng, parties.buyer);
      EXPECT_EQ(parties.run(x), parties.plain(x));
    }
  }
}

TEST(Trees, of_few_input_bits_keep_their_thresholds_at_the_provider) {
  engine::quantise::BuildOptions options;
  options.profile = engine::quantise::Profile::small_sums;
  const auto compiled = compile(built(forest(3, 3, false), options));
  ASSERT_TRUE(compiled) << compiled.error().text;
  EXPECT_TRUE(compiled->bundle.thermometer);
  EXPECT_TRUE(compiled->bundle.cuts.empty());
}

/// A tree whose leaf is picked by two counts of comparisons and an argmax, as some converters write it; 31-bit inputs if
/// `wide`.
Program picked(bool wide) {
  Builder b;
  const std::int64_t most = wide ? std::int64_t{1} << 30 : 100;
  const auto x = b.input("x", {wide ? DType::i32 : DType::i8, {1, 3}}, {}, -most, most);
  const auto places = b.weight(IntTensor::of<std::int32_t>({4}, {0, 2, 1, 0}));
  const auto features = b.gather(x, places, 1);
  const auto limits = b.weight(IntTensor::of<std::int8_t>({1, 4}, {50, -20, 3, 0}));
  const auto bits = b.compare(limits, features, CompareOp::less);
  const auto first = b.weight(IntTensor::of<std::int8_t>({4, 3}, {1, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1}));
  const auto turned = b.transpose(first, {1, 0});
  const auto counted = b.matmul(bits, turned);
  const auto second = b.weight(IntTensor::of<std::int8_t>({3, 4}, {1, 1, 0, 0, 0, 1, 1, 0, 1, 0, 1, 1}));
  const auto wanted = b.matmul(bits, second);
  const auto equal = b.compare(counted, wanted, CompareOp::equal);
  const auto leaf = b.reshape(b.argmax(equal, 1), {1});
  const auto values = b.weight(IntTensor::of<std::int8_t>({3}, {-5, 40, 7}));
  b.output("y", b.gather(values, leaf, 0), {});
  return b.finish({}).value();
}

TEST(Trees, that_compare_counts_run_as_sums_of_bits) {
  for (const bool wide : {true, false}) {
    const auto program = picked(wide);
    Parties parties(program);
    EXPECT_TRUE(std::holds_alternative<LinearPlan>(parties.buyer.plan)) << "no evaluation keys";
    EXPECT_EQ(parties.buyer.rest.inputs.size(), 2U);
    EXPECT_EQ(parties.buyer.cuts.empty(), !wide);
    const auto cost = run_cost(parties.buyer).value();
    const auto sent =
        encrypt_inputs(*parties.context, parties.buyer, *parties.key, std::vector<std::int64_t>(3), parties.random);
    const auto bytes = encode(*parties.context, *sent).size();
    EXPECT_EQ(cost.key_bytes, 0U);
    EXPECT_LE(cost.input_bytes, bytes);
    EXPECT_GT(cost.input_bytes + 200, bytes) << "but for heads of messages";
    EXPECT_GT(cost.seconds, 0);
    std::mt19937_64 rng(3);
    for (int round = 0; round < 50; ++round) {
      const auto x = draw(rng, parties.buyer);
      EXPECT_EQ(parties.run(x), parties.plain(x)) << round;
    }
  }
}

TEST(Trees, folding_constants_leaves_outputs_as_they_were) {
  const auto program = picked(true);
  const auto folded = fold_constants(program);
  ASSERT_TRUE(folded) << folded.error().text;
  EXPECT_EQ(folded->steps.size() + 1, program.steps.size());
  EXPECT_EQ(fold_constants(*folded).value(), *folded) << "nothing is left to fold";
  std::vector<IntTensor> x{IntTensor::of<std::int32_t>({1, 3}, {51, 4, -7})};
  EXPECT_EQ(engine::run::execute(*folded, x, {}).value().outputs, engine::run::execute(program, x, {}).value().outputs);
}

TEST(Trees, what_mixes_elements_before_the_first_layer_is_refused_not_computed_wrongly) {
  for (const bool sum : {true, false}) {
    Builder b;
    const auto x = b.input("x", {DType::i8, {1, 2}}, {}, -3, 3);
    const auto turned = b.gather(x, b.weight(IntTensor::of<std::int32_t>({2}, {1, 0})), 1);
    const auto mixed = sum ? b.add(x, turned) : b.mul(x, turned);
    const auto bits = b.compare(mixed, b.weight(IntTensor::of<std::int8_t>({1, 2}, {2, -1})), CompareOp::less);
    const auto w = b.weight(IntTensor::of<std::int8_t>({2, 2}, {1, 1, 1, -1}));
    const auto hidden = b.compare(b.matmul(bits, w), b.weight(IntTensor::of<std::int8_t>({1, 2}, {1, 0})), CompareOp::less);
    b.output("y", b.matmul(hidden, w), {});
    const auto program = b.finish({}).value();
    const auto compiled = compile(program);
    if (!compiled) {
      EXPECT_EQ(compiled.error().code, Code::unsupported) << compiled.error().text;
      continue;
    }
    Parties parties(program);
    std::mt19937_64 rng(3);
    for (int round = 0; round < 3; ++round) {
      const auto drawn = draw(rng, parties.buyer);
      EXPECT_EQ(parties.run(drawn), parties.plain(drawn));
    }
  }
}

TEST(Trees, cuts_that_do_not_rise_within_the_inputs_range_are_refused) {
  const Cuts cuts{{-2, 5}, {}, {1}};
  EXPECT_EQ(decode_cuts(encode(cuts), -3, 5).value(), cuts);
  EXPECT_EQ(bits_of(cuts, std::vector<std::int64_t>{4, 0, 1}), (std::vector<std::int64_t>{1, 0, 1}));
  for (const auto& bad : {Cuts{{5, -2}}, Cuts{{1, 1}}, Cuts{{-3}}, Cuts{{6}}})
    EXPECT_EQ(decode_cuts(encode(bad), -3, 5).error().code, Code::malformed);
  auto bytes = encode(cuts);
  bytes.pop_back();
  EXPECT_EQ(decode_cuts(bytes, -3, 5).error().code, Code::malformed);
  EXPECT_EQ(decode_cuts(base::Bytes{255, 255, 255, 255}, -3, 5).error().code, Code::malformed);
}

}  // namespace
}  // namespace koinon::trust::fhe
