#include "trust/proof/prove.hpp"

#include <gtest/gtest.h>

#include "engine/program/builder.hpp"
#include "trust/proof/bound.hpp"
#include "trust/proof/proof_fixture.hpp"
#include "trust/proof/statement.hpp"

namespace koinon::trust::proof {
namespace {

TEST(Prove, proves_a_dense_network_with_public_weights) {
  const auto program = dense_network();
  base::SeededRandom random(1);
  const auto input = random_input(program, 5);
  const auto proof = prove(program, input, {}, random);
  ASSERT_TRUE(proof) << proof.error().text;
  const auto verdict = verify(program, *proof);
  EXPECT_TRUE(verdict) << verdict.error().text;
}

TEST(Prove, proves_every_secrecy_of_every_sample_program) {
  base::SeededRandom random(2);
  for (const auto& [name, program] : sample_programs())
    for (const auto secrecy : {Secrecy{false, false}, Secrecy{true, false}, Secrecy{false, true}, Secrecy{true, true}}) {
      const auto input = random_input(program, 6);
      const auto proof = prove(program, input, {.secrecy = secrecy}, random);
      ASSERT_TRUE(proof) << name << ": " << proof.error().text;
      const auto verdict = verify(public_description(program, secrecy), *proof);
      EXPECT_TRUE(verdict) << name << ": " << verdict.error().text;
      EXPECT_EQ(proof->inputs.empty(), secrecy.input);
      const auto again = decode_proof(encode_proof(*proof));
      ASSERT_TRUE(again) << again.error().text;
      EXPECT_EQ(*again, *proof);
    }
}

TEST(Prove, is_the_same_for_any_number_of_threads) {
  const auto program = convolutional_network();
  base::ThreadPool pool(3);
  base::SeededRandom one(4), two(4);
  const auto input = random_input(program, 8);
  const auto alone = prove(program, input, {.secrecy = {true, true}}, one);
  const auto together = prove(program, input, {.secrecy = {true, true}, .pool = &pool}, two);
  ASSERT_TRUE(alone && together);
  EXPECT_EQ(encode_proof(*alone), encode_proof(*together));
}

TEST(Prove, a_weight_commitment_makes_eight_proofs_and_no_more) {
  const auto program = dense_network();
  base::SeededRandom random(9);
  auto weights = commit_weights(program, {true, false}, random, nullptr);
  ASSERT_TRUE(weights);
  const ProveOptions options{.secrecy = {true, false}, .weights = &*weights};
  for (std::uint32_t i = 0; i < kProofsPerCommitment; ++i) {
    const auto proof = prove(program, random_input(program, i), options, random);
    ASSERT_TRUE(proof);
    EXPECT_EQ(proof->weight_root, weights->root());
  }
  const auto ninth = prove(program, random_input(program, 9), options, random);
  ASSERT_FALSE(ninth);
  EXPECT_EQ(ninth.error().code, base::Code::exhausted);
  weights->proofs = 0;
  EXPECT_FALSE(prove(convolutional_network(), random_input(convolutional_network(), 1), options, random));
}

TEST(Prove, refuses_what_it_cannot_prove_and_says_so) {
  base::SeededRandom random(1);
  auto hidden = public_description(dense_network(), {true, false});
  EXPECT_EQ(prove(hidden, random_input(hidden, 1), {}, random).error().code, base::Code::invalid_argument);
  auto outside = random_input(dense_network(), 1);
  outside[0].set(0, -128);
  EXPECT_EQ(prove(dense_network(), outside, {}, random).error().code, base::Code::out_of_range);
}

TEST(Prove, tells_its_stages_and_ends_between_them_when_asked) {
  const auto program = dense_network();
  base::SeededRandom random(5);
  std::vector<std::string> stages;
  ProveOptions options;
  options.watch.tell = [&](std::string_view stage) { stages.emplace_back(stage); };
  ASSERT_TRUE(prove(program, random_input(program, 1), options, random));
  ASSERT_GE(stages.size(), 5U);
  options.watch.tell = {};
  for (std::size_t last = 0; last < stages.size(); ++last) {
    std::size_t asked = 0;
    options.watch.ended = [&] { return asked++ == last; };
    const auto ended = prove(program, random_input(program, 1), options, random);
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code, base::Code::cancelled);
    EXPECT_NE(ended.error().text.find(stages[last]), std::string::npos);
  }
}

/// High bits of many field elements are uniform: chi-square over eight classes, far beyond chance at 60.
void expect_uniform(const std::vector<Fp>& values, const char* what) {
  std::array<double, 8> counts{};
  for (const auto v : values) counts[v.v >> 61] += 1;
  const double expected = static_cast<double>(values.size()) / 8;
  double chi = 0;
  for (const auto count : counts) chi += (count - expected) * (count - expected) / expected;
  EXPECT_LT(chi, 60) << what << ", " << values.size() << " values";
}

// What the simulator of docs/trust/proof.md, section 8, draws uniformly, an honest prover's messages show as uniform, though
// every cell of this run is small.
TEST(Prove, messages_look_like_the_simulators) {
  const auto program = dense_network();
  base::SeededRandom random(21);
  std::map<std::string, std::vector<Fp>> seen;
  const auto note = [&](const std::string& what, const Ext& v) { seen[what].insert(seen[what].end(), v.c.begin(), v.c.end()); };
  for (int i = 0; i < 24; ++i) {
    const auto proof = prove(program, random_input(program, 1), {.secrecy = {true, true}}, random);
    ASSERT_TRUE(proof);
    const auto& a = proof->argument;
    const auto sumcheck = [&](const std::string& what, const SumcheckProof& s) {
      note(what + ".total", s.total);
      for (const auto& message : s.messages) note(what + ".message", message);
      for (const auto& value : s.values) note(what + ".value", value);
      note(what + ".mask", s.mask);
    };
    sumcheck("rows", a.rows);
    for (const auto& form : a.forms) sumcheck("form", form);
    note("mask_sum", a.opening.mask_sum);
    for (const auto& round : a.opening.product_rounds)
      for (const auto& v : round) note("product", v);
    for (const auto& v : a.opening.columns) note("columns", v);
    for (const auto& v : a.opening.last) note("last", v);
    for (const auto& oracle : a.opening.oracles)
      for (const auto& row : oracle.rows) seen["symbols"].insert(seen["symbols"].end(), row.symbols.begin(), row.symbols.end());
  }
  for (const auto& [what, values] : seen) expect_uniform(values, what.c_str());
}

TEST(MostNumbers, bounds_what_every_kind_of_step_builds) {
  for (const auto& [name, program] : sample_programs())
    for (const Secrecy secrecy : {Secrecy{}, Secrecy{false, true}, Secrecy{true, false}, Secrecy{true, true}}) {
      const auto circuit = sized_circuit(public_view(program, secrecy), secrecy, false);
      ASSERT_TRUE(circuit) << name;
      std::size_t others = circuit->entries() + 9 + 3 * mask_size(3, circuit->rows_log());  // tables and random cells
      for (const auto& form : circuit->bilinears()) others += 9 + 3 * mask_size(2, form.inner_log());
      EXPECT_GE(most_numbers(program, secrecy) + static_cast<double>(others), static_cast<double>(circuit->values().size()))
          << name;
    }
}

}  // namespace
}  // namespace koinon::trust::proof
