#include "work/training/training.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "engine/operators/import.hpp"
#include "engine/train/data/data_set.hpp"

namespace koinon::work {
namespace {

using testing::HasSubstr;

const std::string kRecipe = R"(seed = 3
batch = 8
steps = 30
[data]
format = "csv"
train = "not read"
[model]
layers = ["linear 16", "relu", "dropout 0.1", "linear 3"]
[optimiser]
rate = 0.1
momentum = 0.9
)";

engine::train::DataSet points() {
  std::string csv = "x,y,kind\n";
  for (int i = 0; i < 60; ++i) csv += fmt::format("{},{},{}\n", i % 7 - 3, i % 11 - 5, "abc"[(i % 7 + i % 11) % 3]);
  return *engine::train::read_csv(base::as_bytes(csv), "", false);
}

Job job(const std::string& recipe = kRecipe) {
  Job out;
  out.artifact.assign(recipe.begin(), recipe.end());
  out.spec = base::keccak256(out.artifact);
  out.inputs = {engine::train::encode_data(points())};
  return out;
}

TEST(training, gives_all_honest_providers_the_same_roots) {
  const Training kind;
  base::ThreadPool pool(3);
  std::uint64_t told = 0;
  const auto a = kind.run(job(), {});
  ASSERT_TRUE(a) << a.error().text;
  const auto b = kind.run(job(), {&pool, {}, [&](std::uint64_t done, std::uint64_t) { told = done; }});
  ASSERT_TRUE(b);
  EXPECT_EQ(a->roots.output, b->roots.output);
  EXPECT_EQ(a->roots.trace, b->roots.trace);
  EXPECT_EQ(a->roots.witness, b->roots.witness);
  EXPECT_EQ(told, 30U);
  EXPECT_EQ(a->outputs[1].size(), 30U * 4);
  EXPECT_EQ(a->outputs[2].size(), 30U * 32);
  EXPECT_TRUE(engine::operators::import_model(a->outputs[0]));
}

TEST(training, shows_the_first_step_at_which_runs_part) {
  const Training kind;
  const auto honest = kind.run(job(), {});
  auto lie = kRecipe;
  lie.replace(lie.find("seed = 3"), 8, "seed = 4");
  const auto other = kind.run(job(lie), {});
  EXPECT_NE(honest->roots.trace, other->roots.trace);
  EXPECT_EQ(first_divergent_step(honest->outputs[2], other->outputs[2]), 0U);
  auto late = honest->outputs[2];
  late[17 * 32 + 5] ^= 1;
  EXPECT_EQ(first_divergent_step(honest->outputs[2], late), 17U);
  EXPECT_EQ(first_divergent_step(honest->outputs[2], honest->outputs[2]), std::nullopt);
  late = honest->outputs[2];
  late.resize(32 * 20);
  EXPECT_EQ(first_divergent_step(honest->outputs[2], late), 20U);
}

TEST(training, goes_on_from_a_model_that_comes_with_the_order) {
  const Training kind;
  const auto first = kind.run(job(), {});
  auto recipe = kRecipe;
  const std::string layers = "layers = [\"linear 16\", \"relu\", \"dropout 0.1\", \"linear 3\"]";
  recipe.replace(recipe.find(layers), layers.size(), "onnx = \"m\"");
  auto second = job(recipe);
  EXPECT_THAT(kind.run(second, {}).error().text, HasSubstr("1 inputs: 2 expected, the data and the model"));
  second.inputs.push_back(first->outputs[0]);
  const auto tuned = kind.run(second, {});
  ASSERT_TRUE(tuned) << tuned.error().text;
  EXPECT_NE(tuned->roots.output, first->roots.output);
}

TEST(training, rejects_what_the_buyer_sent_wrong) {
  const Training kind;
  const auto error = [&](const Job& wrong) {
    const auto out = kind.run(wrong, {});
    EXPECT_EQ(out.error().code, base::Code::rejected) << out.error().text;
    return out.error().text;
  };
  auto wrong = job();
  wrong.spec.bytes[0] ^= 1;
  EXPECT_THAT(error(wrong), HasSubstr("was ordered"));
  EXPECT_THAT(error(job("batch = 0\n")), HasSubstr("line 1"));
  wrong = job();
  wrong.inputs[0].pop_back();
  EXPECT_THAT(error(wrong), HasSubstr("[training] [data]"));
  wrong.inputs.clear();
  EXPECT_THAT(error(wrong), HasSubstr("0 inputs"));
  auto recipe = kRecipe;
  EXPECT_THAT(error(job(recipe.replace(recipe.find("linear 3"), 8, "linear 2"))), HasSubstr("the net gives 2 classes"));
  recipe = kRecipe;
  EXPECT_THAT(error(job(recipe.replace(recipe.find("rate = 0.1"), 10, "rate = 1000\ndecay = 1"))), HasSubstr("a smaller rate"));
}

TEST(training, stops_when_asked) {
  std::stop_source source;
  const auto out = Training().run(job(), {nullptr, source.get_token(), [&](std::uint64_t done, std::uint64_t) {
                                            if (done == 3) source.request_stop();
                                          }});
  EXPECT_EQ(out.error().code, base::Code::cancelled);
}

}  // namespace
}  // namespace koinon::work
