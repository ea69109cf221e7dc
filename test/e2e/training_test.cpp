#include "work/training/training.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/operators/import.hpp"
#include "engine/train/recipe/divergence.hpp"
#include "engine/train/recipe/run.hpp"
#include "test/e2e/world.hpp"
#include "work/inference/inference.hpp"

// Training that is bought: a quorum compares what the state was after every step.
namespace koinon::test::e2e {
namespace {

using market::OrderView;
using market::Phase;
using market::Standing;

constexpr auto kKind = static_cast<std::uint8_t>(work::KindCode::training);

const std::string kRecipe = R"(seed = 5
batch = 8
steps = 40
checkpoint_every = 10
[data]
format = "csv"
train = "points"
[model]
layers = ["linear 12", "relu", "linear 3"]
[optimiser]
rate = 0.1
momentum = 0.9
)";

/// Points of three classes.
base::Bytes points() {
  std::string csv = "x,y,kind\n";
  for (int i = 0; i < 80; ++i) csv += fmt::format("{},{},{}\n", i % 9 - 4, i % 13 - 6, "abc"[(i % 9 + i % 13) / 8 % 3]);
  return engine::train::encode_data(engine::train::read_csv(base::as_bytes(csv), "", false).value());
}

market::Purchase purchase(World& world, const std::string& recipe) {
  market::Purchase out;
  out.kind = kKind;
  out.max_price = prices(1);
  out.audit_bps = 0;
  out.commit_window = 30;
  const auto bytes = base::as_bytes(recipe);
  out.spec = base::keccak256(bytes);
  out.artifact = world.buyer().node->artifacts().put(bytes).value();
  out.inputs = {points()};
  return out;
}

/// Exactly these providers offer training; nobody offers work of the usual kind.
void cast_training(World& world, const std::vector<std::size_t>& providers) {
  world.cast({});
  for (std::size_t i = 0; i < World::kProviders; ++i) {
    const bool active = std::ranges::find(providers, i) != providers.end();
    auto& member = world.provider(i);
    bool offered = false;
    member.node->sync().read([&](const market::Book& book, std::uint64_t) {
      const auto& offers = book.account(member.account())->offers;
      offered = offers.contains(kKind) && offers.at(kKind).active;
    });
    if (active == offered) continue;
    if (const auto set = member.node->accounts().set_offer(member.account(), kKind, World::kTier, active); !set)
      ADD_FAILURE() << set.error().text;
  }
}

/// Changes one number of one gradient in the middle of the run, by one part in a thousand.
class OneGradient final : public engine::train::Tap {
 public:
  void forward(std::size_t, float*, std::size_t) override {}
  void gradient(std::size_t node, std::size_t input, float* gradient, std::size_t) override {
    if (node == 0 && input == 1 && ++steps_ == 24) gradient[7] *= 1.001F;
  }

 private:
  int steps_ = 0;
};

/// A node that sells training alone, and changes one gradient of each order.
std::unique_ptr<Member> cheat(World& world) {
  return world.join("cheat", [](node::NodeOptions& options) {
    options.provide = true;
    options.config.provider.kinds = {"training"};
    options.kinds = work::KindSet();
    EXPECT_TRUE(options.kinds.add(std::make_unique<work::Training>(std::make_shared<OneGradient>())));
  });
}

/// The state after each step of a run here.
std::vector<base::Hash> states_here() {
  const auto recipe = engine::train::read_recipe(base::as_bytes(kRecipe), "r", {}).value();
  const auto data = engine::train::decode_data(points()).value();
  const auto run = engine::train::Run::make(recipe, data, {}).value();
  std::vector<base::Hash> out;
  while (run->done() < run->steps() && run->step()) out.push_back(run->state());
  return out;
}

TEST(TrainingOrders, are_settled_by_a_quorum_and_who_changes_one_gradient_is_slashed) {
  auto& world = World::shared();
  cast_training(world, {0, 1});
  const auto liar = cheat(world);
  const auto id = world.place(purchase(world, kRecipe));
  const auto order = world.await_end(id);
  ASSERT_EQ(order.phase, Phase::settled);
  const auto& caught = seat_of(order, *liar);
  EXPECT_EQ(caught.verdict, Standing::rejected);
  EXPECT_FALSE(caught.slashed.is_zero());
  for (const auto i : std::vector<std::size_t>{0, 1}) EXPECT_EQ(seat_of(order, world.provider(i)).paid, net_price());
  expect_conserved(order);

  const auto receipt = world.receipt(id);
  EXPECT_EQ(receipt.kind, "training");
  const auto report = market::verify_offline(receipt);
  EXPECT_TRUE(report) << report.error().text;
  const auto result = work::TrainingResult::read(receipt.outputs).value();
  ASSERT_EQ(result.losses.size(), 40U);
  EXPECT_LT(result.losses.back(), result.losses.front());
  EXPECT_TRUE(engine::operators::import_model(result.onnx));
  // What was bought is what a run here gives, step by step.
  EXPECT_EQ(engine::train::first_divergent_step(states_here(), result.states), std::nullopt);
  // So that nobody draws a node that is gone.
  EXPECT_TRUE(liar->node->accounts().set_offer(liar->account(), kKind, World::kTier, false));
  liar->node.reset();
}

TEST(TrainingOrders, go_on_where_the_one_before_ended) {
  auto& world = World::shared();
  cast_training(world, {2, 3, 4});
  const auto first = world.place(purchase(world, "until = 25\n" + kRecipe));
  ASSERT_EQ(world.await_end(first).phase, Phase::settled);
  const auto half = work::TrainingResult::read(world.receipt(first).outputs).value();
  ASSERT_FALSE(half.checkpoint.empty());
  auto rest = purchase(world, kRecipe);
  rest.inputs.push_back(half.checkpoint);
  const auto second = world.place(rest);
  ASSERT_EQ(world.await_end(second).phase, Phase::settled);
  const auto end = work::TrainingResult::read(world.receipt(second).outputs).value();
  auto states = half.states;
  states.insert(states.end(), end.states.begin(), end.states.end());
  EXPECT_EQ(engine::train::first_divergent_step(states, states_here()), std::nullopt);
}

TEST(TrainingOrders, that_are_too_much_are_the_buyers_fault) {
  auto& world = World::shared();
  cast_training(world, {0, 1, 2});
  auto recipe = kRecipe;
  recipe.replace(recipe.find("steps = 40"), 10, "steps = 1000000000000");
  const auto order = world.await_end(world.place(purchase(world, recipe)));
  ASSERT_TRUE(order.verdict);
  EXPECT_EQ(order.verdict->output_root, trust::bad_input_roots().output);
  for (const auto& seat : order.seats) EXPECT_TRUE(seat.slashed.is_zero());
  expect_conserved(order);
}

}  // namespace
}  // namespace koinon::test::e2e
