#pragma once
#include <random>

#include "engine/program/builder.hpp"

namespace koinon::trust::fhe {

/// Draws constants of a program.
struct Draw {
  std::mt19937_64 rng;
  engine::tensor::IntTensor within(std::int64_t most, engine::tensor::Shape shape,
                                   engine::tensor::DType dtype = engine::tensor::DType::i8) {
    auto out = engine::tensor::IntTensor::zeros(dtype, std::move(shape));
    for (std::int64_t i = 0; i < out.size(); ++i)
      out.set(i, static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(2 * most + 1)) - most);
    return out;
  }
};

inline engine::program::Ref requantised(engine::program::Builder& b, engine::program::Ref x, std::int8_t shift) {
  return b.requantise(x, b.weight(engine::tensor::IntTensor::of<std::int16_t>({1}, {16411})),
                      b.weight(engine::tensor::IntTensor::of<std::int8_t>({1}, {shift})), 0, 127, engine::tensor::DType::i8);
}

/// LeNet in shape: two convolutions of 5 x 5 with maxima of 2 x 2, three full layers, 8 bits.
inline engine::program::Program lenet() {
  Draw draw{std::mt19937_64(3)};
  engine::program::Builder b;
  auto x = b.input("x", {engine::tensor::DType::i8, {1, 28, 28, 1}}, {}, 0, 127);
  const engine::program::ConvParams params{
      .groups = 1, .strides = {1, 1}, .dilations = {1, 1}, .pads_begin = {0, 0}, .pads_end = {0, 0}};
  const engine::program::ReduceParams halves{.op = engine::program::ReduceOp::max,
                                             .window = {1, 2, 2, 1},
                                             .strides = {1, 2, 2, 1},
                                             .dilations = {1, 1, 1, 1},
                                             .pads_begin = {0, 0, 0, 0},
                                             .pads_end = {0, 0, 0, 0}};
  x = b.conv(x, b.weight(draw.within(31, {6, 5, 5, 1})), params, b.weight(draw.within(1000, {6}, engine::tensor::DType::i32)),
             {});
  x = b.reduce(requantised(b, x, 21), halves);
  x = b.conv(x, b.weight(draw.within(31, {16, 5, 5, 6})), params, b.weight(draw.within(1000, {16}, engine::tensor::DType::i32)),
             {});
  x = b.reshape(b.reduce(requantised(b, x, 22), halves), {1, 256});
  x = b.matmul(x, b.weight(draw.within(31, {120, 256})), b.weight(draw.within(1000, {120}, engine::tensor::DType::i32)));
  x = b.matmul(requantised(b, x, 22), b.weight(draw.within(31, {84, 120})));
  x = b.matmul(requantised(b, x, 22), b.weight(draw.within(31, {10, 84})));
  b.output("scores", x, {});
  b.output("class", b.argmax(x, 1), {});
  return b.finish({}).value();
}

}  // namespace koinon::trust::fhe
