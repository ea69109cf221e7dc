#include "engine/program/inner.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.hpp"
#include "engine/program/builder.hpp"

namespace koinon::engine::program {
namespace {

using base::Code;
using testing::ElementsAre;
using testing::HasSubstr;

IntTensor i8(Shape shape, std::int8_t value) {
  return IntTensor::of<std::int8_t>(shape,
                                    std::vector<std::int8_t>(static_cast<std::size_t>(tensor::element_count(shape)), value));
}

Ref input(Builder& b) { return b.input("x", {DType::i8, {1, 4}}, Scale{}, -5, 5); }
Ref weight(Builder& b, Shape shape) { return b.weight(i8(std::move(shape), 3)); }
Ref requantise(Builder& b, Ref x) {
  const Ref m = b.weight(IntTensor::of<std::int16_t>({1}, {9})), s = b.weight(i8({1}, 4));
  return b.requantise(x, m, s, -100, 100, DType::i8);
}

Program finish(Builder& b, Ref output) {
  b.output("y", output, Scale{});
  auto made = b.finish({});
  EXPECT_TRUE(made) << made.error().text;
  return *made;
}

std::vector<int> flags(const Program& program) {
  std::vector<int> out;
  for (const auto& step : program.steps) out.push_back(step.inner ? 1 : 0);
  return out;
}

// x -> matmul -> requantise -> lookup, of which only the last is an output.
Program layer() {
  Builder b;
  const Ref y = requantise(b, b.matmul(input(b), weight(b, {4, 4})));
  return finish(b, b.lookup(y, b.table(i8({201}, 1)), -100));
}

TEST(Inner, sums_that_one_step_reads_are_inner) { EXPECT_THAT(flags(layer()), ElementsAre(1, 1, 0)); }

TEST(Inner, the_constant_is_the_hash_of_its_name) { EXPECT_EQ(kInnerRoot, base::keccak256(base::as_bytes("koinon.inner"))); }

TEST(Inner, what_is_read_twice_is_kept) {
  Builder b;
  const Ref x = input(b);
  const Ref sum = b.add(x, x), twice = b.mul(sum, sum), other = b.sub(twice, x);
  EXPECT_THAT(flags(finish(b, b.add(other, twice))), ElementsAre(0, 0, 1, 0));
}

TEST(Inner, outputs_of_the_program_are_kept) {
  Builder b;
  const Ref sum = b.matmul(input(b), weight(b, {4, 4}));
  b.output("sum", sum, Scale{});
  EXPECT_THAT(flags(finish(b, requantise(b, sum))), ElementsAre(0, 0));
}

TEST(Inner, what_is_not_read_is_kept) {
  Builder b;
  const Ref x = input(b);
  b.add(x, x);
  EXPECT_THAT(flags(finish(b, b.sub(x, x))), ElementsAre(0, 0));
}

TEST(Inner, steps_that_read_many_elements_read_kept_ones) {
  Builder b;
  const Ref x = input(b), w = weight(b, {4, 4});
  const Ref a = requantise(b, b.matmul(x, w)), c = b.shift(b.matmul(a, w), -6, DType::i8);
  const Ref largest = b.argmax(b.shift(c, 0), 1);
  EXPECT_THAT(flags(finish(b, largest)), ElementsAre(1, 0, 1, 1, 0, 0));
}

TEST(Inner, outputs_of_steps_with_two_are_kept) {
  Builder b;
  const Ref x = input(b), two = b.weight(i8({1}, 2));
  const auto [q, r] = b.divide(x, two);
  const Ref alone = b.quotient(b.sub(q, r), two);
  EXPECT_THAT(flags(finish(b, b.add(alone, x))), ElementsAre(0, 1, 1, 0));
}

TEST(Inner, parts_of_one_check_are_bounded) {
  Builder b;
  const Ref start = input(b);
  Ref x = start;
  for (int i = 0; i < 40; ++i) x = b.shift(x, 0);
  const auto seen = flags(finish(b, x));
  // Each 24th is kept, and the last, which is the output.
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], i == 23 || i == 39 ? 0 : 1) << i;
}

TEST(Inner, parts_are_counted_over_all_operands) {
  Builder b;
  const Ref start = input(b);
  const auto moved = [&](int times) {
    Ref x = start;
    for (int i = 0; i < times; ++i) x = b.shift(x, 0);
    return x;
  };
  // 12 + 11 + the reader are 24; 12 + 12 + the reader are 25, of which the second operand is kept.
  const Ref a = moved(12), c = moved(11), full = b.add(a, c);
  const Ref d = moved(12), e = moved(12), over = b.add(d, e);
  b.output("full", full, Scale{});
  const auto seen = flags(finish(b, over));
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], i == 23 || i == 47 || i == 48 ? 0 : 1) << i;
}

TEST(Inner, sums_of_one_check_are_bounded) {
  Builder b;
  const Ref x = input(b), w = weight(b, {4, 4});
  std::vector<Ref> sums;
  for (int i = 0; i < 11; ++i) sums.push_back(b.matmul(x, w));
  Ref total = sums[0];
  for (std::size_t i = 1; i < sums.size(); ++i) total = b.add(total, sums[i]);
  // Ten sums and the nine steps that add them are 19 parts; the eleventh is kept.
  const auto seen = flags(finish(b, total));
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], i == 10 || i == 20 ? 0 : 1) << i;
}

TEST(Inner, rows_of_several_sums_are_bounded) {
  const auto both = [](std::int64_t k) {
    Builder b;
    const Ref x = b.input("x", {DType::i8, {1, k}}, Scale{}, -1, 1), w = b.weight(i8({1, k}, 1));
    const Ref p = b.matmul(x, w), q = b.matmul(x, w);
    return flags(finish(b, b.add(p, q)));
  };
  EXPECT_THAT(both(10240), ElementsAre(1, 1, 0));
  EXPECT_THAT(both(10241), ElementsAre(1, 0, 0)) << "one long sum is inner by itself";
}

// What a pointwise convolution gives, requantised, and read by a window of `size` x `size` a channel.
std::vector<int> depthwise(std::int64_t channels, std::int64_t size) {
  Builder b;
  const Ref x = b.input("x", {DType::i8, {1, 6, 6, channels}}, Scale{}, -5, 5);
  const Ref point = requantise(b, b.conv(x, weight(b, {channels, 1, 1, channels}), {1, {1, 1}, {1, 1}, {0, 0}, {0, 0}}));
  const Ref depth = b.conv(point, weight(b, {channels, size, size, 1}), {channels, {1, 1}, {1, 1}, {0, 0}, {0, 0}});
  return flags(finish(b, requantise(b, depth)));
}

TEST(Inner, small_windows_of_one_channel_read_inner_values) {
  EXPECT_THAT(depthwise(8, 3), ElementsAre(1, 1, 1, 0));
  EXPECT_THAT(depthwise(8, 4), ElementsAre(1, 0, 1, 0)) << "16 elements of two parts each";
}

TEST(Inner, small_windows_of_a_reduction_read_inner_values) {
  const auto pooled = [](std::int64_t size) {
    Builder b;
    const Ref x = b.input("x", {DType::i8, {1, 6, 6, 8}}, Scale{}, -5, 5), y = b.shift(b.add(x, x), 1);
    return flags(
        finish(b, b.reduce(y, {ReduceOp::max, {1, size, size, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}, {0, 0, 0, 0}, {0, 0, 0, 0}})));
  };
  EXPECT_THAT(pooled(3), ElementsAre(1, 1, 0));
  EXPECT_THAT(pooled(4), ElementsAre(1, 0, 0));
}

TEST(Inner, windows_over_many_channels_read_kept_values) {
  Builder b;
  const Ref x = b.input("x", {DType::i8, {1, 6, 6, 4}}, Scale{}, -5, 5), y = b.shift(x, 0);
  EXPECT_THAT(flags(finish(b, b.conv(y, weight(b, {4, 2, 2, 2}), {2, {1, 1}, {1, 1}, {0, 0}, {0, 0}}))), ElementsAre(0, 0));
}

TEST(Inner, what_is_repeated_is_kept) {
  Builder b;
  const Ref x = input(b), rows = b.matmul(x, weight(b, {4, 4})), alone = b.shift(b.slice(rows, {0, 1}, {1, 1}, {1, 1}), 1);
  EXPECT_THAT(flags(finish(b, b.add(x, alone))), ElementsAre(1, 1, 0, 0)) << "one element for four";
}

TEST(Inner, what_is_padded_or_joined_is_inner) {
  Builder b;
  const Ref x = input(b), p = b.shift(x, 1, DType::i8), q = b.pad(b.shift(x, 2, DType::i8), {0, 1}, {0, 1}, 7);
  EXPECT_THAT(flags(finish(b, b.concat({p, q}, 1))), ElementsAre(1, 1, 1, 0));
}

TEST(Inner, tables_and_indices_are_kept) {
  Builder b;
  const Ref x = input(b), largest = b.argmax(x, 1);
  const Ref index = b.shift(largest, 0), rows = b.shift(x, 1);
  EXPECT_THAT(flags(finish(b, b.gather(rows, index, 1))), ElementsAre(0, 0, 1, 0)) << "of a gather the rows are inner";
}

TEST(Inner, the_flag_is_the_upper_bit_of_the_kind) {
  const auto program = layer();
  EXPECT_EQ(encode_step(program.steps[0])[0], 0x81);
  EXPECT_EQ(encode_step(program.steps[1])[0], 0x86);
  EXPECT_EQ(encode_step(program.steps[2])[0], 0x07);
  EXPECT_EQ(decode(encode(program)).value(), program);
  EXPECT_THAT(inner_values(program), ElementsAre(false, true, true, false));
}

TEST(Inner, a_program_with_other_flags_is_refused) {
  for (std::size_t i = 0; i < 3; ++i) {
    auto program = layer();
    program.steps[i].inner = !program.steps[i].inner;
    const auto refused = decode(encode(program));
    ASSERT_FALSE(refused) << i;
    EXPECT_EQ(refused.error().code, Code::malformed);
    EXPECT_THAT(refused.error().text, HasSubstr(i == 2 ? "step 2: [lookup] is marked as inner: kept expected" : "as kept"));
  }
}

TEST(Inner, a_file_of_the_first_version_is_refused_with_advice) {
  auto bytes = encode(layer());
  bytes[8] = 1;
  const auto refused = decode(bytes);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unsupported);
  EXPECT_THAT(refused.error().text, HasSubstr("format version 1: 2 expected; build the model again"));
}

}  // namespace
}  // namespace koinon::engine::program
