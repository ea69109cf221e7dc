#include "engine/run/golden_programs.hpp"

#include <cstdio>

#include "engine/program/builder.hpp"

namespace koinon::engine::run {
namespace {

using program::Builder;
using program::CompareOp;
using program::DType;
using program::ReduceOp;
using program::Ref;
using program::Scale;
using tensor::IntTensor;
using tensor::Shape;

/// splitmix64 (Steele, Lea and Flood 2014): the same numbers with every standard library.
class Numbers {
 public:
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// In [low, high]; an end, 0 or -1 every fourth time.
  std::int64_t in(std::int64_t low, std::int64_t high) {
    const auto corner = next() % 16;
    if (corner == 0) return low;
    if (corner == 1) return high;
    if (corner < 4 && low <= -1 && high >= 0) return corner == 2 ? 0 : -1;
    const auto span = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + (span + 1 == 0 ? next() : next() % (span + 1)));
  }
  IntTensor tensor(DType dtype, Shape shape, std::int64_t low, std::int64_t high) {
    auto t = IntTensor::zeros(dtype, std::move(shape));
    for (std::int64_t i = 0; i < t.size(); ++i) t.set(i, in(low, high));
    return t;
  }
  IntTensor tensor(DType dtype, Shape shape) {
    return tensor(dtype, std::move(shape), tensor::dtype_low(dtype), tensor::dtype_high(dtype));
  }

 private:
  std::uint64_t state_ = 20260101;
};

/// Builds one program; inputs get their data as they are declared.
struct Maker {
  Builder b;
  Numbers numbers;
  std::vector<IntTensor> inputs;
  int outputs = 0;

  Ref given(IntTensor data, std::int64_t low, std::int64_t high) {
    const auto name = "x" + std::to_string(inputs.size());
    inputs.push_back(std::move(data));
    return b.input(name, {inputs.back().dtype, inputs.back().shape}, Scale{3, -9}, low, high);
  }
  Ref input(DType dtype, const Shape& shape, std::int64_t low, std::int64_t high) {
    return given(numbers.tensor(dtype, shape, low, high), low, high);
  }
  Ref input(DType dtype, const Shape& shape) {
    return input(dtype, shape, tensor::dtype_low(dtype), tensor::dtype_high(dtype));
  }
  Ref weight(DType dtype, const Shape& shape, std::int64_t low, std::int64_t high) {
    return b.weight(numbers.tensor(dtype, shape, low, high));
  }
  Ref weight(DType dtype, const Shape& shape) { return b.weight(numbers.tensor(dtype, shape)); }
  template <class T>
  Ref list(std::vector<T> v) {
    const auto n = static_cast<std::int64_t>(v.size());
    return b.weight(IntTensor::of<T>({n}, v));
  }
  void out(Ref ref) { b.output("y" + std::to_string(outputs++), ref, Scale{5, -3}); }
};

using Wide = std::int64_t;
constexpr Wide kFar = (Wide{1} << 61) - 1;  // products by 1 and sums of two stay below 2^62

void matmul(Maker& m) {
  const Ref a = m.input(DType::i8, {3, 37});
  const Ref wide = m.input(DType::i16, {2, 2, 9});
  const Ref other = m.input(DType::i16, {2, 3, 9});
  // Partial sums leave i32, the final one does not.
  const Ref large = m.given(IntTensor::of<std::int16_t>({1, 4}, {32767, 32767, 32767, 32767}), 0, 32767);
  const Ref w = m.weight(DType::i8, {5, 37});
  const Ref bias = m.weight(DType::i32, {5}, -1000000, 1000000);
  m.out(m.b.matmul(a, w, bias));
  m.out(m.b.matmul(wide, other));  // two values, batches
  const Ref mixed = m.weight(DType::i8, {4, 9});
  m.out(m.b.matmul(wide, mixed, {}, DType::i64));
  const Ref top = m.b.weight(IntTensor::of<std::int16_t>({1, 4}, {32767, 32767, 32767, 32767}));
  const Ref down = m.list<std::int32_t>({INT32_MIN});
  m.out(m.b.matmul(large, top, down, DType::i32));
}

void conv(Maker& m) {
  const Ref x = m.input(DType::i8, {2, 6, 7, 4});
  const Ref line = m.input(DType::i16, {1, 9, 3});
  const Ref box = m.input(DType::i8, {1, 3, 3, 3, 2});
  const Ref w = m.weight(DType::i8, {6, 3, 2, 2});
  const Ref bias = m.weight(DType::i16, {6});
  m.out(m.b.conv(x, w, {2, {2, 1}, {1, 2}, {1, 0}, {0, 3}}, bias));
  const Ref each = m.weight(DType::i8, {4, 3, 3, 1});
  m.out(m.b.conv(x, each, {4, {1, 1}, {1, 1}, {1, 1}, {1, 1}}));
  const Ref taps = m.weight(DType::i16, {2, 4, 3});
  m.out(m.b.conv(line, taps, {1, {3}, {2}, {4}, {1}}));
  const Ref cube = m.weight(DType::i16, {3, 2, 2, 2, 2});
  m.out(m.b.conv(box, cube, {1, {1, 2, 1}, {1, 1, 1}, {0, 1, 0}, {1, 0, 0}}));
}

void arithmetic(Maker& m) {
  const Ref a = m.input(DType::i8, {4, 1, 5}), b = m.input(DType::i16, {3, 1});
  const Ref far = m.input(DType::i64, {6}, -kFar, kFar), one = m.input(DType::i64, {}, -1, 1);
  const Ref x = m.input(DType::i32, {2, 6});
  m.out(m.b.add(a, b));
  m.out(m.b.sub(b, a));
  m.out(m.b.mul(a, b));
  m.out(m.b.sub(far, far));
  m.out(m.b.mul(far, one));
  m.out(m.b.add(x, far));
}

void requantise(Maker& m) {
  const Ref x =
      m.given(IntTensor::of<std::int8_t>({16}, {-10, -9, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 126, 127}), -128, 127);
  const Ref acc = m.input(DType::i32, {4, 8});
  const Ref far = m.input(DType::i64, {9}, -(Wide{1} << 45), Wide{1} << 45);
  const Ref small = m.input(DType::i64, {9}, -(Wide{1} << 60), Wide{1} << 60), end = m.list<std::int8_t>({62});
  // Every tie and its neighbours: x * 1 + 2 >> 2.
  const Ref one = m.list<std::int16_t>({1}), two = m.list<std::int8_t>({2});
  m.out(m.b.requantise(x, one, two, -128, 127));
  const Ref both = m.list<std::int16_t>({2}), half = m.list<std::int8_t>({1});
  m.out(m.b.requantise(x, both, half, -3, 100, DType::i8));  // a clamp
  m.out(m.b.requantise(x, both, half, 5, 5, DType::i64));
  const Ref each = m.weight(DType::i16, {8}, 1, 32767), shifts = m.weight(DType::i8, {8}, 1, 40);
  m.out(m.b.requantise(acc, each, shifts, -32768, 32767, DType::i16));
  const Ref rows = m.weight(DType::i16, {4, 1}, 1, 32767), single = m.list<std::int8_t>({24});
  m.out(m.b.requantise(acc, rows, single, -127, 127, DType::i8));
  const Ref most = m.list<std::int16_t>({32767}), last = m.list<std::int8_t>({61});
  m.out(m.b.requantise(far, most, last, -8, 8));
  m.out(m.b.requantise(small, one, end, -8, 8));
}

void lookup(Maker& m) {
  const Ref x = m.input(DType::i8, {3, 50});
  const Ref y = m.input(DType::i32, {40}, 1000, 1299);
  const Ref table = m.b.table(m.numbers.tensor(DType::i16, {256}));
  m.out(m.b.lookup(x, table, -128));
  const Ref wide = m.b.table(m.numbers.tensor(DType::i64, {310}, -kFar, kFar));
  m.out(m.b.lookup(y, wide, 995));
  const Ref narrow = m.b.table(m.numbers.tensor(DType::i8, {300}));
  m.out(m.b.lookup(y, narrow, 1000));
}

void reduce(Maker& m) {
  const Ref x = m.input(DType::i8, {2, 5, 6, 3});
  const Ref far = m.input(DType::i64, {4}, -kFar / 4, kFar / 4);
  for (auto op : {ReduceOp::sum, ReduceOp::max, ReduceOp::min}) {
    m.out(m.b.reduce(x, {op, {1, 3, 2, 1}, {1, 2, 1, 1}, {1, 1, 2, 1}, {0, 1, 1, 0}, {0, 1, 0, 0}}));
    m.out(m.b.reduce(x, program::ReduceParams::axes(op, {2, 5, 6, 3}, {0, 2})));
  }
  m.out(m.b.reduce(far, program::ReduceParams::axes(ReduceOp::sum, {4}, {0})));
}

void scans(Maker& m) {
  const Ref x = m.input(DType::i8, {3, 20, 2});
  const Ref tied = m.input(DType::i16, {4, 9}, -2, 2);
  const Ref far = m.input(DType::i64, {7}, -kFar, kFar);
  for (std::size_t axis = 0; axis < 3; ++axis) m.out(m.b.prefix_sum(x, axis));
  m.out(m.b.prefix_sum(x, 1, DType::i64));
  for (std::size_t axis = 0; axis < 2; ++axis) {
    m.out(m.b.argmax(tied, axis));
    const auto [values, places] = m.b.topk(tied, axis, 3);
    m.out(values);
    m.out(places);
  }
  m.out(m.b.topk(far, 0, 7).first);
  m.out(m.b.argmax(far, 0));
}

void choices(Maker& m) {
  const Ref a = m.input(DType::i8, {4, 6}, -3, 3), b = m.input(DType::i16, {6}, -3, 3);
  const Ref far = m.input(DType::i64, {4, 1}, -kFar, kFar);
  const Ref wide = m.b.shift(a, 0, DType::i16);
  for (auto op : {CompareOp::equal, CompareOp::less, CompareOp::less_equal}) m.out(m.b.compare(a, b, op));
  m.out(m.b.select(a, wide, b));  // any condition that is not 0
  m.out(m.b.compare(far, b, CompareOp::less));
  m.out(m.b.select(b, far, far));
}

void indices(Maker& m) {
  const Ref x = m.input(DType::i16, {3, 4, 5});
  const Ref each = m.input(DType::i32, {3, 4, 2}, 0, 4);
  const Ref first = m.input(DType::i64, {}, 0, 2);
  const Ref rows = m.input(DType::i16, {3, 4, 2});
  const Ref places = m.given(IntTensor::of<std::int8_t>({3, 2}, {0, 3, 2, 1, 3, 2}), 0, 3);
  const Ref lines = m.input(DType::i16, {3, 2, 5});
  const Ref few = m.b.weight(IntTensor::of<std::int8_t>({2, 2}, {3, 0, 0, 1}));
  m.out(m.b.gather(x, few, 1));
  m.out(m.b.gather(x, each, 2, 2));
  m.out(m.b.gather(x, first, 0));
  const Ref perm = m.b.weight(IntTensor::of<std::int16_t>({2}, {4, 1}));
  m.out(m.b.scatter(x, perm, rows, 2));
  m.out(m.b.scatter(x, places, lines, 1, 1));
}

void division(Maker& m) {
  const Ref a = m.given(IntTensor::of<std::int8_t>({12}, {-128, -127, -8, -7, -6, -1, 0, 1, 6, 7, 8, 127}), -128, 127);
  const Ref far = m.input(DType::i64, {5, 1}, -kFar, kFar), by = m.input(DType::i32, {4}, 1, INT32_MAX);
  for (std::int8_t divisor : {std::int8_t{1}, std::int8_t{7}, std::int8_t{127}}) {
    const auto [quotient, rest] = m.b.divide(a, m.list<std::int8_t>({divisor}));
    m.out(quotient);
    m.out(rest);
  }
  const auto [quotient, rest] = m.b.divide(far, by);
  m.out(quotient);
  m.out(rest);
  m.out(m.b.quotient(a, m.list<std::int64_t>({kFar})));
}

void roots_and_shifts(Maker& m) {
  std::vector<std::int64_t> squares;
  for (Wide root : {Wide{1}, Wide{2}, Wide{46340}, Wide{94906265}, Wide{1518500249}, Wide{1} << 26, Wide{1} << 30})
    for (Wide d : {Wide{-1}, Wide{0}, Wide{1}}) squares.push_back(root * root + d);
  const auto n = static_cast<std::int64_t>(squares.size());
  const Ref x = m.given(IntTensor::of<std::int64_t>({n}, squares), 0, (Wide{1} << 62) - 1);
  const Ref small = m.input(DType::i16, {10}, 0, 32767);
  const Ref far = m.input(DType::i64, {9}, -kFar, kFar), byte = m.input(DType::i8, {9});
  m.out(m.b.isqrt(x));
  m.out(m.b.isqrt(small, DType::i16));
  for (std::int64_t bits : {-1, -31, -61, -62, 0}) m.out(m.b.shift(far, bits));
  for (std::int64_t bits : {-62, -8, -7, 0, 1, 24, 54}) m.out(m.b.shift(byte, bits));
}

void movement(Maker& m) {
  const Ref x = m.input(DType::i32, {2, 3, 4});
  const Ref other = m.input(DType::i32, {2, 1, 4});
  const Ref one = m.input(DType::i8, {}, -5, 5);
  m.out(m.b.reshape(x, {4, 6}));
  m.out(m.b.transpose(x, {2, 0, 1}));
  m.out(m.b.slice(x, {1, 0, 3}, {-1, 2, -3}, {2, 2, 2}));
  m.out(m.b.concat({x, other, x}, 1));
  m.out(m.b.pad(x, {0, 1, 2}, {1, 0, 3}, -2147483648));
  m.out(m.b.broadcast(other, {3, 2, 5, 4}));
  m.out(m.b.reshape(one, {1, 1}));
  m.out(m.b.broadcast(one, {2}));
}

/// Inputs that are outputs, and nothing between; an output named twice.
void nothing(Maker& m) {
  const Ref x = m.input(DType::i8, {3}), y = m.input(DType::i64, {2, 2}, -9, 9);
  m.out(y);
  m.out(x);
  m.out(y);
}

/// Tensors of 1, 1024, 1025, 3 * 1024 and 5 * 1024 + 1 bytes: the shapes of Merkle trees.
void leaves(Maker& m) {
  std::vector<Ref> all;
  const std::int64_t sizes[] = {1, 1023, 1024, 1025, 3072, 5121};
  for (auto size : sizes) all.push_back(m.input(DType::i8, {size}));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Ref w = m.weight(DType::i8, {sizes[i]});
    m.out(m.b.add(all[i], w));
  }
}

/// A small network: convolution, pooling, a table, a product with bias, the place of the largest.
void network(Maker& m) {
  const Ref x = m.input(DType::i8, {1, 12, 12, 1}, -127, 127);
  const auto scaled = [&](Ref acc, std::int64_t low) {
    const auto n = m.b.info(acc).shape.back();
    const Ref factors = m.weight(DType::i16, {n}, 16384, 32767), shifts = m.weight(DType::i8, {1}, 21, 23);
    return m.b.requantise(acc, factors, shifts, low, 127, DType::i8);
  };
  const Ref kernel = m.weight(DType::i8, {8, 5, 5, 1}, -127, 127), offset = m.weight(DType::i32, {8}, -9999, 9999);
  Ref y = scaled(m.b.conv(x, kernel, {1, {1, 1}, {1, 1}, {0, 0}, {0, 0}}, offset), 0);
  y = m.b.reduce(y, {ReduceOp::max, {1, 2, 2, 1}, {1, 2, 2, 1}, {1, 1, 1, 1}, {0, 0, 0, 0}, {0, 0, 0, 0}});
  y = m.b.lookup(y, m.b.table(m.numbers.tensor(DType::i8, {128})), 0);
  y = m.b.reshape(y, {1, 128});
  const Ref rows = m.weight(DType::i8, {10, 128}, -127, 127), bias = m.weight(DType::i32, {10}, -9999, 9999);
  y = m.b.matmul(y, rows, bias);
  m.out(scaled(y, -127));
  m.out(m.b.argmax(y, 1));
}

}  // namespace

std::vector<Golden> golden_programs() {
  const std::pair<const char*, void (*)(Maker&)> all[] = {{"matmul", matmul},
                                                          {"conv", conv},
                                                          {"arithmetic", arithmetic},
                                                          {"requantise", requantise},
                                                          {"lookup", lookup},
                                                          {"reduce", reduce},
                                                          {"scans", scans},
                                                          {"choices", choices},
                                                          {"indices", indices},
                                                          {"division", division},
                                                          {"roots_and_shifts", roots_and_shifts},
                                                          {"movement", movement},
                                                          {"nothing", nothing},
                                                          {"leaves", leaves},
                                                          {"network", network}};
  std::vector<Golden> out;
  for (const auto& [name, make] : all) {
    Maker m;
    make(m);
    auto made = m.b.finish({name, "Koinon", "Apache-2.0", "golden vectors"});
    if (!made) std::fprintf(stderr, "%s: %s\n", name, made.error().text.c_str());
    KOINON_INVARIANT(made.has_value());
    out.push_back({name, *std::move(made), std::move(m.inputs)});
  }
  return out;
}

}  // namespace koinon::engine::run
