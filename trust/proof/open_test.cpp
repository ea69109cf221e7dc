#include "trust/proof/open.hpp"

#include <gtest/gtest.h>

#include "trust/proof/multilinear.hpp"
#include "trust/proof/open_common.hpp"

namespace koinon::trust::proof {
namespace {

/// Two oracles of random columns, random weights, and the honest sum.
struct Opened {
  Params params{.rows_log = 8, .queries = 40, .work_bits = 4, .pads = 64, .weight_pads = 64};
  base::SeededRandom random{7};
  Oracle witness, auxiliary;
  std::vector<Ext> weights;
  Ext sum;

  Opened() {
    const Encoder encoder(params.rows_log, kRateLog);
    const std::size_t rows = params.rows();
    std::vector<Fp> a(3 * rows), b((2 + kMaskColumns) * rows);
    fill_random(random, a);
    fill_random(random, b);
    witness = Oracle(OracleKind::witness, encoder, a, random, nullptr);
    auxiliary = Oracle(OracleKind::auxiliary, encoder, b, random, nullptr);
    weights.resize((3 + 2 + kMaskColumns) * rows);
    std::vector<Fp> coordinates(5 * rows * 3);
    fill_random(random, coordinates);
    for (std::size_t i = 0; i < 5 * rows; ++i) {
      weights[i] = Ext(coordinates[3 * i], coordinates[3 * i + 1], coordinates[3 * i + 2]);
      sum += weights[i] * (i < 3 * rows ? a[i] : b[i - 3 * rows]);
    }
  }
  base::Result<OpeningProof> prove() {
    Transcript transcript("test");
    const std::array<const Oracle*, 2> oracles{&witness, &auxiliary};
    return prove_opening(params, oracles, weights, transcript, nullptr);
  }
  base::Status verify(const OpeningProof& proof, const Ext& claimed) const {
    Transcript transcript("test");
    const std::array<OracleClaim, 2> claims{OracleClaim{OracleKind::witness, witness.root(), witness.columns()},
                                            OracleClaim{OracleKind::auxiliary, auxiliary.root(), auxiliary.columns()}};
    return verify_opening(params, claims, weights, claimed, proof, transcript);
  }
};

TEST(Opening, accepts_the_true_sum_and_refuses_another) {
  Opened opened;
  const auto proof = opened.prove();
  ASSERT_TRUE(proof);
  const auto verdict = opened.verify(*proof, opened.sum);
  EXPECT_TRUE(verdict) << verdict.error().text;
  EXPECT_FALSE(opened.verify(*proof, opened.sum + Ext(Fp(1))));
}

template <class F>
void expect_refused(Opened& opened, const OpeningProof& good, const char* field, F&& change) {
  auto bad = good;
  change(bad);
  ASSERT_FALSE(bad == good) << field;
  EXPECT_FALSE(opened.verify(bad, opened.sum)) << field;
}

TEST(Opening, refuses_every_field_mutated) {
  Opened opened;
  const auto proof = opened.prove();
  ASSERT_TRUE(proof);
  const Ext one(Fp(1));
  expect_refused(opened, *proof, "mask_sum", [&](auto& p) { p.mask_sum += one; });
  for (std::size_t i = 0; i < proof->product_rounds.size(); ++i)
    for (std::size_t k = 0; k < 2; ++k)
      expect_refused(opened, *proof, "product_rounds", [&](auto& p) { p.product_rounds[i][k] += one; });
  for (std::size_t i = 0; i < proof->columns.size(); ++i)
    expect_refused(opened, *proof, "columns", [&](auto& p) { p.columns[i] += one; });
  for (std::size_t i = 0; i < proof->layer_roots.size(); ++i)
    expect_refused(opened, *proof, "layer_roots", [&](auto& p) { p.layer_roots[i].bytes[3] ^= 1; });
  for (std::size_t i = 0; i < proof->fold_rounds.size(); ++i)
    for (std::size_t k = 0; k < 2; ++k)
      expect_refused(opened, *proof, "fold_rounds", [&](auto& p) { p.fold_rounds[i][k] += one; });
  for (std::size_t i = 0; i < proof->last.size(); ++i)
    expect_refused(opened, *proof, "last", [&](auto& p) { p.last[i] += one; });
  expect_refused(opened, *proof, "nonce", [&](auto& p) { p.nonce += 1; });
  for (std::size_t o = 0; o < 2; ++o) {
    for (std::size_t i = 0; i < proof->oracles[o].rows.size(); ++i) {
      expect_refused(opened, *proof, "salt", [&](auto& p) { p.oracles[o].rows[i].salt[0] ^= 1; });
      expect_refused(opened, *proof, "symbol", [&](auto& p) { p.oracles[o].rows[i].symbols[1] += Fp(1); });
    }
    expect_refused(opened, *proof, "sibling", [&](auto& p) { p.oracles[o].siblings.back().bytes[0] ^= 1; });
    expect_refused(opened, *proof, "fewer siblings", [&](auto& p) { p.oracles[o].siblings.pop_back(); });
    expect_refused(opened, *proof, "fewer rows", [&](auto& p) { p.oracles[o].rows.pop_back(); });
  }
  for (std::size_t l = 0; l < proof->layers.size(); ++l) {
    expect_refused(opened, *proof, "coset", [&](auto& p) { p.layers[l].cosets[0][1] += one; });
    expect_refused(opened, *proof, "sibling", [&](auto& p) { p.layers[l].siblings[0].bytes[9] ^= 4; });
    expect_refused(opened, *proof, "fewer cosets", [&](auto& p) { p.layers[l].cosets.pop_back(); });
  }
}

// A prover whose word is no code word, but who folds and answers consistently from some layer on: the queries see the seam.
TEST(Opening, refuses_a_layer_far_from_the_code) {
  Opened opened;
  auto proof = opened.prove();
  ASSERT_TRUE(proof);
  for (auto& coset : proof->layers[0].cosets)
    for (auto& value : coset) value += Ext(Fp(5));
  EXPECT_FALSE(opened.verify(*proof, opened.sum));
}

TEST(FoldPlan, leaves_a_short_word) {
  for (unsigned log = kMinRowsLog; log <= kMaxRowsLog; ++log) {
    unsigned left = log;
    for (const auto fold : fold_plan(log)) {
      EXPECT_GE(fold, 1U);
      EXPECT_LE(fold, kFoldLog);
      left -= fold;
    }
    EXPECT_LE(left, kFinalLog);
    EXPECT_GE(left, 1U);
  }
}

}  // namespace
}  // namespace koinon::trust::proof
