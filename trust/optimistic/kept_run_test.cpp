#include "trust/optimistic/kept_run.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "engine/program/inner.hpp"
#include "engine/run/golden_programs.hpp"

namespace koinon::trust::optimistic {
namespace {

using engine::run::Golden;
using engine::tensor::IntTensor;

/// All values of a run, as the engine's sink sees them.
std::vector<IntTensor> all_values(const Golden& golden) {
  auto out = golden.inputs;
  engine::run::RunOptions options;
  options.sink = [&](std::size_t, std::span<const IntTensor* const> outputs) {
    for (const auto* one : outputs) out.push_back(*one);
  };
  EXPECT_TRUE(engine::run::execute(golden.program, golden.inputs, options));
  return out;
}

TEST(KeptRun, makes_every_value_again_from_its_roots_alone) {
  for (const auto& golden : engine::run::golden_programs()) {
    const auto truth = all_values(golden);
    const auto kept = KeptRun::make(golden.program, golden.inputs, {}).value();
    const auto inner = engine::program::inner_values(golden.program);
    ASSERT_EQ(kept.roots().size(), golden.program.value_count()) << golden.name;
    for (std::size_t value = 0; value < truth.size(); ++value) {
      const auto found = kept.values({value}).value();
      ASSERT_EQ(found.size(), 1U);
      EXPECT_EQ(found.at(value), truth[value]) << golden.name << ", value " << value;
      const auto root = inner[value] ? engine::program::kInnerRoot : engine::tensor::tensor_root(found.at(value));
      EXPECT_EQ(root, kept.roots()[value]);
    }
    EXPECT_EQ(kept.values({truth.size()}).error().code, base::Code::out_of_range);
    EXPECT_TRUE(kept.values({}).value().empty());
  }
}

TEST(KeptRun, names_the_step_that_makes_a_value_and_gives_what_is_around_it) {
  for (const auto& golden : engine::run::golden_programs()) {
    const auto& program = golden.program;
    const auto kept = KeptRun::make(program, golden.inputs, {}).value();
    for (std::size_t value = 0; value < program.inputs.size(); ++value) EXPECT_FALSE(origin_of(program, value));
    for (std::size_t s = 0; s < program.steps.size(); ++s) {
      const auto& step = program.steps[s];
      const auto around = kept.around(s).value();
      for (std::size_t o = 0; o < step.outputs.size(); ++o) {
        EXPECT_EQ(origin_of(program, step.first_output + o), (Origin{s, o})) << golden.name;
        EXPECT_TRUE(around.contains(step.first_output + o));
      }
      for (const auto ref : step.operands)
        EXPECT_TRUE(ref.source() != engine::program::Source::value || inner_maker(program, ref) ||
                    around.contains(ref.index()));
      const auto inner = engine::program::inner_values(program);
      for (const auto& [value, tensor] : around) EXPECT_TRUE(!inner[value] || value == step.first_output) << "kept ones alone";
    }
    EXPECT_EQ(kept.around(program.steps.size()).error().code, base::Code::out_of_range);
  }
}

/// The values with one false element in number `lie`, and another after it where there is one.
std::vector<IntTensor> falsified(std::vector<IntTensor> values, std::size_t lie, std::uint64_t element, base::Random& random) {
  const auto width = engine::tensor::dtype_size(values[lie].dtype);
  values[lie].bytes[element * width + random.u64() % width] ^= 0x40;
  if (lie + 1 < values.size()) values.back().bytes.back() ^= 1;
  return values;
}

TEST(KeptRun, finds_the_first_false_value_and_element_of_a_claim) {
  base::SeededRandom random(7);
  std::size_t tried = 0;
  for (const auto& golden : engine::run::golden_programs()) {
    const auto kept = KeptRun::make(golden.program, golden.inputs, {}).value();
    EXPECT_FALSE(kept.first_difference(kept.roots()).value()) << golden.name << ": the same result is no lie";
    const auto truth = all_values(golden);
    const auto inner = engine::program::inner_values(golden.program);
    for (auto lie = golden.inputs.size(); lie < truth.size(); ++lie) {
      if (inner[lie]) continue;
      ++tried;
      const auto element = random.u64() % static_cast<std::uint64_t>(truth[lie].size());
      const auto claim = falsified(truth, lie, element, random);
      auto roots = engine::run::tensor_roots(claim);
      for (std::size_t value = 0; value < roots.size(); ++value)
        if (inner[value]) roots[value] = engine::program::kInnerRoot;
      ASSERT_EQ(kept.first_difference(roots).value(), std::optional(lie)) << golden.name;
      const auto own = kept.values({lie}).value();
      ASSERT_EQ(first_wrong_element(own.at(lie), claim[lie].bytes).value(), std::optional(element)) << golden.name;
      ASSERT_FALSE(first_wrong_element(own.at(lie), own.at(lie).bytes).value());
    }
  }
  EXPECT_GT(tried, 24U) << "values of as many kinds of step";
}

TEST(KeptRun, comes_back_from_its_roots_without_running) {
  for (const auto& golden : engine::run::golden_programs()) {
    const auto kept = KeptRun::make(golden.program, golden.inputs, {}).value();
    const auto back = KeptRun::restore(golden.program, golden.inputs, kept.roots(), {}).value();
    EXPECT_EQ(back.trace_root(), kept.trace_root()) << golden.name;
    EXPECT_EQ(back.output_root(), kept.output_root()) << golden.name;
    const auto last = kept.roots().size() - 1;
    EXPECT_EQ(back.values({last}).value(), kept.values({last}).value()) << golden.name;
    auto fewer = kept.roots();
    fewer.pop_back();
    EXPECT_EQ(KeptRun::restore(golden.program, golden.inputs, fewer, {}).error().code, base::Code::invalid_argument);
  }
}

TEST(KeptRun, refuses_claims_of_another_size) {
  const auto golden = engine::run::golden_programs().front();
  const auto kept = KeptRun::make(golden.program, golden.inputs, {}).value();
  auto roots = kept.roots();
  roots.pop_back();
  EXPECT_EQ(kept.first_difference(roots).error().code, base::Code::invalid_argument);
  const auto own = kept.values({0}).value().at(0);
  auto longer = own.bytes;
  longer.push_back(0);
  EXPECT_EQ(first_wrong_element(own, longer).error().code, base::Code::invalid_argument);
}

TEST(KeptRun, stops_when_it_is_told_to) {
  const auto golden = engine::run::golden_programs().back();
  std::stop_source stop;
  engine::run::RunOptions options;
  options.stop = stop.get_token();
  const auto kept = KeptRun::make(golden.program, golden.inputs, options).value();
  stop.request_stop();
  EXPECT_EQ(kept.values({golden.program.value_count() - 1}).error().code, base::Code::cancelled);
  EXPECT_EQ(KeptRun::make(golden.program, golden.inputs, options).error().code, base::Code::cancelled);
}

}  // namespace
}  // namespace koinon::trust::optimistic
