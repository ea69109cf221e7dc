#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/math/math.hpp"
#include "engine/operators/lowering.hpp"
#include "engine/operators/table.hpp"

// Functions of one element. Each is one row: the standard's formula in double with our own elementary functions. The reference
// rounds it to float32, the lowering tabulates it.
namespace koinon::engine::operators {

namespace {

using Function = double (*)(const Call&, double);

double sigmoid(double x) { return x >= 0 ? 1.0 / (1.0 + math::exp(-x)) : math::exp(x) / (1.0 + math::exp(x)); }
double softplus(double x) { return x > 0 ? x + math::log1p(math::exp(-x)) : math::log1p(math::exp(x)); }
double selu(const Call& c, double x) {
  const double alpha = c.real("alpha", 1.67326319217681884765625), gamma = c.real("gamma", 1.05070102214813232421875);
  return x > 0 ? gamma * x : gamma * alpha * math::expm1(x);
}
double gelu(const Call& c, double x) {
  if (c.text("approximate", "none") == "tanh")
    return 0.5 * x * (1.0 + math::tanh(0.7978845608028653559 * (x + 0.044715 * x * x * x)));
  return 0.5 * x * (1.0 + math::erf(x * 0.70710678118654752440));
}
double round_even(double x) {
  const double down = std::floor(x);
  const double rest = x - down;
  const double even = 2.0 * std::floor(down / 2.0) == down ? down : down + 1.0;
  return std::copysign(rest < 0.5 ? down : rest > 0.5 ? down + 1.0 : even, x);
}
double hard_sigmoid(double x, double alpha, double beta) { return std::max(0.0, std::min(1.0, alpha * x + beta)); }
double mish(double x) { return x * math::tanh(softplus(x)); }

struct Row {
  std::string_view name;
  std::int64_t since;
  Function function;
};

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

constexpr Row kRows[] = {
    {"Abs", 1, [](const Call&, double x) { return std::fabs(x); }},
    {"Acos", 7, [](const Call&, double x) { return math::acos(x); }},
    {"Acosh", 9, [](const Call&, double x) { return math::acosh(x); }},
    {"Asin", 7, [](const Call&, double x) { return math::asin(x); }},
    {"Asinh", 9, [](const Call&, double x) { return math::asinh(x); }},
    {"Atan", 7, [](const Call&, double x) { return math::atan(x); }},
    {"Atanh", 9, [](const Call&, double x) { return math::atanh(x); }},
    {"Ceil", 1, [](const Call&, double x) { return std::ceil(x); }},
    {"Celu", 12,
     [](const Call& c, double x) {
       const double alpha = c.real("alpha", 1);
       return std::max(0.0, x) + std::min(0.0, alpha * math::expm1(x / alpha));
     }},
    {"Cos", 7, [](const Call&, double x) { return math::cos(x); }},
    {"Cosh", 9, [](const Call&, double x) { return math::cosh(x); }},
    {"Elu", 6, [](const Call& c, double x) { return x > 0 ? x : c.real("alpha", 1) * math::expm1(x); }},
    {"Erf", 9, [](const Call&, double x) { return math::erf(x); }},
    {"Exp", 6, [](const Call&, double x) { return math::exp(x); }},
    {"Floor", 1, [](const Call&, double x) { return std::floor(x); }},
    {"Gelu", 20, gelu},
    {"HardSigmoid", 6, [](const Call& c, double x) { return hard_sigmoid(x, c.real("alpha", 0.2), c.real("beta", 0.5)); }},
    {"HardSwish", 14, [](const Call&, double x) { return x * hard_sigmoid(x, 1.0 / 6.0, 0.5); }},
    {"LeakyRelu", 6, [](const Call& c, double x) { return x < 0 ? c.real("alpha", 0.01) * x : x; }},
    {"Log", 6, [](const Call&, double x) { return math::log(x); }},
    {"Mish", 18, [](const Call&, double x) { return mish(x); }},
    {"Neg", 6, [](const Call&, double x) { return -x; }},
    {"Reciprocal", 6, [](const Call&, double x) { return 1.0 / x; }},
    {"Round", 11, [](const Call&, double x) { return round_even(x); }},
    {"Selu", 6, selu},
    {"Shrink", 9,
     [](const Call& c, double x) {
       const double edge = c.real("lambd", 0.5), bias = c.real("bias", 0);
       return x < -edge ? x + bias : x > edge ? x - bias : 0.0;
     }},
    {"Sigmoid", 6, [](const Call&, double x) { return sigmoid(x); }},
    {"Sign", 9, [](const Call&, double x) { return x > 0   ? 1.0
                                                   : x < 0 ? -1.0
                                                           : 0.0; }},
    {"Sin", 7, [](const Call&, double x) { return math::sin(x); }},
    {"Sinh", 9, [](const Call&, double x) { return math::sinh(x); }},
    {"Softplus", 1, [](const Call&, double x) { return softplus(x); }},
    {"Softsign", 1, [](const Call&, double x) { return x / (1.0 + std::fabs(x)); }},
    {"Sqrt", 6, [](const Call&, double x) { return std::sqrt(x); }},
    {"Tan", 7, [](const Call&, double x) { return math::tan(x); }},
    {"Tanh", 6, [](const Call&, double x) { return math::tanh(x); }},
    {"ThresholdedRelu", 10, [](const Call& c, double x) { return x > c.real("alpha", 1) ? x : 0.0; }},
};

double apply(const Call& call, double x) {
  for (const auto& row : kRows)
    if (row.name == call.node().op) return row.function(call, x);
  return kNan;
}

Result<std::vector<Type>> infer(const Call& call) {
  apply(call, 0.5);  // reads the attributes once, so that one of a wrong kind is found here
  const auto& name = call.node().op;
  if (!onnx::is_float(call.type(0).element) && name != "Abs" && name != "Neg" && name != "Sign")
    return call.fail(Code::unsupported, "a tensor of {}", onnx::element_name(call.type(0).element));
  return std::vector<Type>{call.type(0)};
}

Result<std::vector<Value>> compute(const Call& call) {
  Value y = Value::zeros(call.type(0));
  const auto n = static_cast<std::size_t>(y.size());
  const auto row = std::ranges::find(kRows, std::string_view(call.node().op), &Row::name);
  for (std::size_t i = 0; i < n; ++i) {
    const double v = row->function(call, call.value(0).real(static_cast<std::int64_t>(i)));
    if (onnx::is_float(y.element))
      y.floats[i] = static_cast<float>(v);
    else
      y.ints[i] = onnx::saturate(v);
  }
  return std::vector<Value>{std::move(y)};
}

Status lower(const Call& call, Lowering& to) {
  const auto row = std::ranges::find(kRows, std::string_view(call.node().op), &Row::name);
  return to.table(call, [&](double x) { return row->function(call, x); });
}

}  // namespace

std::span<const Operator> unary_operators() {
  static const std::vector<Operator> all = [] {
    std::vector<Operator> out;
    for (const auto& row : kRows) out.push_back({row.name, row.since, kNewest, 1, 1, infer, compute, lower});
    return out;
  }();
  return all;
}

}  // namespace koinon::engine::operators
