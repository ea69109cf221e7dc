// Which steps are done together, and that it changes nothing.
#include <gtest/gtest.h>

#include <random>

#include "engine/program/builder.hpp"
#include "engine/run/prepared.hpp"

namespace koinon::engine::run {
namespace {

using program::Builder;
using program::DType;
using program::Program;
using program::Ref;
using program::Scale;
using tensor::IntTensor;

class Join : public testing::Test {
 protected:
  Ref input(const tensor::Shape& shape) { return b_.input("x", {DType::i8, shape}, Scale{}, -127, 127); }
  Ref sum(Ref x, std::size_t axis) {
    const auto sizes = b_.info(x).shape;
    return b_.reduce(x, program::ReduceParams::axes(program::ReduceOp::sum, sizes, {axis}), DType::i32);
  }
  Ref one(std::int64_t value, DType type) {
    auto out = IntTensor::zeros(type, {1});
    out.set(0, value);
    return b_.weight(out);
  }
  Ref requantise(Ref x, std::int64_t factor, std::int64_t shift, DType type = DType::i8) {
    return b_.requantise(x, one(factor, DType::i16), one(shift, DType::i8), -127, 127, type);
  }
  Ref table() {
    std::vector<std::int8_t> entries(255);
    for (std::size_t i = 0; i < entries.size(); ++i) entries[i] = static_cast<std::int8_t>(i * 37 % 101);
    return b_.table(IntTensor::of<std::int8_t>({255}, entries));
  }
  void output(Ref y) { b_.output("y" + std::to_string(outputs_++), y, Scale{}); }

  // Pieces of work of the program when nothing between its steps is asked. Joined runs, traced or not, must give what the
  // scalar steps one by one give.
  std::size_t pieces() {
    const Program program = b_.finish({}).value();
    std::mt19937 dice(7);
    auto x = IntTensor::zeros(program.inputs[0].info.dtype, program.inputs[0].info.shape);
    for (std::int64_t i = 0; i < x.size(); ++i) x.set(i, static_cast<std::int64_t>(dice() % 255) - 127);
    RunOptions steps;
    steps.force_ref = true;
    const auto want = execute(program, {&x, 1}, steps);
    const auto joined = Prepared::make(program, {}), every = Prepared::make(program, {.isa = {}, .trace = true});
    RunOptions plain;
    plain.trace = false;
    const auto got = joined->run({&x, 1}, plain), traced = every->run({&x, 1}, RunOptions{});
    EXPECT_TRUE(want && got && traced);
    if (!want || !got || !traced) return 0;
    EXPECT_EQ(got->outputs, want->outputs);
    EXPECT_EQ(traced->step_roots, want->step_roots);
    return joined->nodes();
  }

  Builder b_;
  int outputs_ = 0;
};

TEST_F(Join, steps_that_widen_wait_for_what_reads_them) {
  const Ref x = b_.add(input({5, 64}), one(128, DType::i16), DType::i16);
  const Ref wide = b_.shift(x, 20, DType::i64);
  output(requantise(b_.quotient(wide, sum(x, 1)), 3, 9));
  EXPECT_EQ(pieces(), 3U) << "add; sum; shift, divide and requantise";
}

TEST_F(Join, steps_that_widen_are_done_for_each_reader_or_once) {
  const Ref x = b_.add(input({5, 64}), one(128, DType::i16), DType::i16), wide = b_.shift(x, 20, DType::i64);
  const Ref total = sum(x, 1);
  const Ref share = requantise(b_.quotient(wide, total), 3, 9);
  output(b_.quotient(wide, b_.add(sum(share, 1), one(100000, DType::i32), DType::i64)));
  EXPECT_GE(pieces(), 4U);
}

TEST_F(Join, steps_that_widen_for_sums_and_outputs_are_written) {
  const Ref x = input({5, 64}), wide = b_.shift(x, 20, DType::i64), shown = b_.shift(x, 3, DType::i32);
  output(b_.reduce(wide, program::ReduceParams::axes(program::ReduceOp::sum, {5, 64}, {1}), DType::i64));
  output(shown);
  EXPECT_GE(pieces(), 2U);
}

TEST_F(Join, requantising_at_every_shift_keeps_every_bit) {
  const Ref x = input({1, 600}),
            far = b_.mul(b_.mul(x, x, DType::i16), b_.mul(x, one(1033, DType::i16), DType::i32), DType::i32);
  const auto by = [&](std::int64_t factor, std::int64_t shift, std::int64_t low, std::int64_t high, DType type) {
    output(b_.requantise(far, one(factor, DType::i16), one(shift, DType::i8), low, high, type));
  };
  for (std::int64_t shift = 1; shift <= 62; ++shift) by(shift % 2 == 0 ? 32767 : 16385, shift, -30000, 32000, DType::i16);
  by(1, 17, INT32_MIN, INT32_MAX, DType::i32);
  by(32767, 17, INT32_MIN, INT32_MAX, DType::i32);
  EXPECT_GE(pieces(), 1U);
}

TEST_F(Join, choosing_reads_both_sides) {
  const Ref x = input({3, 200}), y = b_.mul(x, one(3, DType::i16), DType::i16);
  output(b_.select(b_.compare(x, one(5, DType::i8), program::CompareOp::less), y, b_.shift(x, 2, DType::i16)));
  EXPECT_EQ(pieces(), 1U);
}

TEST_F(Join, branches_that_meet_are_one_chain) {
  const Ref x = input({1, 400});
  const auto part = [&](std::int64_t i) { return b_.slice(x, {0, 100 * i}, {1, 1}, {1, 100}); };
  const Ref a = b_.lookup(part(0), table(), -127), c = b_.lookup(part(1), table(), -127), d = b_.lookup(part(2), table(), -127);
  const Ref left = requantise(b_.mul(a, c, DType::i16), 5, 10, DType::i32);
  const Ref right = requantise(b_.mul(d, part(3), DType::i16), 7, 11, DType::i32);
  const Ref cell = requantise(b_.add(left, right, DType::i32), 9, 4);
  output(b_.mul(b_.lookup(cell, table(), -127), a, DType::i16));
  EXPECT_EQ(pieces(), 1U);
}

TEST_F(Join, views_of_inner_values_are_traced) {
  // The sum is inner, and its reshaping is read twice: the trace holds the second alone.
  const Ref sum = b_.add(input({4, 6}), one(5, DType::i8), DType::i16), view = b_.reshape(sum, {24});
  output(b_.mul(view, view, DType::i32));
  EXPECT_EQ(pieces(), 1U);
}

TEST_F(Join, views_of_sums_are_traced) {
  const Ref x = input({1, 64}), w = b_.weight(IntTensor::zeros(DType::i8, {32, 64}));
  const Ref view = b_.reshape(b_.matmul(x, w), {4, 8});
  output(requantise(view, 5, 3));
  output(b_.argmax(view, 1));
  EXPECT_GE(pieces(), 3U);
}

TEST_F(Join, inner_views_of_inputs_are_not_traced) {
  const Ref moved = b_.reshape(input({4, 6}), {24});
  output(b_.shift(b_.reshape(moved, {6, 4}), 1, DType::i16));
  EXPECT_EQ(pieces(), 1U);
}

}  // namespace
}  // namespace koinon::engine::run
