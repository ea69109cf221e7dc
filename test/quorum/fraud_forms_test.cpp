// Claims that are wrong without a wrong element: every form of proof but the element's, by the contract and by its twin.
#include "engine/program/builder.hpp"
#include "engine/program/inner.hpp"
#include "test/quorum/frauds.hpp"
#include "trust/optimistic/demand.hpp"
#include "trust/optimistic/misfit.hpp"

namespace koinon::test::quorum {
namespace {

using base::Domain;
using base::Hash;
using engine::program::Builder;
using engine::program::DType;
using engine::program::Ref;
using engine::program::Scale;
using engine::tensor::IntTensor;
using namespace trust::optimistic;

class FraudForms : public ChainTest {
 protected:
  FraudCheck contract_ = deploy<FraudCheck>("FraudCheck");
  Provider truth_ = run();
  ProgramTrees trees_{truth_.program};
  KeptRun own_{KeptRun::make(truth_.program, truth_.inputs, {}).value()};

  /// Two inputs, three steps; the outputs are the last value and the second input.
  static Provider run() {
    base::SeededRandom random(12);
    Builder b;
    const Ref x = b.input("left", {DType::i8, {30, 50}}, Scale{}, -100, 127);
    const Ref y = b.input("right one", {DType::i16, {50}}, Scale{}, -9, 32'767);
    const Ref sum = b.add(x, y);
    const Ref twice = b.mul(sum, sum);
    b.output("last", b.sub(twice, x), Scale{});
    b.output("given", y, Scale{});
    auto left = IntTensor::zeros(DType::i8, {30, 50});
    auto right = IntTensor::zeros(DType::i16, {50});
    for (std::int64_t i = 0; i < left.size(); ++i) left.set(i, static_cast<std::int64_t>(random.u64() % 200) - 100);
    for (std::int64_t i = 0; i < right.size(); ++i) right.set(i, static_cast<std::int64_t>(random.u64() % 3'000) - 9);
    return honest(b.finish({}).value(), {left, right});
  }

  /// Contract and twin say the same of the proof, about this claim and about the honest one.
  void expect(bool wrong, const ClaimRoots& claim, const Fraud& fraud, const std::string& what) {
    const auto kind = static_cast<std::uint8_t>(fraud.index());
    const auto twin = refutes(trees_, claim, fraud);
    const auto contract = contract_.refutes(roots_of(claim), kind, encode(fraud));
    ASSERT_TRUE(twin) << what << ": " << twin.error().text;
    ASSERT_TRUE(contract) << what << ": " << contract.error().text;
    EXPECT_EQ(*twin, wrong) << what;
    EXPECT_EQ(*contract, wrong) << what;
    if (!wrong) return;
    const auto fair = contract_.refutes(roots_of(truth_.claim()), kind, encode(fraud));
    EXPECT_FALSE(fair && *fair) << what << ", of an honest claim";
    const auto own = refutes(trees_, truth_.claim(), fraud);
    EXPECT_EQ(fair.has_value(), own.has_value()) << what;
  }
  /// The search finds a fraud of this kind in the claim.
  Fraud find(const Provider& liar, const ClaimRoots& claim, std::size_t kind) {
    auto server = liar.server();
    Dispute dispute(trees_, own_, claim);
    auto fraud = std::get<Fraud>(play(dispute, server).value().last);
    EXPECT_EQ(fraud.index(), kind);
    expect(true, claim, fraud, "kind " + std::to_string(kind));
    return fraud;
  }
  /// An item of the true list of values.
  Item fair_item(std::size_t value) const {
    return {own_.roots().size(), value, own_.roots()[value], base::Tree::of_list(Domain::trace, own_.roots()).path(value)};
  }
  /// A claim about the order's program, whatever the provider ran.
  ClaimRoots claim_of(const Provider& liar) const {
    auto out = liar.claim();
    out.program = trees_.id();
    return out;
  }
};

TEST_F(FraudForms, of_inputs_outputs_counts_and_lengths_are_seen_by_both) {
  auto liar = truth_;
  liar.values[1].bytes[4] ^= 1;
  auto fraud = find(liar, liar.claim(), 1);
  auto crossed = std::get<InputProof>(fraud);
  std::swap(crossed.given, crossed.traced);
  EXPECT_FALSE(contract_.refutes(roots_of(liar.claim()), 1, encode(Fraud{crossed})));
  EXPECT_FALSE(refutes(trees_, liar.claim(), Fraud{crossed}));
  liar = truth_;
  std::swap(liar.program.outputs[0], liar.program.outputs[1]);
  find(liar, claim_of(liar), 2);
  liar = truth_;
  liar.values.push_back(liar.values[0]);
  find(liar, liar.claim(), 3);
  liar.values.resize(4);
  liar.program.outputs[0].ref = Ref::value(3);
  find(liar, claim_of(liar), 3);
  liar = truth_;
  liar.values[2].bytes.push_back(0);
  find(liar, liar.claim(), 4);
  liar.values[2].bytes.resize(100);
  find(liar, liar.claim(), 4);
  liar = truth_;
  liar.program.outputs.pop_back();
  find(liar, claim_of(liar), 5);
}

TEST_F(FraudForms, of_inner_values_with_a_tree_and_others_without_are_seen_by_both) {
  ASSERT_TRUE(truth_.program.steps[1].inner);
  auto liar = truth_;
  liar.items[3] = engine::tensor::tensor_root(liar.values[3]);
  auto fraud = find(liar, liar.claim(), 9);
  auto crossed = std::get<InnerProof>(fraud);
  crossed.output = 1;  // the next step's value has a tree
  EXPECT_FALSE(contract_.refutes(roots_of(liar.claim()), 9, encode(Fraud{crossed})));
  EXPECT_FALSE(refutes(trees_, liar.claim(), Fraud{crossed}));
  expect(false, truth_.claim(), Fraud{InnerProof{std::get<InnerProof>(fraud).step, 0, fair_item(3)}}, "as it should be");
  for (const std::size_t kept : {2U, 4U}) {
    liar = truth_;
    liar.items[kept] = engine::program::kInnerRoot;
    find(liar, liar.claim(), 9);
  }
  liar = truth_;
  liar.items[1] = engine::program::kInnerRoot;
  find(liar, liar.claim(), 1);
  liar = truth_;
  liar.values[3].bytes[0] ^= 1;  // nothing is claimed about it
  EXPECT_EQ(liar.claim(), truth_.claim());
}

TEST_F(FraudForms, of_inputs_outside_their_range_are_seen_by_both) {
  for (const auto& [index, value] : {std::pair{1'400, -101}, std::pair{3, -128}}) {
    auto liar = truth_;
    liar.values[0].set(index, value);
    liar.inputs[0].set(index, value);
    const auto refused = KeptRun::until_refused(truth_.program, liar.inputs, {}).value();
    auto server = liar.server();
    Dispute dispute(trees_, refused, liar.claim());
    auto fraud = std::get<Fraud>(play(dispute, server).value().last);
    ASSERT_EQ(fraud.index(), 6U);
    expect(true, liar.claim(), fraud, "out of range");
    auto& range = std::get<RangeProof>(fraud);
    range.index ^= 1;  // its neighbour in the same leaf is as it should be
    expect(false, liar.claim(), fraud, "inside");
  }
}

/// Both say the same of a proof and of all that come of it by one change, about an order for `parts` and about the true one.
TEST_F(FraudForms, of_inputs_that_the_program_does_not_take_are_seen_by_both) {
  const std::vector<base::Bytes> fits = {truth_.inputs[0].bytes, truth_.inputs[1].bytes};
  auto longer = fits, shorter = fits, more = fits;
  longer[0].push_back(0);
  shorter[1].resize(98);
  more.push_back(fits[0]);
  std::size_t refuted = 0, nothing = 0, refused = 0;
  for (const auto& parts : {fits, longer, shorter, more, std::vector<base::Bytes>{fits[0]}, std::vector<base::Bytes>{}}) {
    std::vector<Hash> roots;
    for (const auto& bytes : parts) roots.push_back(base::byte_tree_root(Domain::tensor, bytes));
    const auto list = base::Tree::of_list(Domain::inputs, roots);
    auto claim = truth_.claim();
    claim.inputs = list.root();
    const auto io = engine::program::encode_io(truth_.program);
    std::vector<Fraud> proofs{Fraud{InputsProof{trees_.parts(), io, roots.size(), list.top()}}};
    for (std::size_t i = 0; i < roots.size(); ++i) {
      const auto top = base::byte_tree_top(Domain::tensor, parts[i]);
      proofs.push_back(
          Fraud{InputLengthProof{trees_.parts(), io, {roots.size(), i, roots[i], list.path(i)}, parts[i].size(), top}});
    }
    if (const auto found = misfit(trees_, parts)) expect(true, claim, *found, "misfit");
    for (const auto& proof : std::vector(proofs)) {
      for (int change = 0; change < 6; ++change) {
        auto other = proof;
        if (auto* count = std::get_if<InputsProof>(&other)) {
          if (change == 0) ++count->count;
          if (change == 1) count->top.bytes[3] ^= 1;
          if (change == 2) count->io.back() ^= 1;
          if (change == 3) ++count->program.version;
          if (change == 4) count->count = 0;
        }
        if (auto* length = std::get_if<InputLengthProof>(&other)) {
          if (change == 0) ++length->size;
          if (change == 1) length->top.bytes[3] ^= 1;
          if (change == 2) length->given.index ^= 1;
          if (change == 3) ++length->given.count;
          if (change == 4) length->given.siblings.emplace_back();
          if (change == 5) length->io[0] ^= 1;
        }
        proofs.push_back(std::move(other));
      }
    }
    for (const auto& about : {claim, truth_.claim()})
      for (const auto& proof : proofs) {
        const auto twin = refutes(trees_, about, proof);
        const auto contract = contract_.refutes(roots_of(about), static_cast<std::uint8_t>(proof.index()), encode(proof));
        ASSERT_EQ(twin.has_value(), contract.has_value()) << (twin ? "taken" : twin.error().text);
        ++(!twin ? refused : *twin ? refuted : nothing);
        if (!twin) continue;
        ASSERT_EQ(*twin, *contract);
        EXPECT_FALSE(*twin && about == truth_.claim()) << "an honest claim";
      }
  }
  EXPECT_GE(refuted, 5U);
  EXPECT_GE(nothing, 3U);
  EXPECT_GE(refused, 50U);
}

/// A run refuses equal indices, so a claim that has them is wrong whatever it says of the output.
TEST_F(FraudForms, of_equal_indices_are_seen_by_both) {
  Builder b;
  const Ref x = b.input("x", {DType::i64, {9, 40}}, Scale{}, -50, 50);
  const Ref at = b.input("at", {DType::i16, {4}}, Scale{}, 0, 8);
  const Ref rows = b.gather(x, at, 0);
  b.output("y", b.scatter(x, at, rows, 0), Scale{});
  const auto fair =
      honest(b.finish({}).value(), {IntTensor::zeros(DType::i64, {9, 40}), IntTensor::of<std::int16_t>({4}, {3, 8, 0, 5})});
  auto liar = fair;
  liar.inputs[1].set(3, 8);
  liar.values[1].set(3, 8);
  const ProgramTrees trees(fair.program);
  const auto own = KeptRun::until_refused(fair.program, liar.inputs, {}).value();
  auto server = liar.server();
  const auto claim = liar.claim();
  Dispute dispute(trees, own, claim);
  const auto fraud = std::get<Fraud>(play(dispute, server).value().last);
  ASSERT_EQ(std::get<ElementProof>(fraud).hints.size(), 2U);
  EXPECT_TRUE(refutes(trees, claim, fraud).value());
  EXPECT_TRUE(contract_.refutes(roots_of(claim), 0, encode(fraud)).value());
  EXPECT_FALSE(contract_.refutes(roots_of(fair.claim()), 0, encode(fraud)));
  const Fraud distinct{show_element(trees, fair, 1, {0, 0, {1, 3}})};
  EXPECT_FALSE(contract_.refutes(roots_of(fair.claim()), 0, encode(distinct)).value());
}

TEST_F(FraudForms, of_bytes_and_items_behind_the_end_are_seen_by_both) {
  const auto roots = truth_.roots();
  const auto list = base::Tree::of_list(Domain::trace, roots);
  // A tree over value 0 (1500 bytes) whose last leaf goes on behind the end.
  for (const bool dirty : {true, false}) {
    base::Bytes leaf(truth_.values[0].bytes.begin() + 1'024, truth_.values[0].bytes.end());
    leaf.resize(1'024);
    if (dirty) leaf[1'000] = 1;
    const auto first = base::byte_leaf_hash(Domain::tensor, base::ByteView(truth_.values[0].bytes).first(1'024));
    const auto top = base::tree_node_hash(Domain::tensor, first, base::byte_leaf_hash(Domain::tensor, leaf));
    auto claimed = roots;
    claimed[0] = base::tree_root_hash(Domain::tensor, 1'500, top);
    EXPECT_EQ(claimed[0] == roots[0], !dirty);
    const auto trace = base::Tree::of_list(Domain::trace, claimed);
    auto claim = truth_.claim();
    claim.trace = trace.root();
    expect(dirty, claim, Fraud{PaddingProof{{claimed.size(), 0, claimed[0], trace.path(0)}, 1'500, 1, leaf, {first}}},
           "padding");
  }
  // Five values are eight leaves; leaf 6 is not absent.
  for (const bool dirty : {true, false}) {
    const Hash odd = dirty ? base::keccak256(base::as_bytes("odd")) : Hash{};
    const auto pair = base::tree_node_hash(Domain::trace, odd, Hash{});
    const auto right = base::tree_node_hash(Domain::trace, list.node(1, 2), pair);
    auto claim = truth_.claim();
    claim.trace = base::tree_root_hash(Domain::trace, 5, base::tree_node_hash(Domain::trace, list.node(2, 0), right));
    EXPECT_EQ(claim.trace == list.root(), !dirty);
    expect(dirty, claim, Fraud{AbsentProof{1, 5, 6, odd, {Hash{}, list.node(1, 2), list.node(2, 0)}}}, "an item too many");
  }
}

}  // namespace
}  // namespace koinon::test::quorum
