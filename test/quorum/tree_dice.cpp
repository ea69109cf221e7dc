// Programs whose values are read once each, so that most are inner.
#include "engine/program/builder.hpp"
#include "engine/program/params.hpp"
#include "test/quorum/step_dice.hpp"

namespace koinon::test::quorum {
namespace {

using engine::program::Builder;
using engine::program::CompareOp;
using engine::program::ConvParams;
using engine::program::DType;
using engine::program::ReduceOp;
using engine::program::ReduceParams;
using engine::program::Ref;
using engine::program::Scale;
using engine::tensor::IntTensor;
using engine::tensor::Shape;
using trust::optimistic::Provider;

/// One throw: a program under construction, every value of which has the shape kShape when a function below returns it.
class Tree {
 public:
  explicit Tree(base::Random& random) : random_(random) {
    for (const auto* name : {"a", "b", "c"}) {
      inputs_.push_back(tensor(DType::i8, kShape, -128, 127));
      leaves_.push_back(b_.input(name, {DType::i8, kShape}, Scale{}, -128, 127));
    }
  }

  Provider make() {
    b_.output("y", node(roll(2, 4)), Scale{});
    if (one_in(2)) b_.output("z", node(roll(1, 3)), Scale{});
    auto program = b_.finish({});
    KOINON_INVARIANT(program.has_value());
    return trust::optimistic::honest(*std::move(program), std::move(inputs_));
  }

 private:
  static constexpr std::int64_t kHeight = 3, kWidth = 4, kChannels = 2;
  static constexpr std::int64_t kCount = kHeight * kWidth * kChannels;
  inline static const Shape kShape{1, kHeight, kWidth, kChannels};

  std::int64_t roll(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_.u64() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool one_in(std::int64_t sides) { return roll(1, sides) == 1; }
  IntTensor tensor(DType type, const Shape& shape, std::int64_t low, std::int64_t high) {
    auto out = IntTensor::zeros(type, shape);
    for (std::int64_t i = 0; i < out.size(); ++i) out.set(i, roll(low, high));
    return out;
  }

  Ref leaf() { return leaves_[random_.u64() % leaves_.size()]; }
  /// Within 8 bits, by a requantisation or by a shift.
  Ref narrow(Ref x, std::int64_t low = -128) {
    const auto range = b_.range(x);
    if (range.low >= low && range.high <= 127) return b_.info(x).dtype == DType::i8 ? x : b_.shift(x, 0, DType::i8);
    const Ref m = b_.weight(tensor(DType::i16, {one_in(2) ? kChannels : 1}, 1, 300));
    const Ref s = b_.weight(tensor(DType::i8, {1}, 1, 12));
    return b_.requantise(x, m, s, low, 127, DType::i8);
  }
  /// Small enough that two more steps stay within 64 bits.
  Ref bounded(Ref x) {
    const auto range = b_.range(x);
    const auto most = std::int64_t{1} << 24;
    return range.low < -most || range.high > most ? narrow(x) : x;
  }
  Ref alike(Ref x) { return b_.shift(x, 0, DType::i64); }

  Ref two(int lot, std::int64_t depth) {
    const Ref a = bounded(node(depth - 1)), b = bounded(one_in(2) ? leaf() : node(depth - 1));
    switch (lot) {
      case 0: return b_.add(a, b);
      case 1: return b_.sub(a, b);
      case 2: return b_.mul(a, b);
      case 3: return b_.compare(a, b, static_cast<CompareOp>(roll(1, 3)));
      case 4: {
        const Ref condition = b_.compare(leaf(), a, CompareOp::less), other = alike(leaf()), same = alike(b);
        return b_.select(condition, same, other);
      }
      case 5: {
        const auto half = kWidth / 2;
        const Ref left = b_.slice(a, {0, 0, 0, 0}, {1, 1, 1, 1}, {1, kHeight, half, kChannels});
        const Ref right = b_.slice(b, {0, 0, kWidth - 1, 0}, {1, 1, -1, 1}, {1, kHeight, half, kChannels});
        const Ref wide_left = b_.shift(left, 0, DType::i64), wide_right = b_.shift(right, 0, DType::i64);
        return b_.concat({wide_left, wide_right}, 2);
      }
      default: {
        const Ref divisor = b_.requantise(b, b_.weight(IntTensor::of<std::int16_t>({1}, {3})),
                                          b_.weight(IntTensor::of<std::int8_t>({1}, {2})), 1, 100);
        if (one_in(2)) return b_.quotient(a, divisor);
        const auto [quotient, rest] = b_.divide(a, divisor);
        return b_.sub(rest, quotient);
      }
    }
  }
  Ref sum(Ref x) {
    const Ref a = narrow(x);
    const auto weights = [&](Shape shape) { return b_.weight(tensor(DType::i8, std::move(shape), -128, 127)); };
    if (one_in(3)) {
      const Ref rows = b_.reshape(a, {kCount / kChannels, kChannels});
      const Ref w = weights({kChannels, kChannels});
      return b_.reshape(b_.matmul(rows, w), kShape);
    }
    const ConvParams same{one_in(3) ? 1 : kChannels, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
    const Ref w = weights({kChannels, 3, 3, kChannels / same.groups});
    std::optional<Ref> bias;
    if (one_in(2)) bias = b_.weight(tensor(DType::i32, {kChannels}, -9'000, 9'000));
    return b_.conv(a, w, same, bias);
  }
  Ref moved(int lot, Ref x) {
    switch (lot) {
      case 0: return b_.reshape(b_.transpose(x, {0, 2, 1, 3}), kShape);
      case 1: {
        const Ref wide = b_.pad(x, {0, 1, 0, 0}, {0, 0, 2, 0}, roll(-5, 5));
        return b_.slice(wide, {0, roll(0, 1), roll(0, 2), 0}, {1, 1, 1, 1}, kShape);
      }
      case 2: return b_.gather(x, b_.weight(tensor(DType::i8, {kWidth}, 0, kWidth - 1)), 2);
      default: {
        const Ref first = b_.slice(x, {0, 0, roll(0, 3), 0}, {1, 1, 1, 1}, {1, kHeight, 1, kChannels});
        return b_.broadcast(first, kShape);
      }
    }
  }
  Ref one(int lot, std::int64_t depth) {
    const Ref x = bounded(node(depth - 1));
    switch (lot) {
      case 0: return narrow(x);
      case 1: return b_.lookup(narrow(x), b_.table(tensor(DType::i16, {256}, -9'000, 9'000)), -128);
      case 2: return b_.isqrt(narrow(x, 0));
      case 3: return b_.shift(x, roll(-6, 6));
      case 4:
      case 5: return sum(x);
      case 6: {
        const ReduceParams window{
            static_cast<ReduceOp>(roll(1, 3)), {1, 2, 3, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}, {0, 1, 1, 0}, {0, 0, 1, 0}};
        return b_.reduce(x, window);
      }
      default: return moved(static_cast<int>(roll(0, 3)), x);
    }
  }
  Ref node(std::int64_t depth) {
    if (depth == 0) return leaf();
    return one_in(2) ? one(static_cast<int>(roll(0, 8)), depth) : two(static_cast<int>(roll(0, 6)), depth);
  }

  base::Random& random_;
  Builder b_;
  std::vector<IntTensor> inputs_;
  std::vector<Ref> leaves_;
};

}  // namespace

Provider throw_tree(base::Random& random) {
  while (true) {
    auto out = Tree(random).make();
    if (!out.program.steps.empty()) return out;  // a tree may grow to no more than its leaves
  }
}

}  // namespace koinon::test::quorum
