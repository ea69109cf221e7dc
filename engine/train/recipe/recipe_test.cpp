#include "engine/train/recipe/recipe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "base/file.hpp"
#include "engine/operators/import.hpp"
#include "engine/train/arith/generator.hpp"
#include "engine/train/recipe/export_net.hpp"
#include "engine/train/recipe/import_net.hpp"
#include "engine/train/recipe/run.hpp"

namespace koinon::engine::train {
namespace {

using kernels::Isa;
using testing::HasSubstr;

const std::string kRecipe = R"(seed = 7
batch = 8
steps = 40

[data]
format = "csv"
train = "points.csv"

[model]
layers = [
  "linear 16",
  "relu",
  ["linear 16", "tanh"],
  "dropout 0.1",
  "linear 2",
]

[optimiser]
method = "adamw"
rate = 0.01
)";

base::Result<Recipe> read(const std::string& text) { return read_recipe(base::as_bytes(text), "r.toml", {}); }

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), by);
}

/// Points whose class says on which side of a curve they lie.
DataSet points(std::size_t count, std::uint64_t part) {
  const Generator random(1, Stream::data, part);
  DataSet set;
  set.sample = {3}, set.count = count, set.classes = 2;
  for (std::size_t i = 0; i < count; ++i) {
    const float x = random.uniform(3 * i) * 2 - 1, y = random.uniform(3 * i + 1) * 2 - 1;
    set.numbers.insert(set.numbers.end(), {x, y, random.uniform(3 * i + 2)});
    set.targets.push_back(x * x + y > 0.3F ? 1.0F : 0.0F);
  }
  return set;
}

DataSet pictures(const Shape& sample, std::size_t count, std::int64_t classes) {
  const Generator random(2, Stream::data, 0);
  DataSet set;
  set.kind = DataSet::Kind::pictures, set.sample = sample, set.count = count, set.classes = classes;
  for (std::size_t i = 0; i < count; ++i) {
    set.targets.push_back(static_cast<float>(i % static_cast<std::size_t>(classes)));
    for (std::int64_t e = 0; e < tensor::element_count(sample); ++e)
      set.bytes.push_back(static_cast<std::uint8_t>(random.word(set.bytes.size())));
  }
  return set;
}

TEST(recipe, reads_every_key) {
  const auto recipe = read(kRecipe);
  ASSERT_TRUE(recipe) << recipe.error().text;
  EXPECT_EQ(recipe->seed, 7U);
  EXPECT_EQ(recipe->layers.size(), 5U);
  EXPECT_EQ(recipe->layers[2].branch.size(), 2U);
  EXPECT_EQ(recipe->layers[4].line, 15U);
  EXPECT_EQ(recipe->optimiser.method, Method::adamw);
}

TEST(recipe, names_line_and_value_of_what_is_wrong) {
  const auto error = [](const std::string& what, const std::string& by) {
    const auto out = read(replaced(kRecipe, what, by));
    return out ? std::string("no error") : out.error().text;
  };
  EXPECT_THAT(error("batch = 8", "batch = 0"), HasSubstr("r.toml line 2: batch = 0: a whole number from 1"));
  EXPECT_THAT(error("batch = 8", "batches = 8"), HasSubstr("line 2: unknown key 'batches'"));
  EXPECT_THAT(error("steps = 40", "steps = \"x\""), HasSubstr("line 3: steps = 'x'"));
  EXPECT_THAT(error("steps = 40", ""), HasSubstr("epochs or steps"));
  EXPECT_THAT(error("rate = 0.01", "rate = -1"), HasSubstr("line 20: optimiser.rate = -1"));
  EXPECT_THAT(error("\"adamw\"", "\"adam\""), HasSubstr("line 19: optimiser.method = 'adam': one of sgd, adamw"));
  EXPECT_THAT(error("\"relu\"", "4"), HasSubstr("line 12: a layer"));
  EXPECT_THAT(error("[model]", "[modell]"), HasSubstr("line 9: unknown key 'modell'"));
  EXPECT_THAT(error("[data]", "[data"), HasSubstr("line 5"));
  EXPECT_THAT(error("format = \"csv\"", "holdout = 2"), HasSubstr("line 6: data.holdout = 2"));
  EXPECT_THAT(error("layers = [", "onnx = \"a\"\nlayers = ["), HasSubstr("not both"));
}

TEST(run, learns_and_scores) {
  auto recipe = *read(kRecipe);
  recipe.steps = 400;
  const auto train = points(300, 1), test = points(200, 2);
  auto run = Run::make(recipe, train, {nullptr, kernels::best_isa()});
  ASSERT_TRUE(run) << run.error().text;
  const auto before = (*run)->evaluate(test);
  while ((*run)->done() < (*run)->steps()) ASSERT_TRUE((*run)->step());
  const auto after = (*run)->evaluate(test);
  EXPECT_GT(after->right, 0.93);
  EXPECT_LT(after->loss, before->loss / 2);
}

TEST(run, goes_on_from_a_checkpoint_with_the_same_bits) {
  const auto recipe = *read(kRecipe);
  const auto train = points(50, 1);
  auto whole = *Run::make(recipe, train, {nullptr, Isa::ref});
  base::Bytes kept;
  while (whole->done() < whole->steps()) {
    ASSERT_TRUE(whole->step());
    if (whole->done() == 17) kept = whole->checkpoint();
  }
  base::ThreadPool pool(2);
  auto resumed = *Run::make(recipe, train, {&pool, kernels::best_isa()});
  ASSERT_TRUE(resumed->restore(kept));
  EXPECT_EQ(resumed->done(), 17U);
  while (resumed->done() < resumed->steps()) ASSERT_TRUE(resumed->step());
  EXPECT_EQ(resumed->state(), whole->state());
  EXPECT_EQ(resumed->losses(), whole->losses());
}

TEST(run, refuses_a_checkpoint_that_is_broken_or_of_another_run) {
  auto recipe = *read(kRecipe);
  const auto train = points(50, 1);
  auto run = *Run::make(recipe, train, {});
  auto bytes = run->checkpoint();
  const auto state = run->state();
  for (std::size_t i = 0; i < bytes.size(); i += 41) {
    auto changed = bytes;
    changed[i] ^= 1;
    EXPECT_FALSE(run->restore(changed)) << i;
  }
  EXPECT_FALSE(run->restore(base::ByteView(bytes).first(20)));
  EXPECT_EQ(run->state(), state);
  recipe.seed = 8;
  EXPECT_EQ((*Run::make(recipe, train, {}))->restore(bytes).error().code, base::Code::conflict);
  recipe.seed = 7;
  const auto other = points(50, 3);
  EXPECT_EQ((*Run::make(recipe, other, {}))->restore(bytes).error().code, base::Code::conflict);
}

/// Puts a value of chosen bits into one gradient of the last layer.
class OneGradient final : public Tap {
 public:
  explicit OneGradient(std::uint32_t bits) : value_(std::bit_cast<float>(bits)) {}
  void forward(std::size_t, float*, std::size_t) override {}
  void gradient(std::size_t, std::size_t input, float* gradient, std::size_t) override {
    if (input == 1) std::memcpy(gradient, &value_, sizeof value_);
  }

 private:
  float value_;
};

TEST(run, gives_the_same_bytes_whichever_bits_a_nan_has) {
  const auto train = points(50, 1);
  const auto ended = [&](std::uint32_t bits) {
    auto run = *Run::make(*read(kRecipe), train, {nullptr, Isa::ref});
    OneGradient tap(bits);
    EXPECT_TRUE(run->step(&tap));
    return run;
  };
  const auto a = ended(0x7fc00000U), b = ended(0xffc12345U);
  EXPECT_EQ(a->state(), b->state());
  EXPECT_EQ(a->checkpoint(), b->checkpoint());
  EXPECT_EQ(export_net(a->net(), "n"), export_net(b->net(), "n"));
}

TEST(run, goes_on_from_finite_numbers_alone) {
  const auto train = points(50, 1);
  auto run = *Run::make(*read(kRecipe), train, {nullptr, Isa::ref});
  ASSERT_TRUE(run->step());
  const auto state = run->state();
  auto bytes = run->checkpoint();
  bytes.resize(bytes.size() - 32);
  const auto restored = [&](std::size_t at, float value) {
    auto changed = bytes;
    std::memcpy(changed.data() + at, &value, sizeof value);
    const auto seal = base::keccak256(changed);
    changed.insert(changed.end(), seal.bytes.begin(), seal.bytes.end());
    return run->restore(changed);
  };
  const std::size_t loss = 8 + 4 + 32 + 8, last = bytes.size() - sizeof(float);
  for (const auto at : {loss, last})
    for (const float value : {HUGE_VALF, -HUGE_VALF, std::bit_cast<float>(0x7fc00000U)}) {
      const auto out = restored(at, value);
      ASSERT_FALSE(out) << at;
      EXPECT_EQ(out.error().code, base::Code::malformed);
      EXPECT_THAT(out.error().text, HasSubstr("infinite or no number"));
    }
  EXPECT_EQ(run->state(), state);
  EXPECT_TRUE(restored(last, 0.5F));
}

TEST(run, stops_when_the_loss_is_not_finite) {
  auto recipe = *read(replaced(kRecipe, "\"adamw\"", "\"sgd\""));
  recipe.optimiser.rate = 1000, recipe.optimiser.decay = 1;
  const auto train = points(50, 1);
  auto run = *Run::make(recipe, train, {nullptr, kernels::best_isa()});
  base::Result<float> last = 0.0F;
  while (run->done() < run->steps() && last) last = run->step();
  ASSERT_FALSE(last);
  EXPECT_THAT(last.error().text, HasSubstr("a smaller rate"));
}

TEST(run, refuses_data_that_does_not_fit) {
  auto recipe = *read(kRecipe);
  auto train = points(50, 1);
  train.classes = 3;
  EXPECT_THAT(Run::make(recipe, train, {}).error().text, HasSubstr("line 15: the net gives 2 classes: the data has 3"));
  recipe.batch = 51;
  EXPECT_THAT(Run::make(recipe, train, {}).error().text, HasSubstr("batch 51: the data has 50 samples"));
  recipe.batch = 8;
  recipe.layers.insert(recipe.layers.begin(), {"embedding 10 4", {}, 11});
  EXPECT_THAT(Run::make(recipe, points(50, 1), {}).error().text, HasSubstr("is no word of the embedding"));
}

/// Outputs of an exported net by the reference executor.
std::vector<float> by_reference(const base::Bytes& onnx, const DataSet& data, std::size_t index) {
  auto graph = operators::import_model(onnx);
  EXPECT_TRUE(graph) << graph.error().text;
  if (!graph) return {};
  const auto& type = graph->values[static_cast<std::size_t>(graph->inputs[0])].type;
  std::vector<float> x(static_cast<std::size_t>(tensor::element_count(data.sample)));
  std::vector<float> target(static_cast<std::size_t>(tensor::element_count(data.target)));
  data.take(index, x.data(), target.data());
  const auto input = onnx::is_float(type.element)
                         ? onnx::Value::of_floats(type.shape, x)
                         : onnx::Value::of_ints(type.shape, std::vector<std::int64_t>(x.begin(), x.end()));
  auto values = operators::run_reference(*graph, {input});
  EXPECT_TRUE(values) << values.error().text;
  return values ? (*values)[static_cast<std::size_t>(graph->outputs[0])]->floats : std::vector<float>{};
}

void expect_near(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 2e-4 * std::max(1.0F, std::fabs(a[i]))) << i;
}

Recipe net_of(std::vector<Layer> layers) {
  auto recipe = *read(kRecipe);
  recipe.batch = 4;
  recipe.layers = std::move(layers);
  return recipe;
}

TEST(export_net, means_the_same_in_onnx) {
  const auto data = pictures({2, 9, 9}, 12, 3);
  const auto recipe = net_of({{"conv 6 3 pad=1 stride=2"},
                              {"batch_norm"},
                              {"silu"},
                              {"", {{"conv 6 3 pad=1 groups=2 no_bias"}, {"relu"}}},
                              {"max_pool 3 stride=1 pad=1"},
                              {"average_pool 2"},
                              {"gelu"},
                              {"flatten"},
                              {"linear 8"},
                              {"sigmoid"},
                              {"layer_norm"},
                              {"dropout 0.3"},
                              {"linear 3"}});
  auto run = Run::make(recipe, data, {nullptr, kernels::best_isa()});
  ASSERT_TRUE(run) << run.error().text;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE((*run)->step());
  const auto onnx = export_net((*run)->net(), "test");
  expect_near(by_reference(onnx, data, 5), *(*run)->outputs(data, 5));

  // And back: the imported net has the same values, and goes on learning.
  auto again = recipe;
  again.layers.clear(), again.onnx = "x.onnx", again.onnx_line = 3;
  const auto net = import_net(onnx, "x.onnx", again, data.sample);
  ASSERT_TRUE(net) << net.error().text;
  EXPECT_EQ(net->graph.parameter_count(), (*run)->net().graph.parameter_count());
  const base::TempFolder folder;
  ASSERT_TRUE(base::write_file(folder.path() / "x.onnx", onnx));
  again.folder = folder.path();
  auto second = Run::make(again, data, {nullptr, kernels::best_isa()});
  ASSERT_TRUE(second) << second.error().text;
  expect_near(*(*second)->outputs(data, 5), *(*run)->outputs(data, 5));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE((*second)->step());

  // With another head, and the rest kept.
  again.head = 5, again.freeze = true;
  auto third = Run::make(again, data, {nullptr, kernels::best_isa()});
  ASSERT_TRUE(third) << third.error().text;
  EXPECT_EQ((*third)->net().graph.parameter_count(), 8 * 5 + 5);
  EXPECT_EQ((*third)->outputs(data, 0)->size(), 5U);
  ASSERT_TRUE((*third)->step());
}

TEST(export_net, writes_transformers) {
  auto data =
      *read_text(base::as_bytes("the quick brown fox jumps over the lazy dog and runs away from it again and again"), 6);
  const auto recipe = net_of({{"embedding 30 8"},
                              {"positions"},
                              {"", {{"layer_norm"}, {"attention 2 causal"}}},
                              {"", {{"layer_norm"}, {"linear 16"}, {"gelu"}, {"linear 8"}}},
                              {"linear 30"}});
  auto run = Run::make(recipe, data, {nullptr, kernels::best_isa()});
  ASSERT_TRUE(run) << run.error().text;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE((*run)->step());
  expect_near(by_reference(export_net((*run)->net(), "test"), data, 3), *(*run)->outputs(data, 3));
}

TEST(import_net, refuses_constants_that_are_not_finite) {
  const auto data = points(50, 1);
  auto run = *Run::make(net_of({{"linear 4"}, {"relu"}, {"linear 2"}}), data, {});
  OneGradient tap(0x7f800000U);
  ASSERT_TRUE(run->step(&tap));
  auto recipe = net_of({});
  recipe.onnx = "x.onnx", recipe.onnx_line = 3;
  const auto net = import_net(export_net(run->net(), "n"), "x.onnx", recipe, data.sample);
  ASSERT_FALSE(net);
  EXPECT_EQ(net.error().code, base::Code::invalid_argument);
  EXPECT_THAT(net.error().text, HasSubstr("finite numbers expected"));
}

TEST(import_net, folds_constants_within_the_recipes_bound) {
  const auto data = *read_text(base::as_bytes("the quick brown fox jumps over the lazy dog and runs away again"), 6);
  const auto run = *Run::make(net_of({{"embedding 30 8"}, {"linear 30"}}), data, {});
  const auto onnx = export_net(run->net(), "n");  // the product's matrix is transposed in it
  auto recipe = net_of({});
  recipe.onnx = "x.onnx", recipe.onnx_line = 3;
  EXPECT_TRUE(import_net(onnx, "x.onnx", recipe, data.sample));
  recipe.most_folded = 8 * 30 - 1;
  EXPECT_EQ(import_net(onnx, "x.onnx", recipe, data.sample).error().code, base::Code::unsupported);
}

TEST(import_net, takes_the_model_of_the_examples_and_names_what_it_cannot_train) {
  const auto data = pictures({1, 28, 28}, 12, 10);
  auto recipe = net_of({});
  recipe.folder = "examples/digits", recipe.onnx = "digits-lenet.onnx", recipe.onnx_line = 9;
  auto run = Run::make(recipe, data, {nullptr, kernels::best_isa()});
  ASSERT_TRUE(run) << run.error().text;
  EXPECT_EQ((*run)->net().graph.parameter_count(), 61706);
  const auto bytes = base::read_file("examples/digits/digits-lenet.onnx");
  expect_near(by_reference(*bytes, data, 2), *(*run)->outputs(data, 2));
  const auto wrong = pictures({1, 14, 14}, 12, 10);
  EXPECT_THAT(Run::make(recipe, wrong, {}).error().text, HasSubstr("line 9: digits-lenet.onnx: [train] the model takes"));
}

}  // namespace
}  // namespace koinon::engine::train
