#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/codec.hpp"
#include "base/merkle.hpp"
#include "engine/program/builder.hpp"

namespace koinon::engine::program {
namespace {

using base::Code;
using testing::HasSubstr;

constexpr std::int64_t kMillion = 1'000'000;

IntTensor ones(Shape shape, std::int8_t value = 1) {
  return IntTensor::of<std::int8_t>(shape,
                                    std::vector<std::int8_t>(static_cast<std::size_t>(tensor::element_count(shape)), value));
}
IntTensor i16(std::vector<std::int16_t> v) { return IntTensor::of<std::int16_t>({static_cast<std::int64_t>(v.size())}, v); }
IntTensor i8(std::vector<std::int8_t> v) { return IntTensor::of<std::int8_t>({static_cast<std::int64_t>(v.size())}, v); }

// A dense layer with a table behind it: every part of a file is there.
Program dense() {
  Builder b;
  const Ref x = b.input("x", {DType::i8, {1, 4}}, Scale{1, -7}, -127, 127);
  const Ref w = b.weight(IntTensor::of<std::int8_t>({2, 4}, {1, -2, 3, -4, 5, 6, 7, 8}));
  const Ref bias = b.weight(IntTensor::of<std::int32_t>({2}, {100, -100}));
  const Ref acc = b.matmul(x, w, bias);
  const Ref m = b.weight(i16({1000, 2000})), s = b.weight(i8({14}));
  const Ref y = b.requantise(acc, m, s, -8, 7, DType::i8);
  const Ref t = b.lookup(y, b.table(i8({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})), -8);
  b.output("y", t, Scale{3, -5});
  return b.finish({"dense", "Koinon", "Apache-2.0", "two rows"}).value();
}

void expect_refused(Builder& b, Code code, const std::string& text) {
  ASSERT_TRUE(b.error().has_value());
  EXPECT_EQ(b.error()->code, code);
  EXPECT_THAT(b.error()->text, HasSubstr(text));
}

TEST(Program, encodes_and_decodes_to_the_same_bytes) {
  const auto program = dense();
  const auto bytes = encode(program);
  const auto again = decode(bytes);
  ASSERT_TRUE(again.has_value()) << again.error().text;
  EXPECT_EQ(*again, program);
  EXPECT_EQ(encode(*again), bytes);
}

TEST(Program, golden_roots) {
  const auto r = roots(dense());
  EXPECT_EQ(base::to_hex(r.io), "0x1bb8638ae282d14e584bc0486df2091b01cb416d44feeea6ce054982da9ac8e4");
  EXPECT_EQ(base::to_hex(r.steps), "0x2ad330f2360e41115a4e7c3f678bc0160343582d7a669aae83c3bb60d4c9ce42");
  EXPECT_EQ(base::to_hex(r.weights), "0x25086caecb2f810749026a9bfe85ce9ad941ef0db44beaa42ea8fdc8c3f41923");
  EXPECT_EQ(base::to_hex(r.tables), "0x5dd6d2b45e1e069c171e78a9a67fed8f683152951945fd35633d50a0eec784cb");
  EXPECT_EQ(base::to_hex(r.id), "0x34e9d9f6e9d0b570233d60ddbd33d465b30cab9fe97db85ba42569be454fc815");
  EXPECT_EQ(base::to_hex(base::keccak256(encode(dense()))),
            "0xd76baaf9a0ffba699da2cf6b9576bb37d5a67c9bdc808d5959deb1b9ef91267c");
}

TEST(Program, golden_bytes_of_a_step) {
  EXPECT_EQ(base::to_hex(encode_step(dense().steps[1])),
            "0x86030100000003020100000002000000020000400201020000000300004001010100000002000000010102010000000200000002f8ffff"
            "ffffffffff0700000000000000");
}

TEST(Program, id_covers_what_is_computed_and_not_the_metadata) {
  const auto program = dense();
  auto other = program;
  other.metadata.name = "another";
  EXPECT_EQ(program_id(other), program_id(program));
  other = program;
  other.outputs[0].scale.exponent = -4;
  EXPECT_NE(program_id(other), program_id(program));
  other = program;
  other.steps[1].params[0] = -7;
  EXPECT_NE(program_id(other), program_id(program));
}

TEST(Program, hidden_weights_keep_the_id) {
  const auto program = dense();
  const auto open = decode(encode(program, false));
  ASSERT_TRUE(open.has_value()) << open.error().text;
  EXPECT_FALSE(open->has_weights());
  EXPECT_EQ(program_id(*open), program_id(program));
  EXPECT_EQ(analyse(*open).error().code, Code::invalid_argument);
  EXPECT_EQ(encode(*open), encode(program, false));
}

TEST(Program, id_can_be_rebuilt_from_the_five_parts) {
  const auto p = dense();
  std::vector<base::Hash> steps;
  for (const auto& s : p.steps) steps.push_back(base::keccak256(encode_step(s)));
  const auto io = base::keccak256(encode_io(p));
  const auto step_root = base::list_root(base::Domain::steps, steps);
  const auto weights =
      base::list_root(base::Domain::weights, {p.weights[0].root, p.weights[1].root, p.weights[2].root, p.weights[3].root});
  const auto tables = base::list_root(base::Domain::tables, {p.tables[0].root});
  const auto version = base::be64(kFormatVersion);
  EXPECT_EQ(program_id(p), base::keccak256({version, io.view(), step_root.view(), weights.view(), tables.view()}));
}

TEST(Program, refuses_every_truncation_and_any_tail) {
  auto bytes = encode(dense());
  for (std::size_t n = 0; n < bytes.size(); ++n)
    ASSERT_FALSE(decode(base::ByteView(bytes).first(n)).has_value()) << n << " of " << bytes.size();
  bytes.push_back(0);
  EXPECT_EQ(decode(bytes).error().code, Code::malformed);
}

TEST(Program, every_changed_byte_is_refused_or_changes_the_program) {
  const auto bytes = encode(dense());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto changed = bytes;
    changed[i] ^= 0x41;
    const auto program = decode(changed);
    if (program) ASSERT_EQ(encode(*program), changed) << i;
  }
}

TEST(Program, refuses_a_later_version) {
  auto bytes = encode(dense());
  bytes[8] = 3;
  EXPECT_EQ(decode(bytes).error().code, Code::unsupported);
}

TEST(Program, refuses_wiring_to_what_does_not_exist_yet) {
  auto program = dense();
  program.steps[0].operands[0] = Ref::value(1);
  EXPECT_THAT(validate(program).error().text, HasSubstr("step 0: [matmul] operand 0"));
  program = dense();
  program.steps[0].operands[0] = Ref{0xffffffff};
  EXPECT_EQ(validate(program).error().code, Code::malformed);
  program = dense();
  program.outputs[0].ref = Ref::value(4);
  EXPECT_EQ(validate(program).error().code, Code::malformed);
}

TEST(Program, refuses_steps_described_wrongly) {
  auto program = dense();
  program.steps[0].operand_infos[0].shape = {4, 1};
  EXPECT_THAT(validate(program).error().text, HasSubstr("is described as i8 [4, 1], but is i8 [1, 4]"));
  program = dense();
  program.steps[0].outputs[0].shape = {2, 1};
  EXPECT_THAT(validate(program).error().text, HasSubstr("[1, 2] expected"));
  program = dense();
  program.steps[0].first_output = 2;
  EXPECT_THAT(validate(program).error().text, HasSubstr("first output 2: 1 expected"));
  program = dense();
  program.steps[0].params = {1};
  EXPECT_EQ(validate(program).error().code, Code::malformed);
}

TEST(Program, refuses_kinds_that_it_does_not_run) {
  auto program = dense();
  for (auto kind : {0, 25, 99}) {
    program.steps[0].kind = static_cast<StepKind>(kind);
    EXPECT_EQ(validate(program).error().code, Code::unsupported);
    EXPECT_THAT(validate(program).error().text, HasSubstr("step 0: [unknown]"));
  }
}

TEST(Program, refuses_unused_constants_and_doubled_names) {
  auto program = dense();
  program.weights.push_back(program.weights[0]);
  EXPECT_THAT(validate(program).error().text, HasSubstr("no step uses weight 4"));
  program = dense();
  program.outputs.push_back(program.outputs[0]);
  EXPECT_THAT(validate(program).error().text, HasSubstr("two outputs named y"));
  program = dense();
  program.inputs[0].name = "\x01";
  EXPECT_EQ(validate(program).error().code, Code::malformed);
}

TEST(Program, refuses_data_that_is_not_its_root) {
  auto bytes = encode(dense());
  bytes.back() ^= 1;
  EXPECT_THAT(decode(bytes).error().text, HasSubstr("does not match its root"));
}

TEST(Builder, bounds_follow_the_weights_of_each_channel) {
  Builder b;
  const Ref x = b.input("x", {DType::i8, {1, 3}}, Scale{}, -10, 20);
  const Ref y = b.matmul(x, b.weight(IntTensor::of<std::int8_t>({2, 3}, {1, -2, 0, 3, 3, 3})),
                         b.weight(IntTensor::of<std::int32_t>({2}, {5, 0})));
  EXPECT_EQ(b.range(y), (Range{-90, 180}));
  EXPECT_EQ(b.info(y), (TensorInfo{DType::i32, {1, 2}}));
}

TEST(Builder, refuses_the_first_step_too_many) {
  Builder b;
  Ref x = b.input("x", {DType::i8, {1}}, Scale{}, -10, 20);
  for (std::size_t i = 0; i < kMaxSteps; ++i) x = b.reshape(x, {1});
  EXPECT_FALSE(b.error());
  b.reshape(x, {1});
  expect_refused(b, Code::exhausted, "more than 65536 steps");
}

TEST(Builder, refuses_an_i32_sum_that_can_overflow_and_names_the_channel) {
  Builder b;
  const Ref x = b.input("x", {DType::i16, {1, 4}}, Scale{}, -32768, 32767);
  const Ref w = b.weight(IntTensor::of<std::int16_t>({2, 4}, {1, 1, 1, 1, 32767, 32767, 32767, 32767}));
  EXPECT_EQ(b.info(b.matmul(x, w)).dtype, DType::i64);
  b.matmul(x, w, {}, DType::i32);
  expect_refused(b, Code::out_of_range, "step 1: [matmul] output 0 (channel 1) reaches");
}

TEST(Builder, refuses_a_requantise_product_of_2_to_62) {
  Builder b;
  const Ref x = b.input("x", {DType::i64, {2}}, Scale{}, 0, std::int64_t{1} << 48);
  b.requantise(x, b.weight(i16({1, 32767})), b.weight(i8({30})), 0, 100);
  expect_refused(b, Code::out_of_range, "[requantise]: channel 1: a bound of 2^62");
}

TEST(Builder, refuses_multipliers_and_shifts_outside_their_range) {
  for (const auto& [m, s] : {std::pair{0, 10}, {-5, 10}, {5, 0}, {5, 63}}) {
    Builder b;
    const Ref x = b.input("x", {DType::i8, {2}}, Scale{}, -5, 5);
    b.requantise(x, b.weight(i16({static_cast<std::int16_t>(m)})), b.weight(i8({static_cast<std::int8_t>(s)})), -5, 5);
    expect_refused(b, Code::out_of_range, "expected");
  }
}

TEST(Builder, refuses_what_each_kind_cannot_do) {
  const auto with = [](auto use, Code code, const std::string& text) {
    Builder b;
    const Ref x = b.input("x", {DType::i8, {2, 3}}, Scale{}, -5, 5);
    use(b, x);
    expect_refused(b, code, text);
    EXPECT_EQ(b.finish({}).error(), *b.error());
  };
  with([](Builder& b, Ref x) { b.matmul(x, b.weight(ones({4, 2}))); }, Code::invalid_argument,
       "[matmul]: inner sizes differ: 3 against 2");
  with([](Builder& b, Ref x) { b.conv(x, b.weight(ones({4, 2})), {}); }, Code::invalid_argument, "[conv]");
  with([](Builder& b, Ref x) { b.add(x, b.weight(ones({2, 2}))); }, Code::invalid_argument, "do not broadcast");
  with([](Builder& b, Ref x) { b.quotient(x, x); }, Code::out_of_range, "[divide]: divisor can be -5");
  with([](Builder& b, Ref x) { b.isqrt(x); }, Code::out_of_range, "[isqrt]: operand can be -5");
  with([](Builder& b, Ref x) { b.lookup(x, b.table(i8({1, 2, 3})), -1); }, Code::out_of_range, "leaves the table");
  with([](Builder& b, Ref x) { b.reshape(x, {5}); }, Code::invalid_argument, "6 elements do not make [5]");
  with([](Builder& b, Ref x) { b.transpose(x, {0, 0}); }, Code::invalid_argument, "no permutation");
  with([](Builder& b, Ref x) { b.slice(x, {0, 2}, {1, 1}, {2, 2}); }, Code::out_of_range, "[slice]: axis 1");
  with([](Builder& b, Ref x) { b.concat({x, b.weight(ones({3, 3}))}, 1); }, Code::invalid_argument, "[concat]");
  with([](Builder& b, Ref x) { b.pad(x, {0, -1}, {0, 0}); }, Code::out_of_range, "[pad]");
  with([](Builder& b, Ref x) { b.broadcast(x, {2, 4}); }, Code::invalid_argument, "broadcast");
  with([](Builder& b, Ref x) { b.argmax(x, 2); }, Code::out_of_range, "[argmax]");
  with([](Builder& b, Ref x) { b.prefix_sum(x, 2); }, Code::out_of_range, "[prefix_sum]: axis 2 of 2");
  with([](Builder& b, Ref x) { b.topk(x, 1, 4); }, Code::out_of_range, "[topk]: 4 of an axis of 3");
  with([](Builder& b, Ref x) { b.topk(x, 1, 0); }, Code::out_of_range, "[topk]: 0 largest");
  with([](Builder& b, Ref x) { b.gather(x, x, 1); }, Code::out_of_range, "[gather]: indices reach [-5, 5]: 0 to 2 expected");
  with([](Builder& b, Ref x) { b.gather(x, b.weight(i8({0, 3})), 1); }, Code::out_of_range, "indices reach [0, 3]");
  with([](Builder& b, Ref x) { b.gather(x, b.weight(i8({0, 1})), 2); }, Code::out_of_range, "axis 2 of 2");
  with([](Builder& b, Ref x) { b.gather(x, b.weight(i8({0, 1})), 0, 1); }, Code::out_of_range, "1 batch axes");
  with([](Builder& b, Ref x) { b.gather(x, b.weight(i8({0, 1, 1})), 1, 1); }, Code::invalid_argument, "differ");
  with([](Builder& b, Ref x) { b.scatter(x, b.weight(i8({1, 1})), x, 0); }, Code::invalid_argument, "index 1 is repeated");
  with([](Builder& b, Ref x) { b.scatter(x, b.weight(i8({1})), x, 0); }, Code::invalid_argument, "rows i8 [2, 3]: i8 [1, 3]");
  with([](Builder& b, Ref x) { b.scatter(x, b.weight(i8({0, 1, 0})), b.weight(ones({3, 3})), 0); }, Code::invalid_argument,
       "3 indices for 2 rows");
  with([](Builder& b, Ref x) { b.shift(x, 63); }, Code::out_of_range, "[shift]");
  with([](Builder& b, Ref x) { b.shift(x, 62); }, Code::out_of_range, "below 2^62");
  with([](Builder& b, Ref x) { b.select(x, x, b.weight(i16({1}))); }, Code::invalid_argument, "one type");
  with([](Builder& b, Ref x) { b.compare(x, x, static_cast<CompareOp>(9)); }, Code::malformed, "[compare]");
  with([](Builder& b, Ref x) { b.reduce(x, {ReduceOp::sum, {1, 2}, {1, 1}, {1, 1}, {0, 2}, {0, 0}}); }, Code::invalid_argument,
       "in the padding alone");
  with([](Builder& b,
          Ref x) { b.add(x, x, DType::i8), b.add(b.mul(x, x, DType::i8), x), b.mul(x, b.weight(ones({1}, 100)), DType::i8); },
       Code::out_of_range, "more than i8 holds");
}

TEST(Builder, stores_equal_constants_once_and_drops_unused_ones) {
  Builder b;
  const Ref x = b.input("x", {DType::i8, {2}}, Scale{}, -5, 5);
  b.weight(i8({9}));
  const Ref one = b.weight(i8({1, 1}));
  EXPECT_EQ(b.weight(i8({1, 1})), one);
  b.output("y", b.add(x, one), Scale{});
  EXPECT_EQ(b.finish({}).value().weights.size(), 1U);
}

TEST(Builder, division_ranges_are_those_of_floors) {
  Builder b;
  const Ref x = b.input("x", {DType::i32, {2}}, Scale{}, -7, kMillion);
  const auto [q, r] = b.divide(x, b.weight(i8({3, 5})));
  EXPECT_EQ(b.range(q), (Range{-3, 333333}));
  EXPECT_EQ(b.range(r), (Range{0, 4}));
}

TEST(Builder, prefix_sums_reach_the_sum_of_all) {
  Builder b;
  const Ref x = b.input("x", {DType::i8, {2, 100}}, Scale{}, -7, 90);
  EXPECT_EQ(b.range(b.prefix_sum(x, 1)), (Range{-700, 9000}));
  EXPECT_EQ(b.info(b.prefix_sum(x, 1)).dtype, DType::i16);
  b.prefix_sum(x, 1, DType::i8);
  expect_refused(b, Code::out_of_range, "[prefix_sum] output 0 reaches [-700, 9000]: more than i8 holds");
}

TEST(Builder, a_scatter_reaches_what_either_operand_reaches) {
  Builder b;
  const Ref x = b.input("x", {DType::i8, {4}}, Scale{}, -7, 0);
  const Ref y = b.scatter(x, b.weight(i8({2})), b.weight(i8({9})), 0);
  EXPECT_EQ(b.range(y), (Range{-7, 9}));
  const auto [values, indices] = b.topk(y, 0, 2);
  EXPECT_EQ(b.range(values), (Range{-7, 9}));
  EXPECT_EQ(b.info(values), (TensorInfo{DType::i8, {2}}));
  EXPECT_EQ(b.range(indices), (Range{0, 3}));
  EXPECT_EQ(b.info(indices), (TensorInfo{DType::i32, {2}}));
}

TEST(Scale, takes_the_nearest_24_bit_mantissa) {
  EXPECT_EQ(Scale::from(0.75).value(), (Scale{3, -2}));
  EXPECT_EQ(Scale::from(1.0).value(), (Scale{1, 0}));
  EXPECT_EQ(Scale::from(96.0).value(), (Scale{3, 5}));
  const auto tenth = Scale::from(0.1).value();
  EXPECT_NEAR(tenth.real(), 0.1, 0.1 / (1 << 24));
  EXPECT_FALSE(Scale::from(0).has_value());
  EXPECT_FALSE(Scale::from(-1).has_value());
  EXPECT_FALSE(Scale::from(1e300).has_value());
  EXPECT_FALSE(Scale::from(5e-324).has_value());
}

}  // namespace
}  // namespace koinon::engine::program
