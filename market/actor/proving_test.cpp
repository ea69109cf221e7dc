// What a buyer's node says of proofs.
#include <gtest/gtest.h>

#include <chrono>

#include "engine/program/builder.hpp"
#include "engine/run/roots.hpp"
#include "market/actor/proofs.hpp"

namespace koinon::market {
namespace {

using base::Code;
using engine::program::Builder;
using engine::program::Program;
using engine::program::Ref;
using engine::tensor::DType;
using engine::tensor::IntTensor;

IntTensor counting(DType dtype, engine::tensor::Shape shape, std::int64_t from) {
  auto out = IntTensor::zeros(dtype, std::move(shape));
  for (std::int64_t i = 0; i < out.size(); ++i) out.set(i, (from + 37 * i) % 101 - 50);
  return out;
}

/// y = W x over eight inputs, W of `seed`.
Program linear(std::int64_t seed) {
  Builder b;
  const Ref x = b.input("x", {DType::i8, {1, 8}}, {}, -127, 127);
  b.output("y", b.matmul(x, b.weight(counting(DType::i8, {4, 8}, seed))), {});
  auto program = b.finish({"linear", "", "", ""});
  KOINON_INVARIANT(program.has_value());
  return std::move(*program);
}

struct Proven {
  work::Disputable job;
  Hash output_root;
  base::Bytes bytes;
};

Proven prove(std::int64_t weights, std::int64_t input, trust::proof::Secrecy secrecy = {}) {
  Proven out;
  out.job.program = std::make_shared<Program>(linear(weights));
  out.job.inputs = {counting(DType::i8, {1, 8}, input)};
  base::SeededRandom random(9);
  trust::proof::ProveOptions options;
  options.secrecy = secrecy;
  const auto proof = trust::proof::prove(*out.job.program, out.job.inputs, options, random);
  KOINON_INVARIANT(proof.has_value());
  out.output_root = engine::run::output_root(proof->outputs);
  out.bytes = trust::proof::encode_proof(*proof);
  return out;
}

Code refusal(const work::Disputable& job, const Hash& output_root, base::ByteView bytes) {
  const auto seen = check_proof(job, output_root, bytes);
  EXPECT_FALSE(seen);
  return seen ? Code::conflict : seen.error().code;
}

TEST(CheckProof, accepts_a_proof_of_the_claim) {
  const auto p = prove(3, 5);
  const auto seen = check_proof(p.job, p.output_root, p.bytes);
  ASSERT_TRUE(seen) << seen.error().text;
  EXPECT_EQ(engine::run::output_root(seen->outputs), p.output_root);
}

TEST(CheckProof, refuses_a_proof_of_another_claim_input_or_program) {
  const auto p = prove(3, 5), other_input = prove(3, 6), other_program = prove(4, 5);
  EXPECT_EQ(refusal(p.job, other_input.output_root, p.bytes), Code::rejected) << "a false claim with a proof of the truth";
  EXPECT_EQ(refusal(p.job, other_input.output_root, other_input.bytes), Code::rejected) << "a proof of another input";
  EXPECT_EQ(refusal(p.job, other_program.output_root, other_program.bytes), Code::rejected) << "a proof of another program";
}

TEST(CheckProof, refuses_a_proof_that_hides_what_the_order_does_not_hide) {
  for (const trust::proof::Secrecy secrecy : {trust::proof::Secrecy{true, false}, trust::proof::Secrecy{false, true}}) {
    const auto p = prove(3, 5, secrecy);
    EXPECT_EQ(refusal(p.job, p.output_root, p.bytes), Code::rejected);
  }
}

TEST(CheckProof, refuses_no_proof_a_cut_one_and_one_with_any_byte_changed) {
  const auto p = prove(3, 5);
  EXPECT_FALSE(check_proof(p.job, p.output_root, {}));
  EXPECT_FALSE(check_proof(p.job, p.output_root, base::ByteView(p.bytes).first(p.bytes.size() - 1)));
  for (std::size_t at = 0; at < p.bytes.size(); at += p.bytes.size() / 97) {
    auto changed = p.bytes;
    changed[at] ^= 1;
    EXPECT_FALSE(check_proof(p.job, p.output_root, changed)) << "byte " << at;
  }
}

TEST(Provable, says_what_a_proof_takes_and_what_cannot_be_proved) {
  const auto able = provable(linear(3));
  ASSERT_TRUE(able) << able.error().text;
  EXPECT_GT(able->cost.bytes, 1'000U);
  EXPECT_FALSE(able->circuit.parts.empty());
  auto bare = linear(3);
  for (auto& weight : bare.weights) weight.data.clear();
  const auto refused = provable(bare);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unsupported);
}

/// A few steps ask for far more than there is: nothing of it may be built.
TEST(Provable, refuses_a_small_program_of_a_huge_circuit_before_it_is_built) {
  Builder b;
  const Ref x = b.input("x", {DType::i8, {1, 1}}, {}, -127, 127);
  const Ref wide = b.broadcast(x, {1 << 14, 1 << 14});
  const Ref many =
      b.requantise(wide, b.weight(counting(DType::i16, {1}, 60)), b.weight(counting(DType::i8, {1}, 55)), -100, 100, DType::i8);
  b.output("y", b.reduce(many, engine::program::ReduceParams::axes(engine::program::ReduceOp::max, {1 << 14, 1 << 14}, {0, 1})),
           {});
  auto program = b.finish({"wide", "", "", ""});
  ASSERT_TRUE(program) << program.error().text;
  const auto begun = std::chrono::steady_clock::now();
  const auto refused = provable(*program);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unsupported);
  EXPECT_NE(refused.error().text.find("numbers"), std::string::npos) << refused.error().text;
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(1));
}

TEST(ProvesInTime, compares_the_cost_with_the_time_that_is_left) {
  trust::proof::Cost cost;
  cost.cpu_seconds = 300;
  EXPECT_TRUE(proves_in_time(cost, 10, 30'000));
  EXPECT_TRUE(proves_in_time(cost, 0, 300'000));
  for (const std::int64_t left : {std::int64_t{29'999}, std::int64_t{0}, std::int64_t{-5'000}}) {
    const auto late = proves_in_time(cost, 10, left);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, Code::exhausted) << "so the claim is that it was not served";
  }
}

}  // namespace
}  // namespace koinon::market
