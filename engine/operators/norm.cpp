#include <algorithm>
#include <cmath>

#include "engine/operators/expansion.hpp"
#include "engine/operators/fixed.hpp"
#include "engine/operators/long_sums.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// Normalisations: LayerNormalization, RMSNormalization, InstanceNormalization, GroupNormalization, MeanVarianceNormalization
// and LpNormalization. All are x seen in some shape, brought to mean 0 (or not) and mean square 1 over some axes, times a
// scale, plus a bias.
namespace koinon::engine::operators {

namespace {

struct Plan {
  Shape view;                     ///< the input's elements in this shape
  std::vector<std::size_t> axes;  ///< of view, ascending
  double epsilon = 0;
  bool centred = true;
  bool absolute = false;  ///< divide by the sum of |x| (LpNormalization with p = 1)
  double factor = 1;      ///< of the result
  Shape affine;           ///< shape of scale and bias, which broadcasts to view
};

Result<Plan> plan_layer(const Call& call) {
  Plan plan;
  plan.view = call.shape(0);
  plan.centred = call.node().op == "LayerNormalization";
  plan.epsilon = call.real("epsilon", 1e-5);
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", -1), plan.view.size()));
  for (auto i = axis; i < plan.view.size(); ++i) plan.axes.push_back(i);
  plan.affine = call.shape(1);
  for (std::size_t i = 1; i < call.inputs() && i < 3; ++i) {
    if (!call.has(i)) continue;
    KOINON_TRY(const auto together, broadcast(call, plan.view, call.shape(i)));
    if (together != plan.view || call.shape(i) != plan.affine)
      return call.fail(Code::malformed, "input {} of shape {} for a normalised shape {}", i, tensor::shape_text(call.shape(i)),
                       tensor::shape_text(plan.view));
  }
  return plan;
}

Result<Plan> plan_channels(const Call& call) {
  const auto& x = call.shape(0);
  if (x.size() < 2) return call.fail(Code::malformed, "input of shape {}", tensor::shape_text(x));
  Plan plan;
  plan.epsilon = call.real("epsilon", 1e-5);
  const bool grouped = call.node().op == "GroupNormalization";
  const auto groups = grouped ? call.integer("num_groups", 0) : x[1];
  if (groups < 1 || groups > x[1] || x[1] % groups != 0)
    return call.fail(Code::malformed, "{} groups of {} channels", groups, x[1]);
  plan.view = {x[0], groups, x[1] / groups};
  plan.view.insert(plan.view.end(), x.begin() + 2, x.end());
  for (std::size_t i = 2; i < plan.view.size(); ++i) plan.axes.push_back(i);
  const bool each_group = grouped && call.opset() < 21;
  plan.affine = {1, groups, each_group ? 1 : x[1] / groups};
  plan.affine.resize(plan.view.size(), 1);
  const auto wanted = each_group ? groups : x[1];
  for (std::size_t i : {1U, 2U})
    if (call.shape(i) != Shape{wanted})
      return call.fail(Code::malformed, "input {} of shape {}: [{}] expected", i, tensor::shape_text(call.shape(i)), wanted);
  return plan;
}

Result<Plan> plan_of(const Call& call) {
  const auto& op = call.node().op;
  for (std::size_t i = 0; i < call.inputs(); ++i)
    if (call.has(i) && !onnx::is_float(call.type(i).element)) return call.fail(Code::unsupported, "integer tensors");
  if (onnx::count(call.shape(0)) < 1) return call.fail(Code::unsupported, "an empty tensor");
  if (op == "LayerNormalization" || op == "RMSNormalization" || op == "SimplifiedLayerNormalization") return plan_layer(call);
  if (op == "InstanceNormalization" || op == "GroupNormalization") return plan_channels(call);
  Plan plan;
  plan.view = call.shape(0);
  if (op == "MeanVarianceNormalization") {
    plan.epsilon = 1e-18;
    for (auto a : call.integers("axes", {0, 2, 3})) {
      KOINON_TRY(const auto axis, call.axis(a, plan.view.size()));
      plan.axes.push_back(axis);
    }
    std::ranges::sort(plan.axes);
    if (std::ranges::adjacent_find(plan.axes) != plan.axes.end()) return call.fail(Code::malformed, "an axis twice");
    return plan;
  }
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", -1), plan.view.size()));
  const auto p = call.integer("p", 2);
  if (p != 1 && p != 2) return call.fail(Code::malformed, "p = {}: 1 or 2 expected", p);
  plan.axes = {axis};
  plan.centred = false;
  plan.absolute = p == 1;
  plan.factor = p == 1 ? 1 : 1 / std::sqrt(static_cast<double>(plan.view[axis]));
  return plan;
}

Shape kept_shape(Shape shape, const std::vector<std::size_t>& reduced) {
  for (auto a : reduced) shape[a] = 1;
  return shape;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto plan, plan_of(call));
  const Type statistics{Element::f32, kept_shape(plan.view, plan.axes)};
  if (call.node().op == "LayerNormalization") return std::vector<Type>{call.type(0), statistics, statistics};
  return std::vector<Type>{call.type(0)};
}

/// Mean (0 when not centred) and 1 / deviation of every group.
struct Statistics {
  std::vector<double> mean, inverse;
};

Statistics measure(const Plan& plan, const Value& x, const std::vector<std::int64_t>& strides) {
  const auto kept = kept_shape(plan.view, plan.axes);
  const auto n = static_cast<std::size_t>(onnx::count(kept));
  const double count = static_cast<double>(x.size()) / static_cast<double>(n);
  Statistics out{std::vector<double>(n, 0), std::vector<double>(n, 0)};
  const auto real = [&](std::size_t i) { return static_cast<double>(x.floats[i]); };
  if (plan.centred) walk(plan.view, strides, 0, [&](std::size_t i, std::size_t g) { out.mean[g] += real(i) / count; });
  walk(plan.view, strides, 0, [&](std::size_t i, std::size_t g) {
    const double d = real(i) - out.mean[g];
    out.inverse[g] += plan.absolute ? std::fabs(d) : d * d;
  });
  for (auto& v : out.inverse) {
    const double size = plan.absolute ? v : std::sqrt(v / count + plan.epsilon);
    v = size > 0 ? 1 / size : 0;
  }
  return out;
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto plan, plan_of(call));
  const auto kept = kept_shape(plan.view, plan.axes);
  const auto strides = broadcast_strides(kept, plan.view);
  const auto statistics = measure(plan, call.value(0), strides);
  Value y = call.value(0);
  std::vector<double> scaled(y.floats.size());
  walk(plan.view, strides, 0, [&](std::size_t i, std::size_t g) {
    scaled[i] = (static_cast<double>(y.floats[i]) - statistics.mean[g]) * statistics.inverse[g] * plan.factor;
  });
  if (call.has(1))
    walk(plan.view, broadcast_strides(plan.affine, plan.view), 0, [&](std::size_t i, std::size_t j) {
      scaled[i] = scaled[i] * static_cast<double>(call.value(1).floats[j]);
      if (call.has(2)) scaled[i] += static_cast<double>(call.value(2).floats[j]);
    });
  for (std::size_t i = 0; i < scaled.size(); ++i) y.floats[i] = static_cast<float>(scaled[i]);
  const auto group = [&](const std::vector<double>& v) { return Value::of_floats(kept, {v.begin(), v.end()}); };
  return std::vector<Value>{std::move(y), group(statistics.mean), group(statistics.inverse)};
}

/// x * scale + bias, where constants are exact to 16 bits and anything else is a value of the graph.
Result<Fixed> affine(const Call& call, Lowering& to, const Plan& plan, Fixed y) {
  auto& b = to.builder();
  if (!call.has(1)) return y;
  if (call.known(1) != nullptr) {
    auto [data, unit] = Lowering::whole(call.value(1), 16);
    data.shape = plan.affine;
    y = {b.mul(y.ref, b.weight(std::move(data))), y.unit * unit};
  } else {
    KOINON_TRY(const auto scale, to.in(call, 1));
    y = product(to, y, {b.reshape(to.plain(scale), plan.affine), scale.scale.real()});
  }
  if (!call.has(2)) return y;
  if (call.known(2) != nullptr) {
    Value bias = call.value(2);
    bias.shape = plan.affine;
    y = coarsened(to, y, bias);
    KOINON_TRY(const auto ref, to.units(call, bias, y.unit));
    return Fixed{b.add(y.ref, ref), y.unit};
  }
  KOINON_TRY(const auto bias, to.in(call, 2));
  return sum(to, y, {b.reshape(to.plain(bias), plan.affine), bias.scale.real()});
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto plan, plan_of(call));
  KOINON_TRY(const auto x, to.in(call, 0));
  auto& b = to.builder();
  const auto plain = to.plain(x);
  const Fixed in{plan.view == x.shape ? plain : b.reshape(plain, plan.view), x.scale.real()};
  Fixed y;
  if (plan.absolute) {
    const auto total = long_reduce(to, absolute(to, in.ref), program::ReduceOp::sum, plan.view, plan.axes);
    y = ratio(to, in, {total, in.unit}, 24);
    const auto edge = onnx::saturate(1 / y.unit);
    y = fit(to, {clamp(to, y.ref, -edge, edge), y.unit}, 27);
  } else {
    y = normalised(to, in, plan.view, plan.axes, plan.epsilon, plan.centred);
    y.unit *= plan.factor;
  }
  KOINON_TRY(const auto out, affine(call, to, plan, y));
  const auto narrow = fit(to, out, 46);
  const auto& shape = call.output_type(0).shape;
  return to.emit(call, plan.view == shape ? narrow.ref : b.reshape(narrow.ref, shape), {narrow.unit});
}

/// Where the mean or the deviation is asked for too, they are made of other nodes.
Status expand_layer(const Call& call, Expansion& to) {
  const auto asked = [&](std::size_t i) { return call.outputs() > i && call.output(i) != onnx::kAbsent; };
  if (!asked(1) && !asked(2)) return {};
  KOINON_TRY(const auto plan, plan_of(call));
  std::vector<std::int64_t> list;
  for (auto a : plan.axes) list.push_back(static_cast<std::int64_t>(a));
  const auto mean_of = [&](int v) { return to.add("ReduceMean", {v, to.integers(list)}); };
  const int x = call.input(0);
  to.result(0, to.add("LayerNormalization", call.node().inputs, call.node().attributes));
  const int mean = mean_of(x);
  const int d = to.add("Sub", {x, mean});
  const int variance = to.add("Add", {mean_of(to.add("Mul", {d, d})), to.real(static_cast<float>(plan.epsilon))});
  to.result(1, mean);
  to.result(2, to.add("Reciprocal", {to.add("Sqrt", {variance})}));
  return {};
}

constexpr Operator kOperators[] = {{"LayerNormalization", 1, kNewest, 2, 3, infer, compute, lower, false, expand_layer},
                                   {"RMSNormalization", 1, kNewest, 2, 2, infer, compute, lower},
                                   {"SimplifiedLayerNormalization", 1, kNewest, 2, 2, infer, compute, lower},
                                   {"InstanceNormalization", 6, kNewest, 3, 3, infer, compute, lower},
                                   {"GroupNormalization", 18, kNewest, 3, 3, infer, compute, lower},
                                   {"MeanVarianceNormalization", 9, kNewest, 1, 1, infer, compute, lower},
                                   {"LpNormalization", 1, kNewest, 1, 1, infer, compute, lower}};

}  // namespace

std::span<const Operator> norm_operators() { return kOperators; }

}  // namespace koinon::engine::operators
