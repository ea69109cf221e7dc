#include "test/extension/statistics/statistics.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/codec.hpp"
#include "base/merkle.hpp"
#include "base/random.hpp"
#include "work/parcel.hpp"

namespace koinon::test::extension {
namespace {

using base::Code;
using work::Job;

template <class T>
std::vector<T> numbers(base::ByteView bytes) {
  base::Reader in(bytes);
  std::vector<T> out;
  while (in.left() != 0) out.push_back(in.number<T>().value());
  return out;
}

base::Bytes samples(const std::vector<std::int16_t>& values) {
  base::Writer out;
  for (const auto v : values) out.number(v);
  return std::move(out).take();
}

Job job(const Recipe& recipe, const std::vector<std::int16_t>& values) {
  auto artifact = recipe.encode();
  const auto spec = base::keccak256(artifact);
  return {spec, std::move(artifact), {samples(values)}};
}

const Recipe kRecipe{.low = -10, .high = 10, .bins = 4, .quantiles = {0, 2500, 5000, 10'000}};
const std::vector<std::int16_t> kValues{3, -12, 9, 0, 10, -10, 3, -1};

TEST(Statistics, gives_moments_histogram_and_quantiles) {
  const auto out = Statistics().run(job(kRecipe, kValues), {}).value();
  ASSERT_EQ(out.outputs.size(), 3U);
  // Sum 2, squares 444: mean 2/8, variance 444/8 - (2/8)^2 = 55.4.
  EXPECT_EQ(numbers<std::int64_t>(out.outputs[0]), (std::vector<std::int64_t>{8, -12, 10, 2, 444, 0, 55}));
  EXPECT_EQ(numbers<std::uint32_t>(out.outputs[1]), (std::vector<std::uint32_t>{1, 1, 1, 3, 1, 1}));
  EXPECT_EQ(numbers<std::int16_t>(out.outputs[2]), (std::vector<std::int16_t>{-12, -10, 0, 10}));
  EXPECT_EQ(out.meter.steps, 4 * kValues.size());
}

TEST(Statistics, floors_a_negative_mean) {
  const auto out = Statistics().run(job(kRecipe, {-1, 0}), {}).value();
  EXPECT_EQ(numbers<std::int64_t>(out.outputs[0])[5], -1);
}

TEST(Statistics, keeps_its_bounds_at_the_largest_input) {
  std::vector<std::int16_t> extremes(kMaxSamples, -32'768);
  EXPECT_EQ(numbers<std::int64_t>(Statistics().run(job(kRecipe, extremes), {}).value().outputs[0])[6], 0);
  std::fill(extremes.begin() + kMaxSamples / 2, extremes.end(), std::int16_t{32'767});
  const auto wide = Recipe{.low = -32'768, .high = 32'767, .bins = 4096, .quantiles = {5000}};
  const auto out = Statistics().run(job(wide, extremes), {}).value();
  EXPECT_EQ(numbers<std::int64_t>(out.outputs[0])[6], 1'073'709'056);  // (65535 / 2)^2
  EXPECT_EQ(numbers<std::uint32_t>(out.outputs[1])[1], kMaxSamples / 2);
  EXPECT_EQ(numbers<std::uint32_t>(out.outputs[1])[4097], kMaxSamples / 2);
}

TEST(Statistics, binds_input_and_every_stage_in_its_roots) {
  const auto out = Statistics().run(job(kRecipe, kValues), {}).value();
  EXPECT_EQ(out.roots.output, work::outputs_root(out.outputs));
  auto sorted = kValues;
  std::ranges::sort(sorted);
  std::vector<base::Hash> stages;
  for (const auto& bytes : {samples(kValues), samples(sorted), out.outputs[0], out.outputs[1], out.outputs[2]})
    stages.push_back(base::byte_tree_root(base::Domain::tensor, bytes));
  EXPECT_EQ(out.roots.trace, base::list_root(base::Domain::trace, stages));
  // The same samples in another order have the same outputs, but it was another run.
  const auto other = Statistics().run(job(kRecipe, sorted), {}).value();
  EXPECT_EQ(other.roots.output, out.roots.output);
  EXPECT_NE(other.roots.trace, out.roots.trace);
  EXPECT_NE(other.roots.witness, out.roots.witness);
  EXPECT_EQ(Statistics().run(job(kRecipe, kValues), {}).value().roots, out.roots);
}

TEST(Statistics, blames_the_buyer_for_what_the_buyer_sent) {
  const Statistics kind;
  const auto code_of = [&](const Job& wrong) { return kind.run(wrong, {}).error().code; };
  auto wrong = job(kRecipe, kValues);
  wrong.artifact.push_back(0);
  EXPECT_EQ(code_of(wrong), Code::rejected);  // not the recipe that was ordered
  wrong.spec = base::keccak256(wrong.artifact);
  EXPECT_EQ(code_of(wrong), Code::rejected);  // ordered, but no recipe
  wrong = job(kRecipe, kValues);
  wrong.inputs[0].pop_back();
  EXPECT_EQ(code_of(wrong), Code::rejected);
  wrong.inputs.clear();
  EXPECT_EQ(code_of(wrong), Code::rejected);
  EXPECT_EQ(code_of(job(kRecipe, {})), Code::rejected);
  EXPECT_EQ(code_of(job(kRecipe, std::vector<std::int16_t>(kMaxSamples + 1))), Code::rejected);
}

TEST(Statistics, stops_when_it_is_told_to) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(Statistics().run(job(kRecipe, kValues), {nullptr, stop.get_token(), {}}).error().code, Code::cancelled);
}

TEST(Recipe, decodes_what_it_encodes_and_refuses_the_rest) {
  const auto bytes = kRecipe.encode();
  EXPECT_EQ(Recipe::decode(bytes).value(), kRecipe);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(Recipe::decode(base::ByteView(bytes).first(size)).error().code, Code::malformed) << size;
  const auto refused = [](Recipe recipe) { return Recipe::decode(recipe.encode()).error().code == Code::malformed; };
  EXPECT_TRUE(refused({.low = 5, .high = 5, .bins = 1, .quantiles = {}}));
  EXPECT_TRUE(refused({.low = 0, .high = 5, .bins = 0, .quantiles = {}}));
  EXPECT_TRUE(refused({.low = 0, .high = 5, .bins = 4097, .quantiles = {}}));
  EXPECT_TRUE(refused({.low = 0, .high = 5, .bins = 1, .quantiles = {10'001}}));
  EXPECT_TRUE(refused({.low = 0, .high = 5, .bins = 1, .quantiles = std::vector<std::uint16_t>(101)}));
}

TEST(KindSet, takes_an_extension_beside_the_others) {
  work::KindSet kinds;
  ASSERT_TRUE(kinds.add(std::make_unique<Statistics>()));
  EXPECT_EQ(kinds.find("statistics").value()->code(), Statistics::kCode);
  EXPECT_EQ(kinds.add(std::make_unique<Statistics>()).error().code, Code::conflict);
}

}  // namespace
}  // namespace koinon::test::extension
