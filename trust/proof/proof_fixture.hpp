#pragma once
#include <cstdio>
#include <string>

#include "engine/program/builder.hpp"
#include "trust/proof/prove.hpp"

namespace koinon::trust::proof {

using engine::program::Builder;
using engine::program::Program;
using engine::program::Ref;
using engine::tensor::DType;
using engine::tensor::IntTensor;

inline std::int64_t pick(base::Random& random, std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(random.u64() % static_cast<std::uint64_t>(high - low + 1));
}

inline IntTensor random_tensor(DType dtype, engine::tensor::Shape shape, std::int64_t low, std::int64_t high,
                               base::Random& random) {
  auto out = IntTensor::zeros(dtype, std::move(shape));
  for (std::int64_t i = 0; i < out.size(); ++i) out.set(i, pick(random, low, high));
  return out;
}

inline std::vector<IntTensor> random_input(const Program& program, std::uint64_t seed) {
  base::SeededRandom random(seed);
  std::vector<IntTensor> out;
  for (const auto& input : program.inputs)
    out.push_back(random_tensor(input.info.dtype, input.info.shape, input.low, input.high, random));
  return out;
}

/// Per-channel multipliers and shifts that clamp some elements and leave others.
inline Ref scaled(Builder& b, Ref x, std::int64_t channels, std::int64_t low, std::int64_t high, base::Random& random) {
  const auto m = b.weight(random_tensor(DType::i16, {channels}, 8000, 32767, random));
  const auto s = b.weight(random_tensor(DType::i8, {channels}, 19, 23, random));
  return b.requantise(x, m, s, low, high);
}

inline Program finished(Builder& b, Ref out) {
  b.output("y", out, {});
  auto program = b.finish({"sample", "", "", ""});
  if (!program) std::fputs(program.error().text.c_str(), stderr);
  KOINON_INVARIANT(program.has_value());
  return std::move(*program);
}

/// matmul, requantise, matmul, requantise over two rows.
inline Program dense_network() {
  base::SeededRandom random(11);
  Builder b;
  const Ref x = b.input("x", {DType::i8, {2, 20}}, {}, -127, 127);
  const Ref w = b.weight(random_tensor(DType::i8, {12, 20}, -127, 127, random));
  const Ref bias = b.weight(random_tensor(DType::i32, {12}, -3000, 3000, random));
  const Ref h = b.matmul(x, w, bias);
  const Ref a = scaled(b, h, 12, 0, 127, random);
  const Ref y = b.matmul(a, b.weight(random_tensor(DType::i8, {5, 12}, -127, 127, random)));
  return finished(b, scaled(b, y, 5, -127, 127, random));
}

/// conv with padding and stride, requantise, max pooling, transpose, reshape, matmul.
inline Program convolutional_network() {
  base::SeededRandom random(12);
  Builder b;
  const Ref x = b.input("x", {DType::i8, {1, 8, 8, 2}}, {}, -127, 127);
  const Ref w = b.weight(random_tensor(DType::i8, {4, 3, 3, 1}, -127, 127, random));
  const Ref bias = b.weight(random_tensor(DType::i32, {4}, -900, 900, random));
  const Ref c = b.conv(x, w, {2, {1, 1}, {1, 1}, {1, 1}, {1, 1}}, bias);
  const Ref a = scaled(b, c, 4, 0, 127, random);
  engine::program::ReduceParams pool{
      engine::program::ReduceOp::max, {1, 2, 2, 1}, {1, 2, 2, 1}, {1, 1, 1, 1}, {0, 0, 0, 0}, {0, 0, 0, 0}};
  const Ref p = b.reshape(b.transpose(b.reduce(a, pool), {0, 3, 1, 2}), {1, 64});
  const Ref y = b.matmul(p, b.weight(random_tensor(DType::i8, {5, 64}, -127, 127, random)));
  return finished(b, scaled(b, y, 5, -127, 127, random));
}

/// Lookup, two-sided elementwise steps, product of two values, shift, data movement, attention-like matmul of two values.
inline Program mixed_network() {
  base::SeededRandom random(13);
  Builder b;
  const Ref x = b.input("x", {DType::i8, {2, 3, 4}}, {}, -20, 20);
  const Ref t = b.lookup(x, b.table(random_tensor(DType::i8, {41}, -100, 100, random)), -20);
  const Ref scores = b.matmul(x, t);  // [2, 3, 3], both operands values
  const Ref sums = b.reduce(scores, engine::program::ReduceParams::axes(engine::program::ReduceOp::sum, {2, 3, 3}, {2}));
  const Ref low = b.reduce(x, engine::program::ReduceParams::axes(engine::program::ReduceOp::min, {2, 3, 4}, {2}));
  const Ref both = b.mul(b.shift(b.sub(sums, low), -3), low);
  const Ref bias = b.weight(random_tensor(DType::i8, {3, 1}, -9, 9, random));
  const Ref sum = b.add(both, bias);
  const Ref product = b.shift(b.mul(both, bias), 2);
  const Ref joined = b.concat({sum, product}, 2);
  const Ref padded = b.pad(b.slice(joined, {0, 2, 0}, {1, -1, 1}, {2, 3, 2}), {0, 1, 0}, {0, 0, 1}, 7);
  return finished(b, b.broadcast(b.reshape(padded, {1, 2, 12}), {2, 2, 12}));
}

/// Comparisons of every kind, selects whose condition is a bit, any number or constant, and whose choices are constants.
inline Program choosing_network() {
  base::SeededRandom random(14);
  Builder b;
  const Ref x = b.input("x", {DType::i8, {2, 5}}, {}, -3, 3);
  const Ref w = b.weight(random_tensor(DType::i8, {5}, -2, 2, random));
  const Ref below = b.compare(x, w, engine::program::CompareOp::less);
  const Ref same = b.compare(x, w, engine::program::CompareOp::equal);
  const Ref most = b.compare(w, x, engine::program::CompareOp::less_equal);
  const Ref high = b.weight(random_tensor(DType::i8, {1}, 50, 90, random));
  const Ref chosen = b.select(below, w, high);
  const Ref other = b.select(x, chosen, same);
  const Ref fixed = b.select(w, most, other);
  const Ref sum = b.add(fixed, other);
  return finished(b, sum);
}

/// Quotients by a value and by constants, remainders, of numbers of both signs; square roots; numbers too wide for one product.
inline Program dividing_network() {
  base::SeededRandom random(15);
  Builder b;
  const Ref x = b.input("x", {DType::i16, {2, 4}}, {}, -3000, 3000);
  const Ref d = b.input("d", {DType::i8, {2, 1}}, {}, 1, 90);
  const auto [q, r] = b.divide(x, d);
  const Ref q3 = b.quotient(x, b.weight(random_tensor(DType::i8, {1, 4}, 3, 9, random)));
  const Ref two = b.weight(random_tensor(DType::i16, {1}, 2, 2, random)),
            one = b.weight(random_tensor(DType::i8, {1}, 1, 1, random));
  const Ref square = b.requantise(b.mul(x, x), two, one, 0, 9000000);
  const Ref root = b.isqrt(square);
  const Ref wide = b.shift(square, 36);  // below 2^60
  const Ref wide_root = b.isqrt(wide);
  const Ref divisor = b.add(b.shift(square, 18), d);  // 1 to 2^42
  const auto [wide_q, wide_r] = b.divide(wide, divisor);
  const Ref wide_x = b.shift(x, 48);
  const auto [low_q, low_r] = b.divide(wide_x, divisor);
  const Ref parts = b.concat({b.shift(q, 0, DType::i64), b.shift(r, 0, DType::i64), b.shift(q3, 0, DType::i64),
                              b.shift(root, 0, DType::i64), b.shift(wide_root, 0, DType::i64), b.shift(wide_q, 0, DType::i64),
                              b.shift(wide_r, 0, DType::i64), b.shift(low_q, 0, DType::i64), b.shift(low_r, 0, DType::i64)},
                             1);
  return finished(b, parts);
}

/// Running sums, largest and several largest elements with and without ties, along inner and outer axes.
inline Program ordering_network() {
  Builder b;
  const Ref x = b.input("x", {DType::i8, {3, 4, 2}}, {}, -4, 4);
  const Ref sums = b.prefix_sum(x, 1);
  const Ref best = b.argmax(sums, 1);      // [3, 1, 2]
  const Ref last = b.argmax(x, 2);         // [3, 4, 1]
  const auto [top, at] = b.topk(x, 1, 2);  // [3, 2, 2]
  const auto [all, order] = b.topk(sums, 0, 3);
  const Ref total = b.add(b.add(top, at), best);
  b.output("order", b.add(b.add(all, order), last), {});
  return finished(b, total);
}

/// Rows of values, of weights and by constant indices; rows written over, with batches and an outer axis.
inline Program indexing_network() {
  base::SeededRandom random(16);
  Builder b;
  const Ref x = b.input("x", {DType::i8, {2, 2, 4, 3}}, {}, -100, 100);
  const Ref at = b.input("at", {DType::i8, {2, 2}}, {}, 0, 2);
  const Ref words = b.weight(random_tensor(DType::i16, {5, 3}, -9, 9, random));
  const Ref shifted = b.add(at, b.weight(random_tensor(DType::i8, {1}, 2, 2, random)));  // 2 to 4
  const Ref embedded = b.gather(words, shifted, 0);                                      // [2, 2, 3]
  const Ref rows = b.gather(x, at, 2, 1);                                                // [2, 2, 2, 3]
  const Ref fixed = b.gather(x, b.weight(random_tensor(DType::i8, {2}, 0, 3, random)), 2);
  const auto [unused, order] = b.topk(b.slice(x, {0, 0, 0, 0}, {1, 1, 1, 1}, {2, 1, 4, 1}), 2, 2);  // distinct
  const Ref places = b.reshape(order, {2, 2});
  const Ref written = b.scatter(x, places, rows, 2, 1);
  b.output("embedded", embedded, {});
  b.output("fixed", fixed, {});
  auto lines = IntTensor::zeros(DType::i8, {2});
  lines.set(0, 3);
  lines.set(1, 1);
  b.output("constant", b.scatter(written, b.weight(std::move(lines)), fixed, 2), {});
  return finished(b, written);
}

/// Shifts that leave one value, or few, of a requantise, and a bias that is computed.
inline Program edge_network() {
  base::SeededRandom random(17);
  Builder b;
  const Ref x = b.input("x", {DType::i16, {2, 3}}, {}, -30000, 30000);
  const Ref wide = b.mul(x, b.weight(random_tensor(DType::i32, {3}, 1 << 30, (1 << 30) + 99, random)));
  const auto factor = [&](std::int64_t m) { return b.weight(random_tensor(DType::i16, {1}, m, m, random)); };
  const auto shift = [&](std::int64_t s) { return b.weight(random_tensor(DType::i8, {1}, s, s, random)); };
  const Ref m1 = factor(30000), m2 = factor(32767), s1 = shift(61), s2 = shift(40), s3 = shift(62);
  const Ref few = b.requantise(wide, m1, s1, 0, 100);
  const Ref many = b.requantise(wide, m2, s2, -1, 1 << 20);
  const Ref none = b.requantise(wide, m2, s3, 5, 9);
  const Ref w = b.weight(random_tensor(DType::i8, {3, 3}, -9, 9, random));
  const Ref bias = b.reshape(b.slice(few, {0, 0}, {1, 1}, {1, 3}), {3});
  const Ref product = b.matmul(b.requantise(many, m1, shift(20), -127, 127), w, bias);
  b.output("none", none, {});
  return finished(b, product);
}

inline std::vector<std::pair<std::string, Program>> sample_programs() {
  return {{"dense", dense_network()},       {"convolutional", convolutional_network()},
          {"mixed", mixed_network()},       {"choosing", choosing_network()},
          {"dividing", dividing_network()}, {"ordering", ordering_network()},
          {"indexing", indexing_network()}, {"edge", edge_network()}};
}

/// What a verifier has: with hidden weights, the file without any weight.
inline Program public_description(const Program& program, const Secrecy& secrecy) {
  auto out = engine::program::decode(engine::program::encode(program, !secrecy.weights));
  KOINON_INVARIANT(out.has_value());
  return std::move(*out);
}

}  // namespace koinon::trust::proof
