// For each kind of step, wrong outputs that satisfy everything but the one constraint that the kind is about.
#include <gtest/gtest.h>

#include "trust/proof/proof_forger.hpp"

namespace koinon::trust::proof {
namespace {

using engine::program::CompareOp;

IntTensor tensor(DType dtype, engine::tensor::Shape shape, const std::vector<std::int64_t>& elements) {
  auto out = IntTensor::zeros(dtype, std::move(shape));
  for (std::size_t i = 0; i < elements.size(); ++i) out.set(static_cast<std::int64_t>(i), elements[i]);
  return out;
}

/// A program of one step whose inputs are values, and an honest run of it.
struct OneStep {
  Program program;
  std::vector<IntTensor> inputs;

  /// True when the verifier accepts these elements as outputs of the run.
  [[nodiscard]] bool accepts(const std::vector<std::vector<std::int64_t>>& outputs) const {
    auto trace = inputs;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const auto& info = program.steps[0].outputs[i];
      trace.push_back(tensor(info.dtype, info.shape, outputs[i]));
    }
    const bool open = verify(program, forge(program, {}, trace)).has_value();
    const bool hidden = verify(program, forge(program, {true, true}, trace)).has_value();
    EXPECT_EQ(open, hidden);
    return open || hidden;
  }
};

template <class F>
OneStep one_step(std::vector<IntTensor> inputs, std::int64_t low, std::int64_t high, F&& add, std::int64_t last_low = 0,
                 std::int64_t last_high = -1) {
  Builder b;
  std::vector<Ref> refs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool own = last_low <= last_high && i + 1 == inputs.size();
    refs.push_back(
        b.input(fmt::format("x{}", i), {inputs[i].dtype, inputs[i].shape}, {}, own ? last_low : low, own ? last_high : high));
  }
  const std::vector<Ref> made = add(b, refs);
  for (std::size_t i = 0; i < made.size(); ++i) b.output(fmt::format("y{}", i), made[i], {});
  auto program = b.finish({"step", "", "", ""});
  if (!program) std::fputs(program.error().text.c_str(), stderr);
  KOINON_INVARIANT(program.has_value() && program->steps.size() == 1);
  return {std::move(*program), std::move(inputs)};
}

TEST(ForgedStep, compare) {
  const auto x = tensor(DType::i8, {4}, {-3, 2, 2, 9}), y = tensor(DType::i8, {4}, {-2, 2, 1, 9});
  const auto of = [&](CompareOp op) {
    return one_step({x, y}, -9, 9,
                    [&](Builder& b, const std::vector<Ref>& in) { return std::vector{b.compare(in[0], in[1], op)}; });
  };
  EXPECT_TRUE(of(CompareOp::less).accepts({{1, 0, 0, 0}}));
  EXPECT_FALSE(of(CompareOp::less).accepts({{0, 0, 0, 0}}));
  EXPECT_FALSE(of(CompareOp::less).accepts({{1, 1, 0, 0}}));
  EXPECT_FALSE(of(CompareOp::less).accepts({{1, 0, 1, 0}}));
  EXPECT_TRUE(of(CompareOp::less_equal).accepts({{1, 1, 0, 1}}));
  EXPECT_FALSE(of(CompareOp::less_equal).accepts({{1, 1, 0, 0}}));
  EXPECT_FALSE(of(CompareOp::less_equal).accepts({{1, 1, 0, 2}}));
  EXPECT_TRUE(of(CompareOp::equal).accepts({{0, 1, 0, 1}}));
  EXPECT_FALSE(of(CompareOp::equal).accepts({{1, 1, 0, 1}}));
  EXPECT_FALSE(of(CompareOp::equal).accepts({{0, 0, 0, 1}}));
  EXPECT_FALSE(of(CompareOp::equal).accepts({{0, 1, -1, 1}}));
}

TEST(ForgedStep, select) {
  for (const std::int64_t high : {1, 7}) {  // a bit, and any number
    const auto step = one_step(
        {tensor(DType::i8, {3}, {5, 6, 7}), tensor(DType::i8, {3}, {1, 2, 3}), tensor(DType::i8, {3}, {0, 1, high})}, -9, 9,
        [](Builder& b, const std::vector<Ref>& in) { return std::vector{b.select(in[2], in[0], in[1])}; }, 0, high);
    EXPECT_TRUE(step.accepts({{1, 6, 7}}));
    EXPECT_FALSE(step.accepts({{5, 6, 7}}));
    EXPECT_FALSE(step.accepts({{1, 2, 7}}));
    EXPECT_FALSE(step.accepts({{1, 6, 3}}));
    EXPECT_FALSE(step.accepts({{1, 6, 4}}));
  }
}

TEST(ForgedStep, divide_with_a_remainder_that_leaves_its_range) {
  const auto step = one_step(
      {tensor(DType::i16, {3}, {-7, 100, 8}), tensor(DType::i16, {3}, {3, 7, 8})}, -200, 200,
      [](Builder& b, const std::vector<Ref>& in) {
        const auto [q, r] = b.divide(in[0], in[1]);
        return std::vector{q, r};
      },
      1, 9);
  EXPECT_TRUE(step.accepts({{-3, 14, 1}, {2, 2, 0}}));
  EXPECT_FALSE(step.accepts({{-2, 14, 1}, {-1, 2, 0}}));  // rounded towards zero
  EXPECT_FALSE(step.accepts({{-3, 13, 1}, {2, 9, 0}}));
  EXPECT_FALSE(step.accepts({{-3, 14, 0}, {2, 2, 8}}));
  EXPECT_FALSE(step.accepts({{-3, 14, 2}, {2, 2, -8}}));
}

TEST(ForgedStep, divide_numbers_whose_product_would_wrap) {
  const std::int64_t a = (std::int64_t{1} << 60) + 12345, b = (std::int64_t{1} << 40) + 7;
  const auto with = [&](std::int64_t x) {
    return one_step(
        {tensor(DType::i64, {1}, {x}), tensor(DType::i64, {1}, {b})}, -(std::int64_t{1} << 60) - 99999,
        (std::int64_t{1} << 60) + 99999,
        [](Builder& builder, const std::vector<Ref>& in) {
          const auto [q, r] = builder.divide(in[0], in[1]);
          return std::vector{q, r};
        },
        1, std::int64_t{1} << 41);
  };
  EXPECT_TRUE(with(a).accepts({{a / b}, {a % b}}));
  EXPECT_FALSE(with(a).accepts({{a / b - 1}, {a % b + b}}));
  EXPECT_TRUE(with(-a).accepts({{-a / b - 1}, {b - a % b}}));
  EXPECT_FALSE(with(-a).accepts({{-a / b}, {-(a % b)}}));
  // q b + r = a modulo p, with a small r and a large q.
  Fp q = Fp::from(a) * inverse(Fp::from(b));
  std::int64_t r = 0;
  while (q.v >> 61 != 0) q -= inverse(Fp::from(b)), ++r;
  ASSERT_EQ(q * Fp::from(b) + Fp::from(r), Fp::from(a));
  ASSERT_LT(r, b);
  EXPECT_FALSE(with(a).accepts({{static_cast<std::int64_t>(q.v)}, {r}}));
}

TEST(ForgedStep, isqrt) {
  const auto step = one_step({tensor(DType::i32, {4}, {0, 15, 16, 1000000})}, 0, 1 << 22,
                             [](Builder& b, const std::vector<Ref>& in) { return std::vector{b.isqrt(in[0])}; });
  EXPECT_TRUE(step.accepts({{0, 3, 4, 1000}}));
  EXPECT_FALSE(step.accepts({{1, 3, 4, 1000}}));
  EXPECT_FALSE(step.accepts({{0, 4, 4, 1000}}));
  EXPECT_FALSE(step.accepts({{0, 3, 3, 1000}}));
  EXPECT_FALSE(step.accepts({{0, 3, -4, 1000}}));
  EXPECT_FALSE(step.accepts({{0, 3, 4, 999}}));
}

TEST(ForgedStep, prefix_sum) {
  const auto step = one_step({tensor(DType::i8, {2, 3}, {1, 2, 3, -4, 5, -6})}, -9, 9,
                             [](Builder& b, const std::vector<Ref>& in) { return std::vector{b.prefix_sum(in[0], 1)}; });
  EXPECT_TRUE(step.accepts({{1, 3, 6, -4, 1, -5}}));
  EXPECT_FALSE(step.accepts({{1, 3, 3, -4, 1, -5}}));
  EXPECT_FALSE(step.accepts({{1, 3, 6, 2, 7, 1}}));  // runs on over lines
}

TEST(ForgedStep, argmax) {
  const auto step = one_step({tensor(DType::i8, {2, 4}, {3, 9, 9, -9, -5, -6, -7, -5})}, -9, 9,
                             [](Builder& b, const std::vector<Ref>& in) { return std::vector{b.argmax(in[0], 1)}; });
  EXPECT_TRUE(step.accepts({{1, 0}}));
  EXPECT_FALSE(step.accepts({{2, 0}}));  // a later one of two
  EXPECT_FALSE(step.accepts({{0, 0}}));
  EXPECT_FALSE(step.accepts({{1, 3}}));
  EXPECT_FALSE(step.accepts({{1, 4}}));
  EXPECT_FALSE(step.accepts({{-3, 0}}));
}

TEST(ForgedStep, topk) {
  const auto step =
      one_step({tensor(DType::i8, {2, 4}, {3, 9, 9, -9, -5, -6, -7, -8})}, -9, 9, [](Builder& b, const std::vector<Ref>& in) {
        const auto [values, indices] = b.topk(in[0], 1, 2);
        return std::vector{values, indices};
      });
  EXPECT_TRUE(step.accepts({{9, 9, -5, -6}, {1, 2, 0, 1}}));
  EXPECT_FALSE(step.accepts({{9, 9, -5, -6}, {2, 1, 0, 1}}));   // ties in the other order
  EXPECT_FALSE(step.accepts({{9, 9, -5, -6}, {1, 1, 0, 1}}));   // one twice
  EXPECT_FALSE(step.accepts({{9, 3, -5, -6}, {1, 0, 0, 1}}));   // one passed over
  EXPECT_FALSE(step.accepts({{9, 9, -6, -5}, {1, 2, 1, 0}}));   // smaller first
  EXPECT_FALSE(step.accepts({{9, 9, 9, -5}, {1, 2, 1, 0}}));    // of the other line
  EXPECT_FALSE(step.accepts({{9, 8, -5, -6}, {1, -2, 0, 1}}));  // the same key by a pair outside
}

TEST(ForgedStep, gather) {
  const auto step = one_step(
      {tensor(DType::i8, {2, 3, 2}, {10, 11, 20, 21, 30, 31, 40, 41, 50, 51, 60, 61}), tensor(DType::i8, {2, 1}, {2, 0})}, -99,
      99, [](Builder& b, const std::vector<Ref>& in) { return std::vector{b.gather(in[0], in[1], 1, 1)}; }, 0, 2);
  EXPECT_TRUE(step.accepts({{30, 31, 40, 41}}));
  EXPECT_FALSE(step.accepts({{20, 21, 40, 41}}));
  EXPECT_FALSE(step.accepts({{30, 31, 10, 11}}));  // of the other batch
  EXPECT_FALSE(step.accepts({{31, 30, 40, 41}}));
  EXPECT_FALSE(step.accepts({{60, 61, 40, 41}}));
}

TEST(ForgedStep, scatter) {
  const auto with = [](const std::vector<std::int64_t>& at) {
    return one_step(
        {tensor(DType::i8, {4, 2}, {1, 2, 3, 4, 5, 6, 7, 8}), tensor(DType::i8, {2, 2}, {20, 21, 30, 31}),
         tensor(DType::i8, {2}, at)},
        -99, 99, [](Builder& b, const std::vector<Ref>& in) { return std::vector{b.scatter(in[0], in[2], in[1], 0)}; }, 0, 3);
  };
  EXPECT_TRUE(with({3, 1}).accepts({{1, 2, 30, 31, 5, 6, 20, 21}}));
  EXPECT_FALSE(with({3, 1}).accepts({{1, 2, 30, 31, 5, 6, 7, 8}}));    // one not written
  EXPECT_FALSE(with({3, 1}).accepts({{1, 2, 20, 21, 5, 6, 30, 31}}));  // in each other's place
  EXPECT_FALSE(with({3, 1}).accepts({{1, 2, 30, 31, 5, 7, 20, 21}}));  // another row too
  EXPECT_FALSE(with({3, 3}).accepts({{1, 2, 3, 4, 5, 6, 20, 21}}));    // an index twice: the run would be refused
  EXPECT_FALSE(with({3, 3}).accepts({{1, 2, 3, 4, 5, 6, 30, 31}}));
}

}  // namespace
}  // namespace koinon::trust::proof
