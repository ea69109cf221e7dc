#include "trust/proof/refresh.hpp"

#include <gtest/gtest.h>

#include <bit>

#include "trust/proof/proof_fixture.hpp"

namespace koinon::trust::proof {
namespace {

constexpr Secrecy kHidden{true, false};

struct Refreshed {
  Program program = dense_network();
  base::SeededRandom random{61};
  WeightCommitment from = commit(), to = commit();

  WeightCommitment commit() {
    auto made = commit_weights(program, kHidden, random, nullptr);
    KOINON_INVARIANT(made.has_value());
    return std::move(*made);
  }
  base::Result<RefreshProof> prove() { return prove_refresh(program, kHidden, from, to, random, nullptr); }
  [[nodiscard]] base::Status verify(const RefreshProof& proof) const {
    return verify_refresh(public_description(program, kHidden), proof);
  }
};

TEST(Refresh, shows_that_two_commitments_hold_the_same_weights) {
  Refreshed r;
  const auto proof = r.prove();
  ASSERT_TRUE(proof) << proof.error().text;
  EXPECT_NE(proof->from, proof->to);
  const auto verdict = r.verify(*proof);
  EXPECT_TRUE(verdict) << verdict.error().text;
  EXPECT_EQ(r.from.proofs, 1U);
  EXPECT_EQ(r.to.proofs, 1U);
  const auto again = decode_refresh(encode_refresh(*proof));
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(*again, *proof);
  // A proof under the new commitment speaks of the same program.
  const auto next = trust::proof::prove(r.program, random_input(r.program, 3), {kHidden, nullptr, &r.to}, r.random);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->weight_root, proof->to);
  EXPECT_TRUE(verify(public_description(r.program, kHidden), *next));
}

TEST(Refresh, of_other_weights_is_refused) {
  Refreshed r;
  auto other = r.program;
  other.weights[0].data[3] ^= 1;  // the id follows from roots, which stay
  auto made = commit_weights(other, kHidden, r.random, nullptr);
  ASSERT_TRUE(made);
  made->program_id = r.from.program_id;
  r.to = std::move(*made);
  const auto honest = r.prove();
  ASSERT_FALSE(honest);
  EXPECT_EQ(honest.error().code, base::Code::invalid_argument);
}

TEST(Refresh, with_any_field_changed_is_refused) {
  Refreshed r;
  const auto good = r.prove();
  ASSERT_TRUE(good);
  const auto refused = [&](const char* what, const std::function<void(RefreshProof&)>& change) {
    auto bad = *good;
    change(bad);
    EXPECT_FALSE(r.verify(bad)) << what;
  };
  const Ext one(Fp(1));
  refused("program", [](auto& p) { p.program_id.bytes[0] ^= 1; });
  refused("public weights", [](auto& p) { p.secrecy.weights = false; });
  refused("from", [](auto& p) { p.from.bytes[0] ^= 1; });
  refused("to", [](auto& p) { p.to.bytes[31] ^= 1; });
  refused("the same", [](auto& p) { p.to = p.from; });
  refused("the other way", [](auto& p) { std::swap(p.from, p.to); });
  refused("revealed", [](auto& p) { p.revealed[0][0] ^= 1; });
  refused("revealed less", [](auto& p) { p.revealed.pop_back(); });
  refused("auxiliary", [](auto& p) { p.auxiliary_root.bytes[5] ^= 1; });
  refused("mask", [&](auto& p) { p.opening.mask_sum += one; });
  refused("round", [&](auto& p) { p.opening.product_rounds[0][1] += one; });
  refused("column", [&](auto& p) { p.opening.columns[0] += one; });
  refused("layer", [](auto& p) { p.opening.layer_roots[0].bytes[0] ^= 1; });
  refused("fold", [&](auto& p) { p.opening.fold_rounds[1][0] += one; });
  refused("last", [&](auto& p) { p.opening.last[0] += one; });
  refused("nonce", [](auto& p) { ++p.opening.nonce; });
  refused("row", [](auto& p) { p.opening.oracles[1].rows[0].symbols[0] += Fp(1); });
  refused("oracles", [](auto& p) { p.opening.oracles.pop_back(); });
}

TEST(Refresh, counts_as_a_proof_of_both_commitments) {
  Refreshed r;
  r.from.proofs = kProofsPerCommitment;
  const auto none = r.prove();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, base::Code::exhausted);
  r.from.proofs = kProofsPerCommitment - 1;
  EXPECT_TRUE(r.prove());
  EXPECT_EQ(r.from.proofs, kProofsPerCommitment);
}

/// A prover that follows section 8.1 without looking at the weights.
RefreshProof forge_refresh(const Refreshed& r, const WeightCommitment& to, base::Random& random) {
  const auto layout = cost(r.program, kHidden)->layout;
  const std::size_t rows = layout.params.rows(), columns = layout.weight_columns();
  RefreshProof out{r.from.program_id, kHidden, r.from.root(), to.root(), {}, {}, {}};
  const auto hidden = hidden_weights(r.program);
  for (std::size_t i = 0; i < hidden.size(); ++i)
    if (!hidden[i]) out.revealed.push_back(r.program.weights[i].data);
  std::vector<Fp> masks(kMaskColumns * rows);
  fill_random(random, masks);
  const Oracle auxiliary(OracleKind::auxiliary, Encoder(layout.params.rows_log, kRateLog), masks, random, nullptr);
  out.auxiliary_root = auxiliary.root();
  Transcript transcript("koinon.refresh.1");
  transcript.absorb("program", out.program_id.view());
  base::Bytes sizes;
  for (const std::uint64_t number : {std::uint64_t{layout.params.rows_log}, std::uint64_t{112}, std::uint64_t{12},
                                     std::uint64_t{128}, std::uint64_t{1024}, std::uint64_t{layout.weight_cells}})
    for (const auto byte : base::be64(number)) sizes.push_back(byte);
  transcript.absorb("sizes", sizes);
  transcript.absorb("from", out.from.view());
  transcript.absorb("to", out.to.view());
  transcript.absorb("auxiliary", out.auxiliary_root.view());
  const auto log = static_cast<std::size_t>(std::bit_width(layout.weight_cells - 1));
  const auto eq = eq_table(transcript.challenges("zeta", log));
  std::vector<Ext> weights((2 * columns + kMaskColumns) * rows);
  for (std::size_t i = 0; i < layout.weight_cells; ++i) {
    const std::size_t data = rows - 1024, place = i / data * rows + i % data;
    weights[place] = eq[i];
    weights[columns * rows + place] = -eq[i];
  }
  const std::array<const Oracle*, 3> oracles{&r.from.oracle, &to.oracle, &auxiliary};
  auto opening = prove_opening(layout.params, oracles, weights, transcript, nullptr);
  KOINON_INVARIANT(opening.has_value());
  out.opening = std::move(*opening);
  return out;
}

TEST(Refresh, forged_for_other_weights_is_refused) {
  Refreshed r;
  EXPECT_TRUE(r.verify(forge_refresh(r, r.to, r.random))) << "honest, so the forger follows the specification";
  for (const std::size_t weight : {std::size_t{0}, std::size_t{1}}) {
    auto other = r.program;
    other.weights[weight].data.back() ^= 1;
    const auto made = commit_weights(other, kHidden, r.random, nullptr);
    ASSERT_TRUE(made);
    EXPECT_FALSE(r.verify(forge_refresh(r, *made, r.random))) << "weight " << weight;
  }
}

}  // namespace
}  // namespace koinon::trust::proof
