#include "work/inference/inference.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

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

TEST(Inference, names_the_program_of_an_order_whose_input_it_does_not_take) {
  const Inference kind;
  auto wrong = job();
  wrong.inputs[0].push_back(0);
  EXPECT_EQ(kind.disputable(wrong).error().code, base::Code::rejected);
  const auto program = kind.disputable_program(wrong);
  ASSERT_TRUE(program) << program.error().text;
  EXPECT_EQ(engine::program::program_id(**program), wrong.spec);
  EXPECT_TRUE(kind.disputable(job()));
  wrong.spec.bytes[0] ^= 1;
  EXPECT_EQ(kind.disputable_program(wrong).error().code, base::Code::rejected);
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

/// y = x + n: as many programs as one likes.
Job plus(std::int8_t n) {
  Builder b;
  const auto x = b.input("x", {DType::i8, {2}}, {}, -10, 10);
  b.output("y", b.add(x, b.weight(IntTensor::of<std::int8_t>({2}, {n, n}))), {});
  const auto program = b.finish({"plus", "", "", ""}).value();
  return {engine::program::program_id(program), engine::program::encode(program), {{1, 2}}};
}

/// True when a program is ready without its artifact.
bool kept(const Inference& kind, Job job) {
  job.artifact.clear();
  return kind.run(job, {}).has_value();
}

TEST(Inference, keeps_programs_ready_up_to_a_limit) {
  const Inference none(std::uint64_t{1} << 30, 0), all;
  for (const Inference* kind : {&none, &all}) {
    EXPECT_FALSE(kept(*kind, plus(1)));
    ASSERT_TRUE(kind->run(plus(1), {}));
    ASSERT_TRUE(kind->run(plus(1), {}));
  }
  EXPECT_FALSE(kept(none, plus(1)));
  EXPECT_TRUE(kept(all, plus(1)));
}

TEST(Inference, lets_the_programs_go_that_were_used_longest_ago) {
  const Inference kind(std::uint64_t{1} << 30, 400);
  for (std::int8_t n = 0; n < 10; ++n) {
    ASSERT_TRUE(kind.run(plus(n), {}));
    ASSERT_TRUE(kept(kind, plus(0))) << "program " << int{n};  // it is used again and again
    ASSERT_TRUE(kept(kind, plus(n)));
  }
  EXPECT_FALSE(kept(kind, plus(1)));
}

TEST(Inference, serves_orders_at_the_same_time) {
  const Inference kind(std::uint64_t{1} << 30, 400);
  const auto want = Inference().run(plus(3), {}).value().roots;
  std::vector<std::jthread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const auto n = static_cast<std::int8_t>(i % 4 == 0 ? 3 : t + i % 5);
        const auto outcome = kind.run(plus(n), {});
        if (outcome && (n != 3 || outcome->roots == want)) ++right;
      }
    });
  threads.clear();
  EXPECT_EQ(right, 80);
}

TEST(Inference, a_wrong_artifact_is_not_kept) {
  const Inference kind;
  auto wrong = plus(1);
  wrong.artifact.resize(9);
  EXPECT_EQ(kind.run(wrong, {}).error().code, base::Code::rejected);
  EXPECT_TRUE(kind.run(plus(1), {}));
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
