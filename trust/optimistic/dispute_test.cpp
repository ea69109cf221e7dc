#include "trust/optimistic/dispute.hpp"

#include <gtest/gtest.h>

#include <bit>

#include "base/random.hpp"
#include "engine/program/builder.hpp"
#include "engine/program/inner.hpp"
#include "trust/optimistic/disputable.hpp"
#include "trust/optimistic/evidence.hpp"
#include "trust/optimistic/liar.hpp"

namespace koinon::trust::optimistic {
namespace {

using engine::program::Builder;
using engine::program::DType;
using engine::program::Ref;
using engine::program::Scale;
using engine::tensor::IntTensor;

/// What a watcher has of an order: its own run.
struct Watcher {
  const Provider& truth;
  ClaimRoots fair{truth.claim()};
  ProgramTrees trees{truth.program};
  KeptRun own{KeptRun::make(truth.program, truth.inputs, {}).value()};

  /// Finds the fraud in what `liar` claims and shows that it refutes the claim, and no other.
  Fraud expect_fraud(const Provider& liar, const std::string& what, std::size_t most_demands = 7) {
    auto server = liar.server();
    const auto claim = liar.claim();
    Dispute dispute(trees, own, claim);
    auto played = play(dispute, server);
    EXPECT_TRUE(played) << what << ": " << (played ? "" : played.error().text);
    if (!played) return {};
    EXPECT_LE(played->demands, most_demands) << what;
    EXPECT_TRUE(std::holds_alternative<Fraud>(played->last)) << what;
    if (!std::holds_alternative<Fraud>(played->last)) return {};
    auto fraud = std::get<Fraud>(played->last);
    const auto shown = refutes(trees, claim, fraud);
    EXPECT_TRUE(shown && *shown) << what << ": " << (shown ? "not refuted" : shown.error().text);
    const auto honest = refutes(trees, fair, fraud);
    EXPECT_FALSE(honest && *honest) << what << ": an honest claim is refuted";
    const auto bytes = encode(fraud);
    EXPECT_LE(bytes.size(), kMaxProof) << what;
    const auto again = decode_fraud(fraud.index(), bytes);
    EXPECT_TRUE(again && *again == fraud) << what << ": " << (again ? "another" : again.error().text);
    return fraud;
  }
};

TEST(Dispute, finds_the_false_element_in_every_value_of_every_kind) {
  base::SeededRandom random(5);
  std::set<engine::program::StepKind> kinds;
  for (const auto& golden : engine::run::golden_programs()) {
    const auto truth = honest(golden.program, golden.inputs);
    Watcher watcher{truth};
    auto fair = TraceServer::of(watcher.own);
    Dispute agreed(watcher.trees, watcher.own, truth.claim());
    EXPECT_TRUE(std::holds_alternative<Agreed>(play(agreed, fair).value().last)) << golden.name;
    const auto inner = engine::program::inner_values(golden.program);
    for (std::size_t value = golden.inputs.size(); value < truth.values.size(); ++value)
      for (int i = 0; i < 3 && !inner[value]; ++i) {
        auto liar = truth;
        auto& bytes = liar.values[value].bytes;
        bytes[random.u64() % bytes.size()] ^= static_cast<std::uint8_t>(1 + random.u64() % 255);
        if (i == 2 && value + 1 < liar.values.size()) liar.values.back().bytes[0] ^= 1;
        const auto fraud = watcher.expect_fraud(liar, golden.name + ", value " + std::to_string(value), 9);
        ASSERT_TRUE(std::holds_alternative<ElementProof>(fraud)) << golden.name;
        for (const auto& part : std::get<ElementProof>(fraud).parts) kinds.insert(golden.program.steps[part.step].kind);
      }
  }
  EXPECT_EQ(kinds.size(), 24U) << "every kind of step";
}

/// Values long enough for trees of several levels, and a list of several.
Provider long_run() {
  Builder b;
  base::SeededRandom random(6);
  auto x = IntTensor::zeros(DType::i16, {16, 3'000});
  random.fill(x.bytes);
  Ref at = b.input("x", {DType::i16, {16, 3'000}}, Scale{}, -32'768, 32'767);
  const Ref first = at;
  for (int i = 0; i < 50; ++i) at = b.shift(b.shift(at, 1), -1);
  const auto [top, order] = b.topk(at, 1, 50);
  b.output("top", top, Scale{});
  b.output("order", order, Scale{});
  b.output("best", b.argmax(first, 1), Scale{});
  b.output("largest", b.reduce(at, engine::program::ReduceParams::axes(engine::program::ReduceOp::max, {16, 3'000}, {1})),
           Scale{});
  return honest(b.finish({}).value(), {x});
}

/// The first value from this one on that a claim says something about.
std::size_t kept_from(const Provider& provider, std::size_t value) {
  const auto inner = engine::program::inner_values(provider.program);
  while (inner[value]) ++value;
  return value;
}

TEST(Dispute, of_a_long_run_ends_in_sixteen_transactions) {
  const auto truth = long_run();
  Watcher watcher{truth};
  base::SeededRandom random(8);
  for (int i = 0; i < 12; ++i) {
    auto liar = truth;
    const auto value = kept_from(truth, 1 + random.u64() % (truth.values.size() - 1));
    auto& bytes = liar.values[value].bytes;
    bytes[random.u64() % bytes.size()] ^= 0x15;
    const auto fraud = watcher.expect_fraud(liar, "value " + std::to_string(value), 7);
    EXPECT_TRUE(std::holds_alternative<ElementProof>(fraud));
  }
}

TEST(Dispute, shows_every_way_in_which_a_list_of_the_largest_is_wrong) {
  const auto truth = long_run();
  Watcher watcher{truth};
  const auto values = truth.values.size() - 4, order = values + 1;
  const auto put = [&](Provider& liar, std::int64_t entry, std::int64_t element) {
    liar.values[order].set(entry, element);
    liar.values[values].set(entry, truth.values[values - 1].at(element));
  };
  const auto claimed = [&](std::int64_t entry) { return truth.values[order].at(entry); };
  auto swapped = truth;
  put(swapped, 20, claimed(21));
  put(swapped, 21, claimed(20));
  watcher.expect_fraud(swapped, "two entries swapped", 9);
  auto missing = truth;
  for (std::int64_t i = 5; i < 49; ++i) put(missing, i, claimed(i + 1));
  watcher.expect_fraud(missing, "one is left out", 9);
  auto first = truth;
  for (std::int64_t i = 0; i < 49; ++i) put(first, i, claimed(i + 1));
  watcher.expect_fraud(first, "the largest is left out", 9);
  auto twice = truth;
  put(twice, 30, claimed(29));
  watcher.expect_fraud(twice, "one stands twice", 9);
  for (const std::int64_t index : {-1, 3'000}) {
    auto beyond = truth;
    beyond.values[order].set(7, index);
    watcher.expect_fraud(beyond, "an index beyond the axis", 9);
  }
  auto other = truth;
  other.values[values].set(40, truth.values[values].at(40) - 1);
  watcher.expect_fraud(other, "a value that does not stand there", 9);
}

/// An element of a list of the largest is shown by both outputs of the step, at two neighbouring entries, so that the search
/// goes down two trees, and in that of the values to two leaves.
TEST(Dispute, goes_down_both_trees_of_a_list_of_the_largest_and_no_further) {
  constexpr std::int64_t kLong = 1 << 18;  // 4 bytes each: ten levels of leaves, of which one answer goes down six
  Builder b;
  const Ref x = b.input("x", {DType::i32, {kLong}}, Scale{}, -kLong, kLong);
  const auto [top, order] = b.topk(x, 0, kLong);
  b.output("top", top, Scale{});
  b.output("order", order, Scale{});
  auto input = IntTensor::zeros(DType::i32, {kLong});
  for (std::int64_t i = 0; i < kLong; ++i) input.set(i, (i * 77'773) % kLong);
  const auto truth = honest(b.finish({}).value(), {input});
  Watcher watcher{truth};
  // From an entry on each is what the next should be, so one element is left out; besides, a value of every leaf before is
  // wrong, or none.
  const auto demands = [&](std::int64_t entry, bool besides) {
    auto liar = truth;
    for (std::int64_t i = entry; i + 1 < kLong; ++i) {
      liar.values[2].set(i, truth.values[2].at(i + 1));
      liar.values[1].set(i, truth.values[1].at(i + 1));
    }
    for (std::int64_t i = 0; besides && i < entry; i += 256) liar.values[1].set(entry - 1 - i, kLong);
    auto server = liar.server();
    Dispute dispute(watcher.trees, watcher.own, liar.claim());
    const auto played = play(dispute, server).value();
    EXPECT_TRUE(refutes(watcher.trees, liar.claim(), std::get<Fraud>(played.last)).value());
    return played.demands;
  };
  // One for the list of values, and two answers of nodes and one of bytes for each output.
  for (const std::int64_t entry : {5, 255, 256, 16'384, 131'072, 200'000}) {
    EXPECT_EQ(demands(entry, false), 7U) << entry;
    EXPECT_LE(demands(entry, true), 9U) << entry;
  }
}

TEST(Dispute, shows_claims_that_are_wrong_without_a_wrong_element) {
  const auto truth = long_run();
  Watcher watcher{truth};
  auto liar = truth;
  liar.values[0].bytes[7'777] ^= 1;
  EXPECT_TRUE(std::holds_alternative<InputProof>(watcher.expect_fraud(liar, "another input")));
  liar = truth;
  const auto ninth = kept_from(truth, 9);
  liar.values[ninth].bytes.push_back(0);
  EXPECT_TRUE(std::holds_alternative<LengthProof>(watcher.expect_fraud(liar, "a longer value")));
  liar = truth;
  liar.values[ninth].bytes.resize(5);
  EXPECT_TRUE(std::holds_alternative<LengthProof>(watcher.expect_fraud(liar, "a shorter value")));
  liar = truth;
  liar.values.push_back(liar.values.back());
  EXPECT_TRUE(std::holds_alternative<CountProof>(watcher.expect_fraud(liar, "one value more")));
  liar = truth;
  liar.program.outputs.pop_back();  // what is claimed, not what was ordered
  auto server = liar.server();
  auto claim = liar.claim();
  claim.program = truth.claim().program;
  Dispute fewer(watcher.trees, watcher.own, claim);
  auto found = std::get<Fraud>(play(fewer, server).value().last);
  EXPECT_TRUE(std::holds_alternative<OutputsProof>(found));
  EXPECT_TRUE(refutes(watcher.trees, claim, found).value());
  liar = truth;
  std::swap(liar.program.outputs[0], liar.program.outputs[1]);
  server = liar.server();
  claim = liar.claim();
  claim.program = truth.claim().program;
  Dispute swapped(watcher.trees, watcher.own, claim);
  found = std::get<Fraud>(play(swapped, server).value().last);
  EXPECT_TRUE(std::holds_alternative<OutputProof>(found));
  EXPECT_TRUE(refutes(watcher.trees, claim, found).value());
}

TEST(Dispute, shows_another_length_of_the_largest_before_a_wrong_index) {
  const auto truth = long_run();
  Watcher watcher{truth};
  const auto values = truth.values.size() - 4, order = values + 1;
  for (const auto size : {std::size_t{0}, std::size_t{5}, truth.values[values].bytes.size() + 1, std::size_t{1'000'000}})
    for (const auto wrong : {values, order}) {
      auto liar = truth;
      liar.values[order].set(70, liar.values[order].at(71));
      liar.values[values].set(70, liar.values[values].at(70) - 1);
      liar.values[wrong].bytes.resize(size);
      const auto fraud = watcher.expect_fraud(liar, "output " + std::to_string(wrong - values));
      ASSERT_TRUE(std::holds_alternative<LengthProof>(fraud));
      EXPECT_EQ(std::get<LengthProof>(fraud).output, wrong - values);
    }
}

/// A claim about an input that the program refuses: no honest run has it.
void expect_refusal_shown(const Provider& truth, std::vector<IntTensor> inputs, std::size_t kind) {
  ASSERT_FALSE(KeptRun::make(truth.program, inputs, {}));
  auto liar = truth;
  std::ranges::copy(inputs, liar.values.begin());
  liar.inputs = inputs;
  const ProgramTrees trees(truth.program);
  const auto own = KeptRun::until_refused(truth.program, inputs, {}).value();
  EXPECT_LT(own.made(), truth.values.size());
  for (std::size_t value = 0; value < own.made(); ++value) liar.values[value] = own.values({value}).value().at(value);
  auto server = liar.server();
  Dispute dispute(trees, own, liar.claim());
  const auto played = play(dispute, server);
  ASSERT_TRUE(played) << played.error().text;
  const auto fraud = std::get<Fraud>(played->last);
  EXPECT_EQ(fraud.index(), kind);
  EXPECT_TRUE(refutes(trees, liar.claim(), fraud).value());
}

/// Such a claim with what was made and, for the last value, `root` and `last`; no hash at all for the others.
struct Unmade {
  const Provider& truth;
  std::vector<IntTensor> inputs;
  base::Hash root;
  IntTensor last;
  ProgramTrees trees{truth.program};
  KeptRun own{KeptRun::until_refused(truth.program, inputs, {}).value()};
  ClaimRoots claim{};

  base::Result<Played> played() {
    auto roots = own.roots();
    EXPECT_TRUE(own.refused());
    roots.back() = root;
    claim = {trees.id(), engine::run::input_root(inputs), base::list_root(base::Domain::outputs, {root}),
             engine::run::trace_root(roots)};
    EXPECT_FALSE(own.confirms(claim.outputs, claim.trace));
    EXPECT_FALSE(own.confirms(own.output_root(), own.trace_root()));
    TraceServer server(roots, {roots.size() - 1}, [this](std::size_t) -> base::Result<IntTensor> { return last; });
    Dispute dispute(trees, own, claim);
    return play(dispute, server);
  }
  void expect_fraud(std::size_t kind) {
    const auto found = played();
    ASSERT_TRUE(found) << found.error().text;
    ASSERT_TRUE(std::holds_alternative<Fraud>(found->last));
    EXPECT_EQ(std::get<Fraud>(found->last).index(), kind);
    EXPECT_TRUE(refutes(trees, claim, std::get<Fraud>(found->last)).value());
  }
};

Provider refusing() {
  Builder b;
  const Ref x = b.input("x", {DType::i16, {9, 700}}, Scale{}, -5, 500);
  const Ref at = b.input("at", {DType::i32, {4}}, Scale{}, 0, 8);
  const Ref twice = b.add(x, x, DType::i16);
  const Ref rows = b.gather(twice, at, 0);
  const Ref places = b.shift(at, 0);
  b.output("y", b.scatter(twice, places, rows, 0), Scale{});
  const auto indices = IntTensor::of<std::int32_t>({4}, {3, 8, 0, 5});
  return honest(b.finish({}).value(), {IntTensor::zeros(DType::i16, {9, 700}), indices});
}

TEST(Dispute, shows_that_the_program_refuses_an_input) {
  const auto truth = refusing();
  auto outside = truth.inputs;
  outside[0].set(6'001, 501);
  expect_refusal_shown(truth, outside, 6);
  outside[0].set(6'001, -6);
  expect_refusal_shown(truth, outside, 6);
  auto equal = truth.inputs;
  equal[1].set(3, 8);
  expect_refusal_shown(truth, equal, 0);
  const auto fair = KeptRun::until_refused(truth.program, truth.inputs, {}).value();
  EXPECT_EQ(fair.made(), truth.values.size());
}

TEST(Dispute, agrees_to_no_claim_about_an_input_that_the_program_refuses) {
  const auto truth = refusing();
  auto outside = truth.inputs;
  outside[0].set(6'001, 501);
  Unmade{truth, outside, {}, {}}.expect_fraud(6);
  auto equal = truth.inputs;
  equal[1].set(3, 8);
  // Nobody can open the hash that is none: the demand for it stays unanswered.
  const auto silent = Unmade{truth, equal, {}, truth.values.back()}.played();
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, base::Code::rejected);
  auto longer = truth.values.back();
  Unmade{truth, equal, engine::tensor::tensor_root(longer), longer}.expect_fraud(0);
  longer.bytes.push_back(0);
  Unmade{truth, equal, engine::tensor::tensor_root(longer), longer}.expect_fraud(4);
}

TEST(Disputable, refuses_a_program_without_steps) {
  Builder b;
  b.output("y", b.input("x", {DType::i16, {9}}, Scale{}, -5, 500), Scale{});
  const auto fit = disputable(b.finish({}).value());
  ASSERT_FALSE(fit);
  EXPECT_EQ(fit.error().code, base::Code::unsupported);
  EXPECT_NE(fit.error().text.find("no step"), std::string::npos) << fit.error().text;
}

/// A list with something behind its end: its root, and what stands beside its last item.
std::pair<base::Hash, std::vector<base::Hash>> overfull(base::Domain domain, const std::vector<base::Hash>& items) {
  std::vector<base::Hash> row;
  for (std::size_t i = 0; i < items.size(); ++i) row.push_back(base::list_leaf_hash(domain, i, items[i]));
  row.push_back(base::keccak256(base::as_bytes("absent")));
  while (!std::has_single_bit(row.size())) row.emplace_back();
  std::vector<base::Hash> siblings;
  for (auto at = items.size() - 1; row.size() > 1; at /= 2) {
    siblings.push_back(row[at ^ 1]);
    for (std::size_t i = 0; 2 * i < row.size(); ++i) row[i] = base::tree_node_hash(domain, row[2 * i], row[2 * i + 1]);
    row.resize(row.size() / 2);
  }
  return {base::tree_root_hash(domain, items.size(), row[0]), siblings};
}

TEST(Dispute, shows_what_stands_behind_the_end_of_a_list) {
  // A liar answers a demand of its own for the last item, so that what stands beside it is known and nobody need ask.
  const auto truth = long_run();
  Watcher watcher{truth};
  const auto roots = truth.roots();
  ASSERT_EQ(roots.size() % 2, 1U);
  auto claim = truth.claim();
  const auto [trace, beside] = overfull(base::Domain::trace, roots);
  claim.trace = trace;
  claim.outputs = base::keccak256(base::as_bytes("a lie"));
  const Demand last{ClaimTree::trace, DemandKind::nodes, 0, 0, roots.size() - 1};
  Dispute dispute(watcher.trees, watcher.own, claim);
  ASSERT_TRUE(dispute.give(last, {roots.size(), {roots.back()}, {}, beside, 0, {}}));
  const auto found = dispute.next().value();
  ASSERT_TRUE(std::holds_alternative<Fraud>(found));
  ASSERT_TRUE(std::holds_alternative<AbsentProof>(std::get<Fraud>(found)));
  EXPECT_TRUE(refutes(watcher.trees, claim, std::get<Fraud>(found)).value());

  // The same of the outputs, of which one is taken away so that their number is odd.
  std::vector<base::Hash> outputs;
  for (const auto& output : truth.program.outputs) outputs.push_back(roots[output.ref.index()]);
  auto three = truth;
  three.program.outputs.pop_back();
  outputs.pop_back();
  three = honest(three.program, three.inputs);
  Watcher other{three};
  claim = three.claim();
  const auto [root, next] = overfull(base::Domain::outputs, outputs);
  claim.outputs = root;
  Dispute again(other.trees, other.own, claim);
  ASSERT_TRUE(again.give({ClaimTree::outputs, DemandKind::nodes, 0, 0, 2}, {3, {outputs.back()}, {}, next, 0, {}}));
  const auto shown = std::get<Fraud>(again.next().value());
  ASSERT_TRUE(std::holds_alternative<AbsentProof>(shown));
  EXPECT_TRUE(refutes(other.trees, claim, shown).value());
}

TEST(Dispute, takes_only_answers_that_the_claim_binds) {
  const auto truth = long_run();
  Watcher watcher{truth};
  auto liar = truth;
  liar.values[kept_from(truth, 30)].bytes[90'000] ^= 1;
  auto server = liar.server();
  auto fair = truth.server();
  Dispute dispute(watcher.trees, watcher.own, liar.claim());
  base::SeededRandom random(3);
  for (;;) {
    const auto found = dispute.next().value();
    const auto* demand = std::get_if<Demand>(&found);
    if (demand == nullptr) break;
    EXPECT_EQ(dispute.give(*demand, fair.answer(*demand).value()).error().code, base::Code::rejected) << "of another claim";
    const auto good = server.answer(*demand).value();
    for (int i = 0; i < 8; ++i) {
      auto bad = good;
      auto& list = i % 2 == 0 && !bad.list.empty() ? bad.list : i % 4 == 1 && !bad.siblings.empty() ? bad.siblings : bad.hashes;
      if (i == 6)
        bad.length += 1 + random.u64() % 5'000;
      else if (i == 7)
        bad.count += 1;
      else if (!bad.data.empty() && i < 3)
        bad.data[random.u64() % bad.data.size()] ^= 1;
      else if (!list.empty())
        list[random.u64() % list.size()].bytes[3] ^= 1;
      else
        bad.data.push_back(0);
      if (bad == good || (i == 7 && demand->tree != ClaimTree::tensor)) continue;
      EXPECT_FALSE(dispute.give(*demand, bad)) << "forgery " << i << " at level " << int{demand->level};
    }
    ASSERT_TRUE(dispute.give(*demand, good));
  }
}

TEST(TraceServer, answers_every_demand_and_says_what_there_is_not) {
  const auto truth = long_run();
  Watcher watcher{truth};
  auto server = TraceServer::of(watcher.own);
  base::SeededRandom random(2);
  for (int i = 0; i < 400; ++i) {
    Demand demand{static_cast<ClaimTree>(1 + random.u64() % 3), static_cast<DemandKind>(1 + random.u64() % 3), 0, 0, 0};
    if (demand.tree != ClaimTree::tensor && demand.kind == DemandKind::leaf) continue;
    if (demand.tree == ClaimTree::tensor) demand.value = random.u64() % 120;
    if (demand.kind != DemandKind::summit) {
      demand.level = static_cast<std::uint8_t>(random.u64() % (demand.kind == DemandKind::leaf ? 3 : 12));
      demand.index = random.u64() % 60 >> (random.u64() % 7);
    }
    const auto answer = server.answer(demand);
    ASSERT_TRUE(answer) << answer.error().text;
    Dispute dispute(watcher.trees, watcher.own, watcher.fair);
    const auto taken = dispute.give(demand, *answer);
    EXPECT_TRUE(taken) << i << ": " << (taken ? "" : taken.error().text);
  }
}

TEST(Dispute, goes_on_from_its_answers_alone) {
  const auto truth = long_run();
  Watcher watcher{truth};
  auto liar = truth;
  liar.values[kept_from(truth, 60)].bytes[90'000] ^= 1;
  auto server = liar.server();
  const auto claim = liar.claim();
  std::vector<std::pair<Demand, Answer>> answers;
  for (;;) {
    Dispute again(watcher.trees, watcher.own, claim);  // after a restart
    for (auto one = answers.rbegin(); one != answers.rend(); ++one) ASSERT_TRUE(again.give(one->first, one->second));
    const auto found = again.next().value();
    if (const auto* fraud = std::get_if<Fraud>(&found)) {
      EXPECT_TRUE(refutes(watcher.trees, claim, *fraud).value());
      break;
    }
    const auto demand = std::get<Demand>(found);
    answers.emplace_back(demand, server.answer(demand).value());
    ASSERT_LT(answers.size(), 10U);
  }
}

TEST(Fraud, that_was_changed_shows_nothing_about_an_honest_claim) {
  const auto truth = long_run();
  Watcher watcher{truth};
  base::SeededRandom random(4);
  auto liar = truth;
  liar.values[kept_from(truth, 61)].bytes[9] ^= 1;
  const auto fraud = watcher.expect_fraud(liar, "an element");
  const auto good = encode(fraud);
  for (int i = 0; i < 3'000; ++i) {
    auto bytes = good;
    bytes[random.u64() % bytes.size()] ^= static_cast<std::uint8_t>(1 + random.u64() % 255);
    const auto changed = decode_fraud(fraud.index(), bytes);
    if (!changed) continue;
    EXPECT_EQ(encode(*changed), bytes);
    const auto fair = refutes(watcher.trees, watcher.fair, *changed);
    EXPECT_FALSE(fair && *fair);
  }
}

}  // namespace
}  // namespace koinon::trust::optimistic
