// Random programs give the same bits with scalar and fast kernels, on one thread and on several.
#include <gtest/gtest.h>

#include <optional>
#include <random>

#include "engine/program/builder.hpp"
#include "engine/program/inner.hpp"
#include "engine/run/prepared.hpp"

namespace koinon::engine::run {
namespace {

using program::Builder;
using program::DType;
using program::Ref;
using program::Scale;
using tensor::IntTensor;
using tensor::Shape;

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::int64_t roll(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }

  IntTensor tensor(DType dtype, Shape shape, std::int64_t low, std::int64_t high) {
    auto t = IntTensor::zeros(dtype, std::move(shape));
    for (std::int64_t i = 0; i < t.size(); ++i) t.set(i, roll(0, 9) == 0 ? (roll(0, 1) == 0 ? low : high) : roll(low, high));
    return t;
  }

  // A picture [1, h, w, c] through a random chain of steps.
  program::Program program() {
    const bool wide = roll(0, 1) == 1;
    type_ = wide ? DType::i16 : DType::i8;
    limit_ = wide ? 32767 : 127;
    Ref x = b_.input("x", {type_, {roll(1, 2), roll(4, 12), roll(4, 12), roll(1, 9)}}, Scale{}, -limit_, limit_);
    for (std::int64_t left = roll(2, 8); left > 0; --left) x = grow(x);
    b_.output("y", x, Scale{});
    auto out = b_.finish({});
    EXPECT_TRUE(out.has_value()) << out.error().text;
    return *std::move(out);
  }

 private:
  Ref requantised(Ref acc) {
    const auto channels = b_.info(acc).shape.back();
    const auto range = b_.range(acc);
    int bits = 1;
    while (bits < 61 && (std::max(-range.low, range.high) >> bits) > limit_ / 2) ++bits;
    const Ref m = b_.weight(tensor(DType::i16, {channels}, 1, 32767));
    const Ref s = b_.weight(tensor(DType::i8, {roll(0, 1) == 0 ? 1 : channels}, bits + 13, bits + 15));
    return b_.requantise(acc, m, s, roll(0, 1) == 0 ? 0 : -limit_, limit_, type_);
  }

  // As requantised, with one M and one s.
  Ref scaled(Ref acc, std::optional<DType> type = {}) {
    const auto range = b_.range(acc);
    int bits = 1;
    while (bits < 61 && (std::max(-range.low, range.high) >> bits) > limit_ / 2) ++bits;
    const Ref m = b_.weight(tensor(DType::i16, {1}, 1, 32767));
    const Ref s = b_.weight(tensor(DType::i8, {1}, std::max(1, bits + (type ? 4 : 13)), bits + 15));
    const std::int64_t most = type ? 1 << 20 : limit_;
    return b_.requantise(acc, m, s, roll(0, 1) == 0 ? 0 : -most, most, type.value_or(type_));
  }

  // A table over all that x can be.
  Ref curve(Ref x) {
    const auto range = b_.range(x);
    const Ref table = b_.table(tensor(type_, {range.high - range.low + 1}, -limit_, limit_));
    return b_.lookup(x, table, range.low);
  }

  // x less the mean of its line, divided by a number of the line.
  Ref normalised(Ref x) {
    const Shape shape = b_.info(x).shape;
    const auto axes = [&](program::ReduceOp op) {
      return program::ReduceParams::axes(op, shape, {static_cast<std::size_t>(roll(0, 3))});
    };
    const Ref sum = scaled(b_.reduce(x, axes(program::ReduceOp::sum)));
    const Ref most = b_.reduce(x, axes(program::ReduceOp::max));
    const Ref one = b_.weight(tensor(DType::i32, {1}, limit_ + 1, limit_ + 9));
    const Ref divisor = b_.add(most, one);
    const Ref numerator = b_.shift(b_.sub(x, sum), roll(0, 20));
    return scaled(roll(0, 1) == 0 ? b_.quotient(numerator, divisor) : b_.divide(numerator, divisor).second);
  }

  Ref grow(Ref x) {
    const Shape shape = b_.info(x).shape;
    switch (roll(0, 18)) {
      case 0: {
        const auto kernel = roll(1, 3), out = roll(1, 20);
        const Ref w = b_.weight(tensor(type_, {out, kernel, kernel, shape[3]}, -limit_, limit_));
        return requantised(b_.conv(x, w, {1, {1, 1}, {1, 1}, {1, 1}, {1, 1}}));
      }
      case 1: {
        const Ref w = b_.weight(tensor(type_, {shape[3], 3, 3, 1}, -limit_, limit_));
        return requantised(b_.conv(x, w, {shape[3], {1, 1}, {1, 1}, {1, 1}, {1, 1}}));
      }
      case 2: {
        const auto out = roll(1, 40);
        return requantised(b_.matmul(x, b_.weight(tensor(type_, {out, shape[3]}, -limit_, limit_)),
                                     b_.weight(tensor(DType::i32, {out}, -100000, 100000))));
      }
      case 3: return requantised(b_.add(b_.mul(x, x), x));
      case 4: {
        const auto op = static_cast<program::ReduceOp>(roll(1, 3));
        return requantised(b_.reduce(x, {op, {1, 2, 2, 1}, {1, 1, 2, 1}, {1, 1, 1, 1}, {0, 1, 1, 0}, {0, 0, 1, 0}}));
      }
      case 5: return b_.transpose(x, {0, 2, 1, 3});
      case 6: return requantised(b_.prefix_sum(x, axis()));
      case 7: return b_.topk(x, 3, roll(1, shape[3])).first;
      case 8: {
        // Ranks every line: indices of one line are distinct, so they may be scattered by.
        const auto [values, order] = b_.topk(x, 3, shape[3]);
        return b_.scatter(x, order, values, 3, 3);
      }
      case 9: {
        const auto at = axis();
        return b_.gather(x, b_.weight(tensor(DType::i8, {roll(1, 6)}, 0, shape[at] - 1)), at);
      }
      case 10: return b_.gather(x, b_.argmax(x, 3), 3, 3);
      case 11: {
        const auto at = axis();
        const Ref row = b_.gather(x, b_.weight(tensor(DType::i8, {1}, 0, shape[at] - 1)), at);
        return b_.scatter(x, b_.weight(tensor(DType::i16, {1}, 0, shape[at] - 1)), row, at);
      }
      case 12: return curve(x);
      case 13: return scaled(b_.add(scaled(x, DType::i32), scaled(curve(x), DType::i32)));
      case 14: return normalised(x);
      case 15: {
        const Ref bar = b_.weight(tensor(type_, {roll(0, 1) == 0 ? 1 : shape[3]}, -limit_, limit_));
        const auto op = static_cast<program::CompareOp>(roll(1, 3));
        return b_.select(b_.compare(x, bar, op), x, curve(x));
      }
      case 16: return scaled(b_.shift(b_.sub(b_.shift(x, roll(1, 9)), x), -roll(1, 5)));
      case 17: return curve(curve(b_.reshape(x, {shape[0], shape[1] * shape[2], 1, shape[3]})));
      default: return b_.pad(b_.slice(x, {0, shape[1] - 1, 0, 0}, {1, -1, 1, 1}, shape), {0, 1, 0, 0}, {0, 0, 1, 0}, 3);
    }
  }

  std::size_t axis() { return static_cast<std::size_t>(roll(0, 3)); }

  std::mt19937_64 random_;
  Builder b_;
  DType type_ = DType::i8;
  std::int64_t limit_ = 127;
};

TEST(RandomPrograms, run_the_same_on_every_path) {
  base::ThreadPool pool(2);
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Generator generator(seed);
    const auto program = generator.program();
    const auto& in = program.inputs[0];
    const std::vector inputs{generator.tensor(in.info.dtype, in.info.shape, in.low, in.high)};
    RunOptions ref, fast, threads;
    ref.force_ref = true;
    threads.pool = &pool;
    const auto a = execute(program, inputs, ref), b = execute(program, inputs, fast), c = execute(program, inputs, threads);
    ASSERT_TRUE(a.has_value()) << a.error().text;
    ASSERT_EQ(a->step_roots, b->step_roots) << seed;
    ASSERT_EQ(a->step_roots, c->step_roots) << seed;
    ASSERT_EQ(a->outputs, b->outputs);
    ASSERT_EQ(a->trace_root, c->trace_root);
    ASSERT_EQ(a->witness, c->witness);
    for (auto isa : {kernels::Isa::avx2, kernels::Isa::avx512}) {
      if (isa > kernels::best_isa()) continue;
      RunOptions untraced;
      untraced.trace = false;
      untraced.pool = isa == kernels::Isa::avx2 ? nullptr : &pool;
      const auto joined = Prepared::make(program, {true, isa}).value();
      const auto d = joined.run(inputs, untraced).value();
      ASSERT_EQ(a->outputs, d.outputs) << seed;
      ASSERT_EQ(a->output_root, d.output_root);
      ASSERT_EQ(a->input_root, d.input_root);
      ASSERT_EQ(joined.run(inputs, untraced)->outputs, d.outputs);
      for (const bool fuse : {false, true}) {
        const auto traced = Prepared::make(program, {fuse, isa, true}).value().run(inputs, threads).value();
        ASSERT_EQ(a->step_roots, traced.step_roots) << seed;
        ASSERT_EQ(a->outputs, traced.outputs);
        ASSERT_EQ(a->output_root, traced.output_root);
        ASSERT_EQ(a->input_root, traced.input_root);
      }
    }
  }
}

TEST(RandomPrograms, traces_hold_every_value_but_inner_ones) {
  std::size_t inner = 0, kept = 0;
  for (std::uint64_t seed = 300; seed < 400; ++seed) {
    Generator generator(seed);
    const auto program = generator.program();
    const auto& in = program.inputs[0];
    const std::vector inputs{generator.tensor(in.info.dtype, in.info.shape, in.low, in.high)};
    std::vector<base::Hash> roots{tensor::tensor_root(inputs[0])};
    RunOptions options;
    options.sink = [&](std::size_t step, std::span<const IntTensor* const> outputs) {
      const bool left_out = program.steps[step].inner;
      for (const auto* t : outputs) roots.push_back(left_out ? program::kInnerRoot : tensor::tensor_root(*t));
      (left_out ? inner : kept) += outputs.size();
    };
    ASSERT_EQ(execute(program, inputs, options)->step_roots, roots) << seed;
    ASSERT_EQ(execute(program, inputs, {})->step_roots, roots) << seed;
  }
  EXPECT_GT(inner, 100U);
  EXPECT_GT(kept, 100U);
}

TEST(RandomPrograms, share_packed_weights_and_nothing_else) {
  const auto packs = std::make_shared<Packs>();
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Generator generator(seed % 50);  // every program twice
    const auto program = generator.program();
    const auto& in = program.inputs[0];
    const std::vector inputs{generator.tensor(in.info.dtype, in.info.shape, in.low, in.high)};
    Prepared::Options alone, shared;
    alone.trace = shared.trace = true;
    shared.packs = packs;
    const auto first = Prepared::make(program, shared).value(), second = Prepared::make(program, shared).value();
    const auto want = Prepared::make(program, alone)->run(inputs, {})->trace_root;
    ASSERT_EQ(first.run(inputs, {})->trace_root, want) << seed;
    ASSERT_EQ(second.run(inputs, {})->trace_root, want) << seed;
  }
}

TEST(Packs, make_once_while_it_is_held) {
  Packs packs;
  int made = 0;
  const auto make = [&] {
    ++made;
    return kernels::Filters();
  };
  const base::Hash a = base::keccak256(base::as_bytes("a")), b = base::keccak256(base::as_bytes("b"));
  auto first = packs.get(a, make);
  EXPECT_EQ(packs.get(a, make), first);
  EXPECT_NE(packs.get(b, make), first);
  EXPECT_EQ(made, 2);
  first.reset();
  packs.get(a, make);
  EXPECT_EQ(made, 3);
}

TEST(RandomPrograms, stay_inside_their_proved_ranges) {
  for (std::uint64_t seed = 1000; seed < 1100; ++seed) {
    Generator generator(seed);
    const auto program = generator.program();
    const auto ranges = program::analyse(program).value();
    const auto& in = program.inputs[0];
    std::size_t at = 1;
    RunOptions options;
    options.sink = [&](std::size_t, std::span<const IntTensor* const> outputs) {
      for (const auto* t : outputs) {
        for (std::int64_t i = 0; i < t->size(); ++i) {
          ASSERT_GE(t->at(i), ranges[at].low) << seed;
          ASSERT_LE(t->at(i), ranges[at].high) << seed;
        }
        ++at;
      }
    };
    ASSERT_TRUE(
        execute(program, std::vector{generator.tensor(in.info.dtype, in.info.shape, in.low, in.high)}, options).has_value());
    EXPECT_EQ(at, ranges.size());
  }
}

}  // namespace
}  // namespace koinon::engine::run
