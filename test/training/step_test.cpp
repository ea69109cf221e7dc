#include <bit>

#include "engine/train/arith/generator.hpp"
#include "ledger/contracts/train_checks.hpp"
#include "test/training/float_cases.hpp"
#include "trust/optimistic/training/step_proof.hpp"

namespace koinon::test::training {
namespace {

namespace train = engine::train;
using ledger::contracts::TrainChecks;
using namespace trust::optimistic::training;

/// A step of a net on data of any kind, not only such as training gives.
struct Step {
  Tape tape;
  Values values;
};

train::NetSpec spec(std::vector<std::string> layers, train::Loss loss) {
  train::NetSpec out{{300}, {}, loss};
  for (auto& l : layers) out.layers.push_back({std::move(l), {}, 0});
  return out;
}

Step make_step(const train::NetSpec& spec, const train::OptimiserOptions& options, std::uint64_t seed) {
  const auto net = train::build_net(spec, 9).value();
  Step out{compile_tape(net, options).value(), {}};
  Values given(out.tape.elements.size());
  const train::Generator random(seed, train::Stream::data, 0);
  std::uint64_t drawn = 0;
  const auto fill = [&](std::uint32_t value, float low, float high) {
    for (std::uint32_t i = 0; i < out.tape.elements[value]; ++i)
      given[value].push_back(low + (high - low) * random.uniform(drawn++));
  };
  // What the optimiser remembers may be a mean of squares.
  for (std::uint32_t i = 0; i < out.tape.arrays; ++i)
    fill(i, i < net.graph.with_role(train::Role::parameter).size() ? -0.3F : 0.0F, 0.3F);
  fill(out.tape.input, -1, 1);
  if (spec.loss == train::Loss::mean_squared)
    fill(out.tape.target, 0, 1);
  else
    for (std::uint32_t i = 0; i < out.tape.elements[out.tape.target]; ++i)
      given[out.tape.target].push_back(static_cast<float>(random.word(drawn++) % 5));
  given[out.tape.constants] = step_numbers(options, 3, 0.5);
  out.values = run_step(out.tape, given);
  return out;
}

TrainChecks::TapeRoots shown(const TapeRoots& t) { return {t.formulas, t.count, t.values, t.arrays}; }

TrainChecks::Step shown(const StepClaim& c) { return {c.tape, c.trace, c.before, c.after, c.step}; }

TrainChecks::ElementProof shown(const StepElementProof& p) {
  TrainChecks::ElementProof out{shown(p.tape), p.number, p.formula, p.siblings, p.index, {}};
  for (const auto& o : p.opened) {
    auto& to = out.opened.emplace_back();
    to.root = o.root, to.list = o.list;
    for (const auto& r : o.runs) to.runs.push_back({r.first, r.data, r.siblings});
  }
  return out;
}

TrainChecks::StateProof shown(const StepStateProof& p) {
  return {shown(p.tape), p.after, p.array, p.list, p.in_state, p.state_siblings, p.in_trace, p.trace_siblings};
}

class StepTwins : public quorum::ChainTest {
 protected:
  TrainChecks contract_ = deploy<TrainChecks>("TrainChecks");

  /// Of every formula several elements: right as they are, wrong when the last bit, the sign or all of it is another.
  void try_all(const std::string& name, const Step& step, base::Random& random) {
    const ClaimedStep good(step.tape, step.values, 3);
    for (std::size_t n = 0; n < step.tape.formulas.size(); ++n) {
      const auto out = step.tape.formulas[n].output;
      for (int round = 0; round < 4; ++round) {
        const auto index = round == 0 ? out.elements - 1 : random.u64() % out.elements;
        const auto where = name + ", formula " + std::to_string(n) + ", element " + std::to_string(index);
        const auto right = contract_.measure(shown(good.claim()), shown(good.prove(n, index)));
        ASSERT_TRUE(right) << where << ": " << right.error().text;
        ASSERT_FALSE(right->wrong) << where;
        ASSERT_LT(right->gas_used, 3'000'000U) << where;
        auto values = step.values;
        auto& lie = values[out.id][index];
        const auto bits = std::bit_cast<std::uint32_t>(lie);
        const std::uint32_t lies[] = {bits ^ 1U, bits ^ 0x80000000U, static_cast<std::uint32_t>(random.u64()), 0x7fc00000U};
        lie = std::bit_cast<float>(lies[round]);
        if (canonical(lies[round]) == bits) continue;
        const ClaimedStep bad(step.tape, values, 3);
        const auto wrong = contract_.refutes(shown(bad.claim()), shown(bad.prove(n, index)));
        ASSERT_TRUE(wrong) << where << ": " << wrong.error().text;
        ASSERT_TRUE(*wrong) << where;
      }
    }
  }
};

train::OptimiserOptions sgd() {
  train::OptimiserOptions o;
  o.rate = 0.1, o.momentum = 0.9, o.decay = 0.001;
  return o;
}

train::OptimiserOptions adam() {
  train::OptimiserOptions o;
  o.method = train::Method::adamw, o.rate = 0.01, o.decay = 0.1, o.clip = 0.1;
  return o;
}

TEST_F(StepTwins, agree_on_every_formula_of_nets_of_linear_layers) {
  base::SeededRandom random(61);
  try_all("classes",
          make_step(spec({"linear 40", "relu", "linear 20", "gelu", "linear 5"}, train::Loss::cross_entropy), sgd(), 1),
          random);
  try_all("values", make_step(spec({"linear 16", "sigmoid", "linear 3 no_bias"}, train::Loss::mean_squared), adam(), 2),
          random);
  auto branch = spec({"linear 12", "tanh"}, train::Loss::cross_entropy);
  branch.layers.push_back({"", {{"linear 12", {}, 0}, {"silu", {}, 0}}, 0});
  branch.layers.push_back({"linear 5", {}, 0});
  try_all("branch", make_step(branch, adam(), 3), random);
}

TEST_F(StepTwins, agree_when_numbers_are_extreme) {
  base::SeededRandom random(62);
  auto step = make_step(spec({"linear 8", "relu", "linear 5"}, train::Loss::cross_entropy), sgd(), 4);
  auto given = step.values;
  const std::uint32_t odd[] = {0,          0x80000000U, 1,          0x7fffff,   0x7f7fffff,
                               0x7f800000, 0xff800000U, 0x7fc00000, 0x00800000, 0x4b800000};
  for (int i = 0; i < 40; ++i) {
    auto& array = given[i % 2 == 0 ? step.tape.input : static_cast<std::uint32_t>(random.u64() % step.tape.arrays)];
    array[random.u64() % array.size()] = std::bit_cast<float>(odd[random.u64() % std::size(odd)]);
  }
  step.values = run_step(step.tape, given);
  try_all("extreme", step, random);
}

TEST_F(StepTwins, compare_states_with_the_trace) {
  const auto step = make_step(spec({"linear 5"}, train::Loss::cross_entropy), sgd(), 5);
  const ClaimedStep made(step.tape, step.values, 7);
  for (const bool after : {false, true})
    for (std::size_t array = 0; array < step.tape.arrays; ++array) {
      std::vector<base::Hash> state;
      for (std::size_t i = 0; i < step.tape.arrays; ++i) state.push_back(made.root(i + (after ? step.tape.arrays : 0)));
      const auto same = contract_.misstates(shown(made.claim()), shown(made.compare(after, array, state)));
      ASSERT_TRUE(same) << same.error().text;
      EXPECT_FALSE(*same);
      state[array].bytes[5] ^= 1;
      auto claim = made.claim();
      (after ? claim.after : claim.before) = state_of(state, after ? 8 : 7);
      const auto other = contract_.misstates(shown(claim), shown(made.compare(after, array, state)));
      ASSERT_TRUE(other) << other.error().text;
      EXPECT_TRUE(*other);
    }
}

TEST_F(StepTwins, refuse_proofs_in_which_anything_is_changed) {
  const auto step = make_step(spec({"linear 8", "relu", "linear 5"}, train::Loss::cross_entropy), sgd(), 6);
  auto values = step.values;
  const auto& formula = step.tape.formulas[0];
  values[formula.output.id][10] += 1;
  const ClaimedStep bad(step.tape, values, 3);
  const auto claim = shown(bad.claim());
  const auto proof = shown(bad.prove(0, 10));
  ASSERT_TRUE(contract_.refutes(claim, proof).value());
  const auto refused = [&](const std::string& what,
                           const std::function<void(TrainChecks::Step&, TrainChecks::ElementProof&)>& change) {
    auto c = claim;
    auto p = proof;
    change(c, p);
    EXPECT_FALSE(contract_.refutes(c, p)) << what;
  };
  refused("tape", [](auto& c, auto&) { c.tape.bytes[0] ^= 1; });
  refused("trace", [](auto& c, auto&) { c.trace.bytes[0] ^= 1; });
  refused("formulas", [](auto&, auto& p) { p.tape.formulas.bytes[0] ^= 1; });
  refused("count of formulas", [](auto&, auto& p) { ++p.tape.count; });
  refused("count of values", [](auto&, auto& p) { ++p.tape.values; });
  refused("arrays", [](auto&, auto& p) { ++p.tape.arrays; });
  refused("number", [](auto&, auto& p) { ++p.number; });
  refused("formula", [](auto&, auto& p) { p.formula[2] ^= 1; });
  refused("siblings of the formula", [](auto&, auto& p) { p.siblings[0].bytes[0] ^= 1; });
  refused("index behind the end", [&](auto&, auto& p) { p.index = formula.output.elements; });
  refused("an operand less", [](auto&, auto& p) { p.opened.erase(p.opened.begin()); });
  for (std::size_t i = 0; i < proof.opened.size(); ++i) {
    refused("root", [i](auto&, auto& p) { p.opened[i].root.bytes[0] ^= 1; });
    refused("list", [i](auto&, auto& p) { p.opened[i].list[0].bytes[0] ^= 1; });
    refused("data", [i](auto&, auto& p) { p.opened[i].runs[0].data[0] ^= 1; });
    refused("first leaf", [i](auto&, auto& p) { ++p.opened[i].runs[0].first; });
    refused("no run", [i](auto&, auto& p) { p.opened[i].runs.clear(); });
  }
}

/// What docs and contracts/README.md say of gas, and that a proof fits a transaction.
TEST_F(StepTwins, stay_within_a_transaction) {
  auto big = spec({"linear 128", "relu", "linear 10"}, train::Loss::cross_entropy);
  big.sample = {784};
  const auto net = train::build_net(big, 64).value();
  const auto tape = compile_tape(net, sgd()).value();
  Values given(tape.elements.size());
  const train::Generator random(8, train::Stream::data, 0);
  for (std::uint32_t v = 0; v < tape.arrays; ++v)
    for (std::uint32_t i = 0; i < tape.elements[v]; ++i) given[v].push_back(random.uniform(v * 1'000'000 + i) * 0.2F - 0.1F);
  for (std::uint32_t i = 0; i < tape.elements[tape.input]; ++i) given[tape.input].push_back(random.uniform(i));
  for (std::uint32_t i = 0; i < 64; ++i) given[tape.target].push_back(static_cast<float>(i % 10));
  given[tape.constants] = step_numbers(sgd(), 0, 0);
  const ClaimedStep made(tape, run_step(tape, given), 0);
  std::uint64_t most = 0;
  for (std::size_t n = 0; n < tape.formulas.size(); ++n) {
    const auto proof = shown(made.prove(n, tape.formulas[n].output.elements / 2));
    std::size_t bytes = 0;
    for (const auto& o : proof.opened)
      for (const auto& r : o.runs) bytes += r.data.size() + 32 * r.siblings.size();
    const auto out = contract_.measure(shown(made.claim()), proof);
    ASSERT_TRUE(out) << out.error().text;
    EXPECT_FALSE(out->wrong);
    std::printf("formula %zu kind %d: %zu bytes, %llu gas\n", n, static_cast<int>(tape.formulas[n].kind), bytes,
                static_cast<unsigned long long>(out->gas_used));
    most = std::max<std::uint64_t>(most, out->gas_used);
    EXPECT_LT(bytes, 126'976U);
  }
  EXPECT_LT(most, 5'000'000U);
}

}  // namespace
}  // namespace koinon::test::training
