#include <gtest/gtest.h>

#include <bit>

#include "engine/train/arith/generator.hpp"
#include "engine/train/net/state.hpp"
#include "trust/optimistic/training/step_proof.hpp"

namespace koinon::trust::optimistic::training {
namespace {

namespace train = engine::train;
using train::Method;

struct Case {
  std::string name;
  train::NetSpec net;
  train::OptimiserOptions optimiser;
};

train::NetSpec spec(std::vector<std::string> layers, train::Loss loss) {
  train::NetSpec out{{20}, {}, loss};
  for (auto& l : layers) out.layers.push_back({std::move(l), {}, 0});
  return out;
}

std::vector<Case> cases() {
  train::OptimiserOptions sgd, adam;
  sgd.rate = 0.1, sgd.momentum = 0.9, sgd.decay = 0.001;
  adam.method = Method::adamw, adam.rate = 0.01, adam.decay = 0.1, adam.clip = 0.01;
  adam.schedule = train::Schedule::cosine, adam.steps = 10, adam.warmup = 2;
  auto branch = spec({"linear 12", "tanh"}, train::Loss::cross_entropy);
  branch.layers.push_back({"", {{"linear 12", {}, 0}, {"silu", {}, 0}}, 0});
  branch.layers.push_back({"linear 5", {}, 0});
  return {{"relu", spec({"linear 30", "relu", "linear 30", "gelu", "linear 5"}, train::Loss::cross_entropy), sgd},
          {"sigmoid", spec({"linear 16", "sigmoid", "linear 3 no_bias"}, train::Loss::mean_squared), adam},
          {"branch", branch, adam}};
}

void fill(train::Net& net, const Case& c, std::uint64_t step) {
  const train::Generator random(9, train::Stream::data, step);
  auto& x = net.graph.value(net.input).data;
  auto& y = net.graph.value(net.target).data;
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = random.uniform(i) * 2 - 1;
  for (std::size_t i = 0; i < y.size(); ++i)
    y[i] = c.net.loss == train::Loss::cross_entropy ? static_cast<float>(random.word(1000 + i) % 5) : random.uniform(1000 + i);
}

TEST(training_step, the_tape_makes_the_states_of_the_engine) {
  for (const auto& c : cases()) {
    auto net = train::build_net(c.net, 7).value();
    train::initialise(net.graph, 3);
    train::Optimiser optimiser(net.graph, c.optimiser);
    const auto tape = compile_tape(net, c.optimiser).value();
    for (std::uint64_t step = 0; step < 4; ++step) {
      fill(net, c, step);
      Values given(tape.elements.size());
      std::uint32_t at = 0;
      for (int i = 0; i < net.graph.size(); ++i)
        if (const auto& v = net.graph.value(i); v.role == train::Role::parameter || v.role == train::Role::buffer)
          given[at++] = v.data;
      for (const auto& memory : optimiser.state()) given[at++] = memory;
      ASSERT_EQ(at, tape.arrays);
      given[tape.input] = net.graph.value(net.input).data;
      given[tape.target] = net.graph.value(net.target).data;

      const auto before = train::state_root({}, net.graph, optimiser, step);
      net.graph.forward({{}, true, 1, step});
      net.graph.backward({{}, true, 1, step}, net.loss);
      const auto norm = optimiser.take({}, step);
      given[tape.constants] = step_numbers(c.optimiser, step, norm);

      const ClaimedStep made(tape, run_step(tape, given), step);
      EXPECT_EQ(made.values()[tape.loss][0], net.graph.value(net.loss).data[0]) << c.name;
      EXPECT_EQ(made.claim().before, before) << c.name;
      EXPECT_EQ(made.claim().after, train::state_root({}, net.graph, optimiser, step + 1)) << c.name << ", step " << step;
      EXPECT_FALSE(first_wrong(tape, made.values())) << c.name;
    }
  }
}

TEST(training_step, finds_the_formula_that_a_liar_changed) {
  const auto c = cases().front();
  auto net = train::build_net(c.net, 7).value();
  train::initialise(net.graph, 3);
  const auto tape = compile_tape(net, c.optimiser).value();
  fill(net, c, 0);
  Values given(tape.elements.size());
  for (std::uint32_t i = 0; i < tape.arrays; ++i) given[i].assign(tape.elements[i], 0.01F * static_cast<float>(i + 1));
  given[tape.input] = net.graph.value(net.input).data;
  given[tape.target] = net.graph.value(net.target).data;
  given[tape.constants] = step_numbers(c.optimiser, 0, 0);
  const auto good = run_step(tape, given);
  ASSERT_FALSE(first_wrong(tape, good));
  for (std::size_t n = 0; n < tape.formulas.size(); ++n) {
    auto lie = good;
    auto& out = lie[tape.formulas[n].output.id];
    const auto index = out.size() / 2;
    out[index] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(out[index]) ^ 1U);
    const auto wrong = first_wrong(tape, lie);
    ASSERT_TRUE(wrong);
    EXPECT_EQ(wrong->formula, n);
    EXPECT_EQ(wrong->index, index);
  }
}

TEST(training_step, refuses_operators_without_formulas) {
  const auto net = train::build_net({{1, 8, 8}, {{"conv 2 3", {}, 0}, {"flatten", {}, 0}, {"linear 5", {}, 0}}}, 4).value();
  const auto tape = compile_tape(net, {});
  ASSERT_FALSE(tape);
  EXPECT_EQ(tape.error().code, base::Code::unsupported);
  EXPECT_NE(tape.error().text.find("conv"), std::string::npos) << tape.error().text;
}

}  // namespace
}  // namespace koinon::trust::optimistic::training
