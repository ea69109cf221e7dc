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

TEST(training, in_two_orders_is_the_training_in_one) {
  const Training kind;
  const auto whole = kind.run(job(), {});
  const auto first = kind.run(job("until = 18\n" + kRecipe), {});
  ASSERT_TRUE(first) << first.error().text;
  const auto half = TrainingResult::read(first->outputs).value();
  ASSERT_FALSE(half.checkpoint.empty());
  EXPECT_EQ(half.states.size(), 18U);
  auto rest = job();
  rest.inputs.push_back(half.checkpoint);
  const auto second = kind.run(rest, {});
  ASSERT_TRUE(second) << second.error().text;
  EXPECT_EQ(second->outputs[0], whole->outputs[0]);
  auto states = half.states;
  const auto end = TrainingResult::read(second->outputs).value();
  states.insert(states.end(), end.states.begin(), end.states.end());
  EXPECT_EQ(states, TrainingResult::read(whole->outputs).value().states);
  EXPECT_TRUE(end.checkpoint.empty());
}

/// Keeps in memory.
class Memory final : public Checkpoints {
 public:
  std::optional<base::Bytes> last() override { return kept; }
  base::Status keep(base::ByteView bytes) override {
    kept = base::Bytes(bytes.begin(), bytes.end());
    return {};
  }
  std::optional<base::Bytes> kept;
};

TEST(training, goes_on_after_a_crash_with_the_roots_of_an_uninterrupted_run) {
  const Training kind;
  const auto asked = job("checkpoint_every = 4\n" + kRecipe);
  const auto whole = kind.run(asked, {});
  Memory memory;
  std::stop_source source;
  std::uint64_t taken = 0;
  const auto count = [&](std::uint64_t) {
    if (++taken == 14) source.request_stop();
  };
  ASSERT_EQ(kind.run(asked, {nullptr, source.get_token(), [&](auto done, auto) { count(done); }, &memory}).error().code,
            base::Code::cancelled);
  taken = 0;
  const auto again = kind.run(asked, {nullptr, {}, [&](auto, auto) { ++taken; }, &memory});
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(taken, 30U - 12);
  EXPECT_EQ(again->roots.output, whole->roots.output);
  EXPECT_EQ(again->roots.trace, whole->roots.trace);
  EXPECT_EQ(again->roots.witness, whole->roots.witness);
  // What was kept and is broken or of another run is as good as nothing.
  for (std::size_t at = 0; at < memory.kept->size(); at += 97) {
    Memory broken = memory;
    (*broken.kept)[at] ^= 1;
    EXPECT_EQ(kind.run(asked, {nullptr, {}, {}, &broken})->roots.trace, whole->roots.trace) << at;
  }
  EXPECT_EQ(kind.run(job(), {nullptr, {}, {}, &memory})->roots.trace, kind.run(job(), {})->roots.trace);
}

TEST(training, tells_before_it_begins_what_it_takes) {
  const auto plan = Training().plan(job("until = 18\n" + kRecipe), {});
  ASSERT_TRUE(plan) << plan.error().text;
  EXPECT_EQ(plan->parameters, 2U * 16 + 16 + 16 * 3 + 3);
  EXPECT_EQ(plan->samples, 60U);
  EXPECT_EQ(plan->steps, 30U);
  EXPECT_EQ(plan->until, 18U);
  EXPECT_GT(plan->step_work, 3U * 8 * (2 * 16 + 16 * 3));
  EXPECT_GT(plan->step_seconds, 0);
}

/// One wrong bit in one gradient, as a provider might try that cheats.
class OneGradient final : public engine::train::Tap {
 public:
  void forward(std::size_t, float*, std::size_t) override {}
  void gradient(std::size_t, std::size_t input, float* gradient, std::size_t) override {
    if (input == 1 && ++seen_ == 20) gradient[2] += 0.001F;
  }

 private:
  int seen_ = 0;
};

TEST(training, gives_other_roots_when_one_gradient_is_changed) {
  const auto honest = Training().run(job(), {});
  const auto cheat = Training(std::make_shared<OneGradient>()).run(job(), {});
  ASSERT_TRUE(cheat);
  const auto a = TrainingResult::read(honest->outputs).value().states, b = TrainingResult::read(cheat->outputs).value().states;
  EXPECT_EQ(std::vector(a.begin(), a.begin() + 9), std::vector(b.begin(), b.begin() + 9));  // two products a step
  for (std::size_t step = 9; step < a.size(); ++step) EXPECT_NE(a[step], b[step]) << step;
  EXPECT_NE(honest->roots.trace, cheat->roots.trace);
}

TEST(training, refuses_what_is_too_much_before_it_begins) {
  const Training kind;
  const auto error = [&](const std::string& what, const std::string& by) {
    auto recipe = kRecipe;
    recipe.replace(recipe.find(what), what.size(), by);
    const auto out = kind.run(job(recipe), {});
    EXPECT_EQ(out.error().code, base::Code::rejected);
    return out.error().text;
  };
  EXPECT_THAT(error("steps = 30", "steps = 1048577"), HasSubstr("at most 1048576"));
  EXPECT_THAT(error("steps = 30", "steps = 1000000000000"), HasSubstr("at most"));
  EXPECT_THAT(error("linear 16", "linear 16777216"), HasSubstr("a smaller batch or net"));
  EXPECT_THAT(error("steps = 30", "until = 31\nsteps = 30"), HasSubstr("nothing to do"));
  auto recipe = kRecipe;
  recipe.replace(recipe.find("steps = 30"), 10, "steps = 900000");
  recipe.replace(recipe.find("linear 16"), 9, "linear 65536");
  EXPECT_THAT(kind.run(job(recipe), {}).error().text, HasSubstr("one order takes at most"));
  EXPECT_GT(kind.plan(job(recipe), {})->step_work, Training::kMaxWork / 900'000);
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
