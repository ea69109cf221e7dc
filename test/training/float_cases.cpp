#include "test/training/float_cases.hpp"

#include <bit>
#include <cmath>

#include "engine/train/arith/lanes.hpp"

namespace koinon::test::training {
namespace {

using engine::train::Lanes;

float number(std::uint32_t bits) { return std::bit_cast<float>(bits); }
std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }

const Lanes& table() { return engine::train::lanes(engine::kernels::Isa::ref); }

template <Lanes::Map Lanes::* kMap>
std::uint32_t map(const Three& x) {
  const float from = number(x[0]);
  float to = 0;
  (table().*kMap)(1, &from, &to);
  return bits(to);
}

/// The derivative: the gradient of an output whose own gradient is 1.
template <Lanes::Slope Lanes::* kSlope>
std::uint32_t slope(const Three& x) {
  const float from = number(x[0]), one = 1;
  float to = 0;
  (table().*kSlope)(1, &from, &one, &to);
  return bits(to);
}

std::uint32_t below(base::Random& random, std::uint32_t n) { return static_cast<std::uint32_t>(random.u64() % n); }

/// Any sign and fraction, the exponent near `field`; fractions of few bits half of the time.
std::uint32_t near(base::Random& random, int field) {
  const auto word = random.u64();
  const int at = std::min(254, std::max(0, field));
  auto fraction = static_cast<std::uint32_t>(word) & 0x7fffffU;
  if ((word >> 40 & 1) != 0) fraction &= 0x7fffffU << (word >> 32 & 0xff) % 24;
  return static_cast<std::uint32_t>(word >> 41 & 1) << 31 | static_cast<std::uint32_t>(at) << 23 | fraction;
}

int field(std::uint32_t bits) { return static_cast<int>(bits >> 23 & 0xff); }

/// A third operand that nearly cancels the product of the first two, or is half a unit of its last place.
std::uint32_t against_product(base::Random& random, const Three& x) {
  const float product = number(x[0]) * number(x[1]);
  const auto lot = below(random, 4);
  if (lot == 0) return bits(-product);
  if (lot == 1) return bits(-product) + 1;
  if (lot == 2) return bits(-product) - 1;
  return near(random, field(bits(product)) - 24 - static_cast<int>(below(random, 3)));
}

/// Two factors whose product is one unit below a multiple of 2^24, and that multiple: what is left is a single bit.
Three one_apart(base::Random& random) {
  const auto left = 0x800001U | (static_cast<std::uint32_t>(random.u64()) & 0x7ffffeU);
  std::uint32_t inverse = left;  // modulo 2^24: each round doubles the bits that are right
  for (int i = 0; i < 5; ++i) inverse *= 2U - left * inverse;
  const auto right = (0U - inverse) & 0xffffffU;
  const auto product = static_cast<double>(std::uint64_t{left} * right + 1);
  const auto sign = static_cast<std::uint32_t>(random.u64()) & 0x80000000U;
  return {bits(static_cast<float>(left)) | sign, bits(static_cast<float>(right)), bits(static_cast<float>(-product)) ^ sign};
}

}  // namespace

const std::vector<Operation>& operations() {
  static const std::vector<Operation> all = {
      {0, "add", 2, [](const Three& x) { return bits(number(x[0]) + number(x[1])); }},
      {1, "sub", 2, [](const Three& x) { return bits(number(x[0]) - number(x[1])); }},
      {2, "mul", 2, [](const Three& x) { return bits(number(x[0]) * number(x[1])); }},
      {3, "div", 2, [](const Three& x) { return bits(number(x[0]) / number(x[1])); }},
      {4, "fma", 3, [](const Three& x) { return bits(std::fma(number(x[0]), number(x[1]), number(x[2]))); }},
      {5, "sqrt", 1, [](const Three& x) { return bits(std::sqrt(number(x[0]))); }},
      {6, "lt", 2, [](const Three& x) { return number(x[0]) < number(x[1]) ? 1U : 0U; }},
      {7, "eq", 2, [](const Three& x) { return number(x[0]) == number(x[1]) ? 1U : 0U; }},
      {8, "larger", 2, [](const Three& x) { return number(x[0]) > number(x[1]) ? x[0] : x[1]; }},
      {9, "exp", 1, map<&Lanes::exp>},
      {10, "log", 1, map<&Lanes::log>},
      {11, "tanh", 1, map<&Lanes::tanh>},
      {12, "erf", 1, map<&Lanes::erf>},
      {13, "sigmoid", 1, map<&Lanes::sigmoid>},
      {14, "gelu", 1, map<&Lanes::gelu>},
      {15, "silu", 1, map<&Lanes::silu>},
      {16, "tanh'", 1, slope<&Lanes::tanh_slope>},
      {17, "sigmoid'", 1, slope<&Lanes::sigmoid_slope>},
      {18, "gelu'", 1, slope<&Lanes::gelu_slope>},
      {19, "silu'", 1, slope<&Lanes::silu_slope>},
      {20, "relu", 1, map<&Lanes::relu>},
  };
  return all;
}

const std::vector<std::uint32_t>& extremes() {
  static const std::vector<std::uint32_t> all = [] {
    const std::vector<std::uint32_t> sizes = {
        0,          1,          2,          3,          0x3fffff,   0x400000,   0x7ffffe,   0x7fffff,   0x800000,
        0x800001,   0x800002,   0xffffff,   0x1000000,  0x1000001,  0x0c000000, 0x33800000, 0x33ffffff, 0x34000000,
        0x3effffff, 0x3f000000, 0x3f3504f3, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x3fffffff, 0x40000000, 0x40400000,
        0x42b17218, 0x42cff1b5, 0x4b000000, 0x4b000001, 0x4b7fffff, 0x4b800000, 0x4b800001, 0x5f000000, 0x7e800000,
        0x7effffff, 0x7f000000, 0x7f7ffffe, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fbfffff, 0x7fc00000, 0x7fffffff};
    std::vector<std::uint32_t> out;
    for (const auto size : sizes) out.insert(out.end(), {size, size | 0x80000000U});
    return out;
  }();
  return all;
}

std::vector<Three> extreme_cases(int operands, base::Random& random) {
  const auto& all = extremes();
  std::vector<Three> out;
  const auto any = [&] { return all[below(random, static_cast<std::uint32_t>(all.size()))]; };
  for (const auto a : all) {
    if (operands == 1) out.push_back({a, 0, 0});
    for (const auto b : all)
      if (operands == 2) out.push_back({a, b, 0});
  }
  for (int i = 0; operands == 3 && i < 4000; ++i) out.push_back({any(), any(), any()});
  return out;
}

Three throw_case(base::Random& random) {
  const auto word = random.u64();
  const int at = static_cast<int>(below(random, 255)), off = static_cast<int>(below(random, 7)) - 3;
  Three x = {static_cast<std::uint32_t>(word), static_cast<std::uint32_t>(word >> 32),
             static_cast<std::uint32_t>(random.u64())};
  switch (below(random, 9)) {
    case 0: return x;
    case 8: return one_apart(random);
    case 1: return {near(random, 120 + off), near(random, 127 + off), near(random, 120 + 2 * off)};  // functions change here
    case 2: x = {near(random, at), near(random, at + off), 0}; break;                                // sums that vanish
    case 3: x = {near(random, at), near(random, at - 24 + off), 0}; break;                           // ties of sums
    case 4: x = {near(random, at), near(random, 127 - at - 22 + off + 4), 0}; break;                 // small products
    case 5: x = {near(random, at), near(random, 254 + 127 - at + off), 0}; break;                    // large ones
    case 6: x = {x[0], x[0] ^ 0x80000000U ^ (x[1] & 3U), 0}; break;
    default: x = {near(random, static_cast<int>(below(random, 3))), near(random, at), 0}; break;  // subnormals
  }
  x[2] = against_product(random, x);
  return x;
}

std::uint32_t canonical(std::uint32_t x) { return (x & 0x7fffffffU) > 0x7f800000U ? 0x7fc00000U : x; }

base::Bytes little_endian(const std::vector<std::uint32_t>& numbers) {
  base::Bytes out;
  out.reserve(4 * numbers.size());
  for (const auto x : numbers)
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(x >> (8 * i)));
  return out;
}

base::Bytes little_endian(const std::vector<Three>& cases) {
  std::vector<std::uint32_t> flat;
  for (const auto& x : cases) flat.insert(flat.end(), x.begin(), x.end());
  return little_endian(flat);
}

void FloatTwins::compare(const Operation& operation, const std::vector<Three>& cases) {
  constexpr std::size_t kCall = 500;  // within the gas of a call
  for (std::size_t first = 0; first < cases.size(); first += kCall) {
    const std::vector<Three> some(cases.begin() + static_cast<std::ptrdiff_t>(first),
                                  cases.begin() + static_cast<std::ptrdiff_t>(std::min(cases.size(), first + kCall)));
    const auto out = contract_.each(operation.number, little_endian(some));
    ASSERT_TRUE(out) << out.error().text;
    std::vector<std::uint32_t> expected;
    for (const auto& x : some) expected.push_back(canonical(operation.machine(x)));
    const auto bytes = little_endian(expected);
    if (*out == bytes) continue;
    ASSERT_EQ(out->size(), bytes.size());
    for (std::size_t i = 0; i < some.size(); ++i)
      ASSERT_TRUE(std::equal(bytes.begin() + static_cast<std::ptrdiff_t>(4 * i),
                             bytes.begin() + static_cast<std::ptrdiff_t>(4 * i + 4),
                             out->begin() + static_cast<std::ptrdiff_t>(4 * i)))
          << operation.name << std::hex << " of 0x" << some[i][0] << ", 0x" << some[i][1] << ", 0x" << some[i][2] << ": 0x"
          << expected[i] << " expected, bytes " << base::to_hex(base::ByteView(*out).subspan(4 * i, 4));
  }
}

}  // namespace koinon::test::training
