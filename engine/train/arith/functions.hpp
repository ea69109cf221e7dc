#pragma once

namespace koinon::engine::train {

/// The functions that training applies to single elements, in float32. Fused multiply-adds, additions, products, divisions and
/// the correctly rounded square root alone, in one fixed order: the same bits on every machine, by every table of lanes.hpp.
///
/// Largest errors, in units in the last place of the exact result (tested against long double over all of the range):
///
///   exp      1.1   0 below -104, infinity above 88.73; subnormal results within 1 unit
///   log      1     -infinity at 0, NaN below
///   tanh     2
///   erf      2
///   sigmoid  3     for x > -87; below, an absolute error of 2^-149
///   gelu     absolute 2^-22 max(1, |x|)   x * (1 + erf(x / sqrt 2)) / 2
///   silu     4     for x > -87
///   sqrt     0.5   (IEEE 754); a reciprocal root is 1 / sqrt(x), two roundings: 1.5
///
/// NaN in, NaN out.
float exp(float x);
float log(float x);
float tanh(float x);
float erf(float x);
float sigmoid(float x);
float gelu(float x);
float silu(float x);

}  // namespace koinon::engine::train
