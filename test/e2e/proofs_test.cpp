// Orders that ask for a proof, on a real ledger: one provider claims and proves, its buyer checks, and what it does not confirm
// is proven by contract.
#include "market/actor/proofs.hpp"

#include <gtest/gtest.h>

#include "engine/run/roots.hpp"
#include "market/onchain/proof_subject.hpp"
#include "test/e2e/world.hpp"
#include "trust/quorum/proof_check.hpp"
#include "work/parcel.hpp"

namespace koinon::test::e2e {
namespace {

using market::OrderView;
using market::Phase;
using market::Standing;

/// Time for the transactions of a proof on a busy machine.
market::MarketConfig proof_market() {
  auto out = quick_market();
  out.appeal_window = 12;
  return out;
}

struct Arena {
  World world{2, proof_market()};
  Model model = small_model();

  static Arena& shared() {
    static Arena arena;
    return arena;
  }
  market::ProofLedger& proofs() { return *world.buyer().node->proofs(); }
  market::Purchase purchase(std::uint64_t input) {
    auto out = world.purchase(model, input);
    out.check = trust::ProofCheck::kCode;
    out.n = out.k = 1;
    const auto able = market::provable(model.program);
    KOINON_INVARIANT(able.has_value());
    const auto subject = proofs().subject(able->circuit, 0, {});
    KOINON_INVARIANT(subject.has_value());
    out.subject = *subject;
    return out;
  }
  base::Hash proven(const OrderView& order) {
    const auto root = proofs().outcome(order.terms.spec, order.terms.input_root);
    EXPECT_TRUE(root) << root.error().text;
    return root ? *root : base::Hash{};
  }
  OrderView await_standing(std::uint64_t id) {
    return world.await(id, [](const OrderView& order) { return order.verdict.has_value(); });
  }
};

/// A proof of the model's run on input `which`, as a contract is shown it.
trust::proof::OnchainProof shown_of(const Model& model, std::uint64_t which, std::uint64_t seed) {
  std::vector<engine::tensor::IntTensor> inputs;
  const auto parts = model.input(which);
  for (std::size_t i = 0; i < parts.size(); ++i)
    inputs.push_back({model.program.inputs[i].info.dtype, model.program.inputs[i].info.shape, parts[i]});
  base::SeededRandom random(seed);
  const auto proof = trust::proof::prove(model.program, inputs, {}, random);
  KOINON_INVARIANT(proof.has_value());
  auto out = trust::proof::onchain_proof(model.program, *proof);
  KOINON_INVARIANT(out.has_value());
  return std::move(*out);
}

void expect_unproven(const OrderView& order, const Member& provider) {
  ASSERT_EQ(order.phase, Phase::refunded);
  EXPECT_EQ(order.refund_reason, market::kUnproven);
  const auto& seat = seat_of(order, provider);
  EXPECT_EQ(seat.verdict, Standing::silent);
  EXPECT_TRUE(seat.paid.is_zero());
  EXPECT_EQ(seat.slashed, prices(5)) << "a quarter of the lock";
  expect_conserved(order);
}

TEST(Proofs, claim_is_confirmed_as_soon_as_the_buyer_has_checked_its_proof) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  const auto wanted = arena.purchase(1);
  const auto id = world.place(wanted);
  const auto standing = arena.await_standing(id);
  const auto order = world.await_end(id);
  EXPECT_EQ(order.phase, Phase::settled);
  EXPECT_EQ(seat_of(order, world.provider(0)).paid, net_price());
  if (standing.deadline != 0) {
    EXPECT_LT(order.settled_at_ms / 1000 + 24, standing.deadline) << "before its provider would prove it on the ledger";
  }
  EXPECT_TRUE(arena.proven(order).is_zero()) << "no gas was spent on a proof";
  const auto receipt = world.receipt(id);
  EXPECT_EQ(receipt.check, "proof");
  ASSERT_TRUE(receipt.proof);
  EXPECT_EQ(*receipt.proof, seat_of(order, world.provider(0)).claim.mark) << "bound on the ledger";
  EXPECT_EQ(receipt.outputs, arena.model.run(wanted.inputs).outputs);
  // So whoever has receipt, proof and program can tell that the proof is of the order's input.
  const auto able = market::provable(arena.model.program);
  ASSERT_TRUE(able);
  const auto salt = market::proof_subject(able->circuit, 0, {});
  ASSERT_TRUE(salt);
  EXPECT_EQ((work::Parcel{*salt, wanted.inputs}.root()), receipt.input_root);
  EXPECT_NE((work::Parcel{*salt, arena.purchase(99).inputs}.root()), receipt.input_root);
  const auto report = market::verify_offline(receipt);
  EXPECT_TRUE(report) << report.error().text;
  expect_conserved(order);
  world.expect_book_matches_ledger();
}

TEST(Proofs, what_nobody_confirms_is_proven_on_the_ledger_and_paid) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  world.buyer().conduct->buyer = BuyerMood::absent;
  const auto id = world.place(arena.purchase(2));
  const auto standing = arena.await_standing(id);
  const auto order = world.await_end(id);
  EXPECT_EQ(order.phase, Phase::settled);
  EXPECT_EQ(seat_of(order, world.provider(0)).paid, net_price());
  EXPECT_EQ(arena.proven(order), order.verdict->output_root);
  if (standing.deadline != 0) {
    EXPECT_LE(order.settled_at_ms / 1000, standing.deadline) << "by the proof, not by time";
  }
  expect_conserved(order);
  world.expect_book_matches_ledger();
}

TEST(Proofs, another_order_of_the_same_run_needs_no_second_proof) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  world.buyer().conduct->buyer = BuyerMood::absent;
  const auto first = world.await_end(world.place(arena.purchase(3)));
  ASSERT_FALSE(arena.proven(first).is_zero());
  const auto second = world.await_end(world.place(arena.purchase(3)));
  EXPECT_EQ(second.terms.input_root, first.terms.input_root);
  EXPECT_EQ(second.phase, Phase::settled);
  expect_conserved(second);
}

TEST(Proofs, liar_with_a_proof_of_the_truth_is_not_confirmed_not_paid_and_slashed_for_its_silence) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  world.provider(0).conduct->seller = Mood::lies;
  const auto order = world.await_end(world.place(arena.purchase(4)));
  expect_unproven(order, world.provider(0));
  EXPECT_TRUE(arena.proven(order).is_zero());
  world.expect_book_matches_ledger();
}

TEST(Proofs, lie_about_what_was_proven_before_takes_the_whole_lock_at_once) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  world.buyer().conduct->buyer = BuyerMood::absent;
  const auto honest = world.await_end(world.place(arena.purchase(5)));
  ASSERT_FALSE(arena.proven(honest).is_zero());
  world.cast({1});
  world.provider(1).conduct->seller = Mood::lies;
  const auto id = world.place(arena.purchase(5));
  const auto standing = arena.await_standing(id);
  const auto order = world.await_end(id);
  ASSERT_EQ(order.phase, Phase::refunded);
  EXPECT_EQ(order.refund_reason, market::kRefuted);
  const auto& seat = seat_of(order, world.provider(1));
  EXPECT_EQ(seat.verdict, Standing::rejected);
  EXPECT_EQ(seat.slashed, prices(20));
  if (standing.deadline != 0) {
    EXPECT_LT(order.settled_at_ms / 1000, standing.deadline);
  }
  expect_conserved(order);
  world.expect_book_matches_ledger();
}

TEST(Proofs, order_that_names_another_circuit_is_refused_and_costs_its_provider_nothing) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  auto wanted = arena.purchase(6);
  wanted.subject.bytes[5] ^= 1;
  const auto order = world.await_end(world.place(wanted));
  EXPECT_EQ(order.phase, Phase::refunded);
  EXPECT_TRUE(seat_of(order, world.provider(0)).slashed.is_zero());
  expect_conserved(order);
}

/// Whoever has a proof may show it, whatever was said in an order: a session is bound to its program, input and output alone.
TEST(Proofs, crossed_pieces_of_two_sessions_are_refused_and_conclude_nothing) {
  auto& arena = Arena::shared();
  const auto able = market::provable(arena.model.program);
  ASSERT_TRUE(able);
  const auto a = shown_of(arena.model, 7, 7), b = shown_of(arena.model, 8, 8);
  const auto refused = [&](const char* what, const trust::proof::OnchainProof& proof) {
    EXPECT_FALSE(arena.proofs().prove(able->circuit, proof, {}, {})) << what;
  };
  auto crossed = a;
  crossed.output = b.output;
  refused("another output", crossed);
  crossed = a;
  crossed.output = b.output;
  crossed.outputs = b.outputs;
  refused("another output with its bytes", crossed);
  crossed = a;
  crossed.input = b.input;
  crossed.inputs = b.inputs;
  refused("another input with its bytes", crossed);
  crossed = a;
  crossed.cut.parts = b.cut.parts;
  refused("places of another proof", crossed);
  crossed = a;
  crossed.constant.bytes[31] ^= 1;
  refused("another constant", crossed);
  crossed = a;
  crossed.cut.parts.back().bytes[40] ^= 1;
  refused("a changed place", crossed);
  const auto done = arena.proofs().prove(able->circuit, a, {}, {});
  ASSERT_TRUE(done) << "what was refused before keeps nobody from showing the proof: " << done.error().text;
  std::printf("small model: %llu transactions, %llu gas\n", static_cast<unsigned long long>(done->transactions),
              static_cast<unsigned long long>(done->gas));
}

TEST(Proofs, subject_is_the_same_with_and_without_a_ledger) {
  auto& arena = Arena::shared();
  const auto able = market::provable(arena.model.program);
  ASSERT_TRUE(able);
  const auto here = market::proof_subject(able->circuit, 0, {}), there = arena.proofs().subject(able->circuit, 0, {});
  ASSERT_TRUE(here && there);
  EXPECT_EQ(*here, *there);
}

/// Anyone may send parts of a session, cut as they like: the provider goes on from there.
TEST(Proofs, stranger_who_opens_one_place_of_a_session_keeps_nobody_from_proving) {
  auto& arena = Arena::shared();
  const auto able = market::provable(arena.model.program);
  ASSERT_TRUE(able);
  const auto mine = shown_of(arena.model, 9, 1);
  auto theirs = mine;
  const auto part = [&](std::size_t from, std::size_t to) {
    auto bytes = trust::proof::cut_part(able->circuit.layout, mine.argument, mine.places, from, to);
    KOINON_INVARIANT(bytes.has_value());
    return trust::proof::CutProof::Part{to, std::move(*bytes)};
  };
  theirs.cut.parts = {part(0, 1), part(1, mine.places.size())};
  std::stop_source enough;
  const auto stranger = arena.world.provider(1).node->proofs()->prove(
      able->circuit, theirs,
      [&](std::uint64_t done, std::uint64_t, std::uint64_t) {
        if (done == 2) enough.request_stop();
      },
      enough.get_token());
  ASSERT_FALSE(stranger);
  ASSERT_EQ(stranger.error().code, base::Code::cancelled) << stranger.error().text;
  const auto done = arena.proofs().prove(able->circuit, mine, {}, {});
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->transactions, mine.cut.parts.size() + able->circuit.tape.size() + 1) << "all but begin()";
  // Another proof of the same run: what it shows is recorded already, which is no error.
  const auto again = arena.proofs().prove(able->circuit, shown_of(arena.model, 9, 2), {}, {});
  EXPECT_TRUE(again) << again.error().text;
}

}  // namespace
}  // namespace koinon::test::e2e
