#pragma once
// The functions of one element and their derivatives, for lanes_body.hpp, which says how it is compiled. Errors: functions.hpp.
#include <cstdint>

namespace koinon::engine::train {
namespace {

inline float fma_(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline float bits_float(std::int32_t bits) { return __builtin_bit_cast(float, bits); }
inline std::int32_t float_bits(float value) { return __builtin_bit_cast(std::int32_t, value); }
inline float sqrt_(float x) { return __builtin_sqrtf(x); }

// log 2 in two parts; the first has 15 significant bits, so that n * kLn2High is exact.
constexpr float kLn2High = 0x1.62e4p-1F, kLn2Low = 0x1.7f7d1cp-20F, kLog2e = 0x1.715476p+0F;
constexpr float kRound = 0x1.8p+23F;  // adding it rounds to a whole number, ties to even
constexpr float kInfinity = __builtin_inff(), kNan = __builtin_nanf("");

/// 2^n for -126 <= n <= 127.
inline float power_of_two(std::int32_t n) { return bits_float((n + 127) * (1 << 23)); }

// exp(x) = 2^n exp(r), |r| <= log(2) / 2; two factors, because 2^n may be beyond the normal numbers.
inline float exp_(float x) {
  const float above = x > 89.0F ? 89.0F : x;
  const float inside = above < -104.0F ? -104.0F : above;  // NaN passes both
  const float shifted = fma_(inside, kLog2e, kRound);
  const float n = shifted - kRound;
  const float r = fma_(n, -kLn2Low, fma_(n, -kLn2High, inside));
  float q = 0x1.6dbc64p-10F;
  q = fma_(q, r, 0x1.124148p-7F);
  q = fma_(q, r, 0x1.555454p-5F);
  q = fma_(q, r, 0x1.555486p-3F);
  q = fma_(q, r, 0.5F);
  const float e = fma_(r * r, q, r) + 1.0F;
  const std::int32_t whole = float_bits(shifted) - float_bits(kRound);
  const std::int32_t half = whole >> 1;
  const float y = e * power_of_two(x == x ? half : 0) * power_of_two(x == x ? whole - half : 0);
  return x == x ? y : kNan;
}

inline float log_(float x) {
  const bool tiny = x < 0x1p-126F;
  const float grown = tiny ? x * 0x1p23F : x;
  const std::int32_t bits = float_bits(grown);
  const std::int32_t from = bits - 0x3f3504f3;  // sqrt(1/2)
  const std::int32_t n = from >> 23;
  const float f = bits_float(bits - n * (1 << 23)) - 1.0F;
  const float exponent = static_cast<float>(n) - (tiny ? 23.0F : 0.0F);
  float q = -0x1.41ed5p-4F;
  q = fma_(q, f, 0x1.07d0ccp-3F);
  q = fma_(q, f, -0x1.0ce08ep-3F);
  q = fma_(q, f, 0x1.226e5p-3F);
  q = fma_(q, f, -0x1.54788ap-3F);
  q = fma_(q, f, 0x1.99a596p-3F);
  q = fma_(q, f, -0x1.00022p-2F);
  q = fma_(q, f, 0x1.55554ap-2F);
  const float square = f * f;
  const float tail = fma_(square * f, q, -0.5F * square);
  const float y = fma_(exponent, kLn2High, f + fma_(exponent, kLn2Low, tail));
  const float positive = x == kInfinity ? kInfinity : y;
  const float real = x > 0.0F ? positive : kNan;
  return x == 0.0F ? -kInfinity : real;
}

inline float tanh_(float x) {
  const float a = x < 0.0F ? -x : x;
  const float square = a * a;
  float q = -0x1.830be6p-8F;
  q = fma_(q, square, 0x1.54e014p-6F);
  q = fma_(q, square, -0x1.b89ed8p-5F);
  q = fma_(q, square, 0x1.1109dcp-3F);
  q = fma_(q, square, -0x1.55553ep-2F);
  const float small = fma_(square * a, q, a);
  const float large = 1.0F - 2.0F / (exp_(a + a) + 1.0F);
  const float y = a < 0.6F ? small : large;
  return x < 0.0F ? -y : (x == 0.0F ? x : y);
}

// Near 0 a polynomial of x^2; beyond, 1 - exp(P(|x|)), P the nearest polynomial to log(erfc).
inline float erf_(float x) {
  const float a = x < 0.0F ? -x : x;
  const float square = a * a;
  float q = 0x1.58947p-14F;
  q = fma_(q, square, -0x1.a8fc6cp-11F);
  q = fma_(q, square, 0x1.54a49p-8F);
  q = fma_(q, square, -0x1.b80b0ep-6F);
  q = fma_(q, square, 0x1.ce2de2p-4F);
  q = fma_(q, square, -0x1.812742p-2F);
  q = fma_(q, square, 0x1.06eba8p-3F);
  const float small = fma_(a, q, a);
  const float t = a > 4.0F ? 4.0F : a;
  float p = -0x1.63d956p-21F;
  p = fma_(p, t, -0x1.9db8f4p-17F);
  p = fma_(p, t, 0x1.9379fp-12F);
  p = fma_(p, t, -0x1.070598p-8F);
  p = fma_(p, t, 0x1.968864p-6F);
  p = fma_(p, t, -0x1.b9fb54p-4F);
  p = fma_(p, t, -0x1.446accp-1F);
  p = fma_(p, t, -0x1.21202ap+0F);
  p = fma_(p, t, 0x1.41aa7p-13F);
  const float large = a > 4.0F ? 1.0F : 1.0F - exp_(p);
  const float y = a < 0.95F ? small : large;
  const float signed_y = x < 0.0F ? -y : (x == 0.0F ? x : y);
  return x == x ? signed_y : kNan;
}

inline float sigmoid_(float x) { return 1.0F / (1.0F + exp_(-x)); }
inline float relu_(float x) { return x < 0.0F ? 0.0F : x; }
inline float gelu_(float x) { return 0.5F * x * (1.0F + erf_(x * 0x1.6a09e6p-1F)); }
inline float silu_(float x) { return x * sigmoid_(x); }

inline float tanh_derivative(float x) {
  const float y = tanh_(x);
  return fma_(-y, y, 1.0F);
}
inline float sigmoid_derivative(float x) {
  const float y = sigmoid_(x);
  return y * (1.0F - y);
}
inline float relu_derivative(float x) { return x > 0.0F ? 1.0F : 0.0F; }
inline float gelu_derivative(float x) {
  const float cdf = 0.5F * (1.0F + erf_(x * 0x1.6a09e6p-1F));
  const float pdf = 0x1.988454p-2F * exp_(-0.5F * x * x);
  return fma_(x, pdf, cdf);
}
inline float silu_derivative(float x) {
  const float s = sigmoid_(x);
  return s * fma_(x, 1.0F - s, 1.0F);
}

}  // namespace
}  // namespace koinon::engine::train
