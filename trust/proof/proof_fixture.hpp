#pragma once
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

inline std::vector<std::pair<std::string, Program>> sample_programs() {
  return {{"dense", dense_network()}, {"convolutional", convolutional_network()}, {"mixed", mixed_network()}};
}

/// What a verifier has: with hidden weights, the file without any weight.
inline Program public_description(const Program& program, const Secrecy& secrecy) {
  auto out = engine::program::decode(engine::program::encode(program, !secrecy.weights));
  KOINON_INVARIANT(out.has_value());
  return std::move(*out);
}

}  // namespace koinon::trust::proof
