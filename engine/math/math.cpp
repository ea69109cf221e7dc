#include "engine/math/math.hpp"

#include <cmath>
#include <limits>

// From <cmath> only functions that IEEE 754 makes exact or correctly rounded: floor, fabs, ldexp, frexp, sqrt, isnan, isinf.
namespace koinon::engine::math {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
// log 2 in two parts; the first has 32 significant bits, so that k * kLn2High is exact for |k| < 2^20.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
// pi / 2 in three parts of 33, 33 and 53 bits (Cody and Waite).
constexpr double kHalfPi1 = 0x1.921fb544p+0;
constexpr double kHalfPi2 = 0x1.0b4611a6p-34;
constexpr double kHalfPi3 = 0x1.3198a2e037073p-69;
constexpr double kHalfPi = 0x1.921fb54442d18p+0;

/// sum over n >= 1 of r^n / n! for |r| <= 0.35, by Horner's rule to the 14th power.
double exp_tail(double r) {
  double sum = 0;
  for (int n = 14; n >= 1; --n) sum = (sum + 1.0) * (r / n);
  return sum;
}

/// 2 atanh(s) for |s| <= 0.18.
double twice_atanh(double s) {
  const double q = s * s;
  double sum = 0;
  for (int n = 25; n >= 3; n -= 2) sum = (sum + 1.0 / n) * q;
  return 2.0 * s + 2.0 * s * sum;
}

double sin_series(double r) {
  const double q = r * r;
  double sum = 0;
  for (int n = 20; n >= 2; n -= 2) sum = (sum + 1.0) * (-q / (n * (n + 1)));
  return r + r * sum;
}

double cos_series(double r) {
  const double q = r * r;
  double sum = 0;
  for (int n = 19; n >= 1; n -= 2) sum = (sum + 1.0) * (-q / (n * (n + 1)));
  return 1.0 + sum;
}

double sin_quadrant(double x, int shift) {
  if (std::isnan(x) || std::isinf(x)) return kNan;
  const double k = std::floor(x / kHalfPi + 0.5);
  const double r = ((x - k * kHalfPi1) - k * kHalfPi2) - k * kHalfPi3;
  const int quadrant = static_cast<int>(k - 4.0 * std::floor(k / 4.0)) + shift;
  switch (quadrant & 3) {
    case 0: return sin_series(r);
    case 1: return cos_series(r);
    case 2: return -sin_series(r);
    default: return -cos_series(r);
  }
}

}  // namespace

double exp(double x) {
  if (std::isnan(x)) return x;
  if (x > 709.8) return kInfinity;
  if (x < -746.0) return 0;
  const double k = std::floor(x / (kLn2High + kLn2Low) + 0.5);
  const double r = (x - k * kLn2High) - k * kLn2Low;
  return std::ldexp(1.0 + exp_tail(r), static_cast<int>(k));
}

double expm1(double x) { return std::fabs(x) < 0.35 ? exp_tail(x) : exp(x) - 1.0; }

double log(double x) {
  if (std::isnan(x) || x < 0) return kNan;
  if (x == 0) return -kInfinity;
  if (std::isinf(x)) return x;
  int exponent = 0;
  double m = std::frexp(x, &exponent);
  if (m < 0.70710678118654752) {
    m *= 2;
    --exponent;
  }
  const double tail = twice_atanh((m - 1.0) / (m + 1.0));
  return exponent * kLn2High + (tail + exponent * kLn2Low);
}

double log1p(double x) { return x > -0.25 && x < 0.4 ? twice_atanh(x / (2.0 + x)) : log(1.0 + x); }

double tanh(double x) {
  if (std::isnan(x)) return x;
  if (x > 22) return 1;
  if (x < -22) return -1;
  const double e = expm1(2.0 * x);
  return e / (e + 2.0);
}

double sinh(double x) {
  if (std::fabs(x) > 700) return x > 0 ? exp(x - 0x1.62e42fefa39efp-1) : -exp(-x - 0x1.62e42fefa39efp-1);
  const double e = expm1(std::fabs(x));
  const double y = 0.5 * (e + e / (e + 1.0));
  return x < 0 ? -y : y;
}

double cosh(double x) {
  const double a = std::fabs(x);
  if (a > 700) return exp(a - 0x1.62e42fefa39efp-1);
  const double e = exp(a);
  return 0.5 * (e + 1.0 / e);
}

double asinh(double x) {
  const double a = std::fabs(x);
  const double y = a > 1e8 ? log(a) + 0x1.62e42fefa39efp-1 : log1p(a + a * a / (1.0 + std::sqrt(a * a + 1.0)));
  return x < 0 ? -y : y;
}

double acosh(double x) {
  if (!(x >= 1)) return kNan;
  if (x > 1e8) return log(x) + 0x1.62e42fefa39efp-1;
  const double t = x - 1.0;
  return log1p(t + std::sqrt(2.0 * t + t * t));
}

double atanh(double x) { return 0.5 * log1p(2.0 * x / (1.0 - x)); }

// erf(x) = 2/sqrt(pi) exp(-x^2) sum of 2^n x^(2n+1) / (2n+1)!!; Abramowitz and Stegun 7.1.6. All terms have one sign.
double erf(double x) {
  if (std::isnan(x)) return x;
  if (x > 6) return 1;
  if (x < -6) return -1;
  double term = x;
  double sum = x;
  for (int n = 1; n < 200 && std::fabs(term) > 1e-18 * std::fabs(sum); ++n) {
    term = term * (2.0 * x * x) / (2 * n + 1);
    sum = sum + term;
  }
  return 0x1.20dd750429b6dp+0 * exp(-x * x) * sum;
}

double sin(double x) { return sin_quadrant(x, 0); }
double cos(double x) { return sin_quadrant(x, 1); }
double tan(double x) { return sin(x) / cos(x); }

// Halves the angle twice, atan(x) = 2 atan(x / (1 + sqrt(1 + x^2))), then the series.
double atan(double x) {
  if (std::isnan(x)) return x;
  const bool flip = std::fabs(x) > 1;
  double t = flip ? 1.0 / x : x;
  t = t / (1.0 + std::sqrt(1.0 + t * t));
  t = t / (1.0 + std::sqrt(1.0 + t * t));
  const double q = t * t;
  double sum = 0;
  for (int n = 29; n >= 3; n -= 2) sum = (1.0 / n - sum) * q;
  const double y = 4.0 * (t - t * sum);
  if (!flip) return y;
  return x > 0 ? kHalfPi - y : -kHalfPi - y;
}

double asin(double x) {
  if (!(x >= -1 && x <= 1)) return kNan;
  return x == 1 ? kHalfPi : x == -1 ? -kHalfPi : atan(x / std::sqrt((1.0 - x) * (1.0 + x)));
}

double acos(double x) {
  if (!(x >= -1 && x <= 1)) return kNan;
  if (x == -1) return 2 * kHalfPi;
  return 2.0 * atan(std::sqrt((1.0 - x) / (1.0 + x)));
}

double pow(double x, double y) {
  if (y == std::floor(y) && std::fabs(y) <= 64) {
    double out = 1;
    for (int n = 0; n < static_cast<int>(std::fabs(y)); ++n) out *= x;
    return y < 0 ? 1.0 / out : out;
  }
  if (y == 0.5) return std::sqrt(x);
  if (x < 0) {
    if (y != std::floor(y)) return kNan;
    const bool odd = y - 2.0 * std::floor(y / 2.0) != 0;
    return odd ? -exp(y * log(-x)) : exp(y * log(-x));
  }
  if (x == 0) return y < 0 ? kInfinity : 0;
  return exp(y * log(x));
}

}  // namespace koinon::engine::math
