#include "work/inference/inference.hpp"

#include <gtest/gtest.h>

#include "engine/program/builder.hpp"
#include "work/parcel.hpp"

namespace koinon::work {
namespace {

using engine::program::Builder;
using engine::program::Program;
using engine::tensor::DType;
using engine::tensor::IntTensor;

/// y = a + b over two inputs of four bytes each, within [-10, 10].
Program adder() {
  Builder b;
  const auto x = b.input("x", {DType::i8, {4}}, {}, -10, 10);
  const auto y = b.input("y", {DType::i8, {4}}, {}, -10, 10);
  b.output("sum", b.add(x, y), {});
  return b.finish({"adder", "", "", ""}).value();
}

Job job() {
  const auto program = adder();
  return {engine::program::program_id(program), engine::program::encode(program), {{1, 2, 3, 4}, {5, 5, 5, 5}}};
}

TEST(Inference, runs_the_program_that_the_spec_names) {
  const auto outcome = Inference().run(job(), {}).value();
  ASSERT_EQ(outcome.outputs.size(), 1U);
  const auto program = adder();
  const auto tensors = output_tensors(program, outcome.outputs).value();
  EXPECT_EQ(tensors[0].at(0), 6);
  EXPECT_EQ(tensors[0].at(3), 9);
  EXPECT_EQ(outcome.roots.output, outputs_root(outcome.outputs));
  EXPECT_FALSE(outcome.roots.witness.is_zero());
  EXPECT_EQ(outcome.meter.steps, program.steps.size());
}

TEST(Inference, gives_the_same_roots_again_and_others_for_another_input) {
  const Inference kind;
  const auto first = kind.run(job(), {}).value();
  EXPECT_EQ(kind.run(job(), {}).value().roots, first.roots);
  auto other = job();
  other.inputs[0][0] = 2;
  EXPECT_NE(kind.run(other, {}).value().roots.witness, first.roots.witness);
}

TEST(Inference, blames_the_buyer_for_what_the_buyer_sent) {
  const Inference kind;
  auto wrong = job();
  wrong.inputs.pop_back();
  EXPECT_EQ(kind.run(wrong, {}).error().code, base::Code::rejected);
  wrong = job();
  wrong.inputs[0].push_back(0);
  EXPECT_EQ(kind.run(wrong, {}).error().code, base::Code::rejected);
  wrong = job();
  wrong.inputs[0][0] = 11;  // outside the program's range
  EXPECT_EQ(kind.run(wrong, {}).error().code, base::Code::rejected);
}

TEST(Inference, blames_the_buyer_for_another_program_than_ordered) {
  auto wrong = job();
  wrong.spec.bytes[0] ^= 1;
  EXPECT_EQ(Inference().run(wrong, {}).error().code, base::Code::rejected);
  wrong = job();
  wrong.artifact.resize(wrong.artifact.size() / 2);
  EXPECT_EQ(Inference().run(wrong, {}).error().code, base::Code::rejected);
}

TEST(Inference, memory_limit_is_the_providers_own_trouble) {
  EXPECT_EQ(Inference(1).run(job(), {}).error().code, base::Code::exhausted);
}

TEST(KindSet, finds_by_code_and_name_and_refuses_a_code_twice) {
  KindSet kinds;
  ASSERT_TRUE(kinds.add(std::make_unique<Inference>()));
  EXPECT_EQ(kinds.add(std::make_unique<Inference>()).error().code, base::Code::conflict);
  EXPECT_EQ(kinds.find("inference").value(), kinds.find(std::uint8_t{0}).value());
  EXPECT_EQ(kinds.find(std::uint8_t{9}).error().code, base::Code::unsupported);
}

}  // namespace
}  // namespace koinon::work
