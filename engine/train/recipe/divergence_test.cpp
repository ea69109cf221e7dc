#include "engine/train/recipe/divergence.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace koinon::engine::train {
namespace {

using base::Hash;
using testing::HasSubstr;

std::vector<Hash> states(std::size_t count) {
  std::vector<Hash> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(base::keccak256(base::as_bytes(std::to_string(i))));
  return out;
}

TEST(divergence, finds_the_first_step_by_as_many_comparisons_as_the_tree_is_high) {
  for (std::size_t count : {1U, 2U, 3U, 7U, 8U, 100U}) {
    const auto a = states(count);
    EXPECT_EQ(first_divergent_step(a, a), std::nullopt);
    for (std::size_t at = 0; at < count; ++at) {
      auto b = a;
      b[at].bytes[7] ^= 1;
      if (at + 2 < count) b[at + 2].bytes[3] ^= 1;  // a later one that differs too, and one between that does not
      std::size_t compared = 0;
      EXPECT_EQ(first_divergent_step(a, b, &compared), at) << count;
      EXPECT_LE(compared, 8U);
    }
    auto cut = a;
    cut.pop_back();
    EXPECT_EQ(first_divergent_step(a, cut), count - 1);
  }
  EXPECT_EQ(first_divergent_step({}, {}), std::nullopt);
}

Recipe recipe() {
  const std::string text =
      "seed = 3\nbatch = 4\nsteps = 20\n[data]\nformat = \"csv\"\ntrain = \"p\"\n[model]\nlayers = [\"linear 6\", \"tanh\", "
      "\"linear 2\"]\n[optimiser]\nmomentum = 0.9\n";
  return read_recipe(base::as_bytes(text), "r", {}).value();
}

DataSet points() { return read_csv(base::as_bytes("a,b,c\n1,2,x\n3,4,y\n5,6,x\n0,1,y\n2,2,x\n"), "", false).value(); }

/// Changes one number of one gradient.
class Slip final : public Tap {
 public:
  void forward(std::size_t, float*, std::size_t) override {}
  void gradient(std::size_t node, std::size_t input, float* gradient, std::size_t) override {
    if (node == 0 && input == 1) gradient[5] *= 2;
  }
};

TEST(divergence, names_the_operator_and_the_element_that_a_cheat_changed) {
  const auto data = points();
  const auto honest = Run::make(recipe(), data, {}).value(), cheat = Run::make(recipe(), data, {}).value();
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(honest->step() && cheat->step());
  const auto right = StepRecord::of(*honest).value();
  // What a cheat shows is the step with its slip in it; everything before it is right.
  auto wrong = StepRecord::of(*cheat).value();
  EXPECT_FALSE(first_difference(right, wrong).value());
  for (auto& entry : wrong.entries)
    if (entry.name == "gradient of 0.linear.weight by linear, node 0") entry.values[5] *= 2;
  const auto found = first_difference(right, wrong).value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "gradient of 0.linear.weight by linear, node 0");
  EXPECT_EQ(found->element, 5U);
  EXPECT_EQ(found->elements, 12U);
  EXPECT_EQ(found->b, 2 * found->a);
  EXPECT_THAT(right.entries.front().name, HasSubstr("batch"));
  EXPECT_THAT(right.entries.back().name, HasSubstr("optimiser"));
}

TEST(divergence, a_tap_that_changes_a_gradient_changes_what_follows) {
  const auto data = points();
  const auto honest = Run::make(recipe(), data, {}).value(), cheat = Run::make(recipe(), data, {}).value();
  Slip slip;
  ASSERT_TRUE(honest->step() && cheat->step(&slip));
  EXPECT_NE(honest->state(), cheat->state());
  EXPECT_NE(honest->gradients_root(), cheat->gradients_root());
}

TEST(divergence, files_say_what_was_written_and_refuse_everything_else) {
  const StateTrace trace{base::keccak256(base::as_bytes("run")), 3, states(5)};
  const auto bytes = trace.encode();
  const auto read = StateTrace::decode(bytes).value();
  EXPECT_EQ(read.states, trace.states);
  EXPECT_EQ(read.commitment, trace.commitment);
  EXPECT_EQ(read.from, 3U);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) EXPECT_FALSE(StateTrace::decode(base::ByteView(bytes).first(cut)));
  const auto data = points();
  const auto run = Run::make(recipe(), data, {}).value();
  const auto record = StepRecord::of(*run).value();
  const auto file = record.encode();
  EXPECT_EQ(StepRecord::decode(file).value().encode(), file);
  for (std::size_t cut = 0; cut < file.size(); cut += 3) EXPECT_FALSE(StepRecord::decode(base::ByteView(file).first(cut)));
  const auto later = StepRecord::of(*run).value();
  EXPECT_THAT(first_difference(record, later).error().text, HasSubstr("steps 0 and 1"));
}

}  // namespace
}  // namespace koinon::engine::train
