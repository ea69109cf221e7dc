#pragma once

/// Elementary functions whose every bit is ours: double arithmetic (+, -, *, / and the correctly rounded square root) in a
/// fixed order, with no call of libm, so that tables and scales come out the same on every machine. Needs -ffp-contract=off.
/// Error bounds are relative unless said otherwise, and tested against long double libm.
namespace koinon::engine::math {

double exp(double x);    ///< 4e-16 for |x| <= 700; 0 below -745, infinity above 709.8
double expm1(double x);  ///< 1e-15
double log(double x);    ///< 4e-16, absolute where |log x| < 1; NaN below 0, -infinity at 0
double log1p(double x);  ///< 1e-15
double tanh(double x);   ///< 1e-15
double sinh(double x);   ///< 2e-15
double cosh(double x);   ///< 1e-15
double asinh(double x);  ///< 2e-15
double acosh(double x);  ///< 2e-15, absolute near 1
double atanh(double x);  ///< 5e-15
double erf(double x);    ///< 2e-15
double sin(double x);    ///< 1e-15 absolute for |x| <= 1e5
double cos(double x);    ///< as sin
double tan(double x);    ///< sin / cos
double atan(double x);   ///< 1e-15
double asin(double x);   ///< 2e-15 absolute; NaN outside [-1, 1]
double acos(double x);   ///< 2e-15 absolute; NaN outside [-1, 1]
/// x to the y: exact for small whole y by repeated multiplication, else exp(y log x), with an error of |y log x| * 4e-16.
double pow(double x, double y);

}  // namespace koinon::engine::math
