#include <algorithm>
#include <numeric>

#include "engine/operators/expansion.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"

// NonZero, Unique and Compress, whose shapes follow from data: of constants, or, for Compress, by a constant condition. Range.
namespace koinon::engine::operators {

namespace {

Status needs_constants(const Call& call) {
  for (std::size_t i = 0; i < call.inputs(); ++i)
    if (call.has(i) && call.known(i) == nullptr)
      return call.fail(Code::unsupported, "the shape of its result depends on data that is not constant (input {})", i);
  return {};
}

// NonZero

std::vector<std::int64_t> non_zero(const Value& x) {
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < x.size(); ++i)
    if (x.real(i) != 0) out.push_back(i);
  return out;
}

Result<std::vector<Type>> infer_non_zero(const Call& call) {
  KOINON_CHECK(needs_constants(call));
  const auto n = static_cast<std::int64_t>(non_zero(call.value(0)).size());
  return std::vector<Type>{{Element::i64, {static_cast<std::int64_t>(call.shape(0).size()), n}}};
}

Result<std::vector<Value>> compute_non_zero(const Call& call) {
  const auto found = non_zero(call.value(0));
  const auto strides = strides_of(call.shape(0));
  Value y = Value::zeros(call.output_type(0));
  for (std::size_t d = 0; d < strides.size(); ++d)
    for (std::size_t i = 0; i < found.size(); ++i) y.ints[d * found.size() + i] = found[i] / strides[d] % call.shape(0)[d];
  return std::vector<Value>{std::move(y)};
}

// Compress

Result<std::vector<std::int64_t>> kept(const Call& call) {
  const auto* condition = call.known(1);
  if (condition == nullptr) return call.fail(Code::unsupported, "its condition must be constant");
  if (condition->element != Element::boolean || condition->shape.size() != 1)
    return call.fail(Code::malformed, "a condition that is no list of bool");
  std::int64_t n = onnx::count(call.shape(0));
  if (call.given("axis")) {
    KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), call.shape(0).size()));
    n = call.shape(0)[axis];
  }
  if (condition->size() > n) return call.fail(Code::malformed, "{} conditions for {} elements", condition->size(), n);
  auto out = non_zero(*condition);
  if (out.empty()) return call.fail(Code::unsupported, "an empty result");
  return out;
}

Status expand_compress(const Call& call, Expansion& to) {
  KOINON_TRY(auto places, kept(call));
  int x = call.input(0);
  std::int64_t axis = 0;
  if (call.given("axis"))
    axis = call.integer("axis", 0);
  else
    x = to.reshape(x, {-1});
  to.result(0, to.add("Gather", {x, to.integers(std::move(places))}, Attributes{{"axis", axis}}));
  return {};
}

// Unique

struct Found {
  std::vector<std::int64_t> first, counts;  ///< one each, in the order of the result
  std::vector<std::int64_t> inverse;        ///< for each slice of the input its place in the result
};

struct Slices {
  std::int64_t count = 0, outer = 1, inner = 1;
};

Result<Slices> slices(const Call& call) {
  const auto& x = call.shape(0);
  if (!call.given("axis")) return Slices{onnx::count(x), 1, 1};
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), x.size()));
  const auto at = x.begin() + static_cast<std::ptrdiff_t>(axis);
  return Slices{x[axis], onnx::count({x.begin(), at}), onnx::count({at + 1, x.end()})};
}

Found find_unique(const Value& x, const Slices& s, bool sorted) {
  const auto compare = [&](std::int64_t a, std::int64_t b) {
    for (std::int64_t o = 0; o < s.outer; ++o)
      for (std::int64_t i = 0; i < s.inner; ++i) {
        const double p = x.real((o * s.count + a) * s.inner + i), q = x.real((o * s.count + b) * s.inner + i);
        if (p != q) return p < q ? -1 : 1;
      }
    return 0;
  };
  std::vector<std::int64_t> order(static_cast<std::size_t>(s.count));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, [&](auto a, auto b) {
    const int c = compare(a, b);
    return c != 0 ? c < 0 : a < b;
  });
  std::vector<std::vector<std::int64_t>> groups;
  for (auto i : order) {
    if (groups.empty() || compare(groups.back()[0], i) != 0) groups.emplace_back();
    groups.back().push_back(i);
  }
  if (!sorted) std::ranges::sort(groups, {}, [](const auto& g) { return g[0]; });
  Found out;
  out.inverse.resize(static_cast<std::size_t>(s.count));
  for (const auto& group : groups) {
    for (auto i : group) out.inverse[static_cast<std::size_t>(i)] = static_cast<std::int64_t>(out.first.size());
    out.first.push_back(group[0]);
    out.counts.push_back(static_cast<std::int64_t>(group.size()));
  }
  return out;
}

Result<std::vector<Value>> unique(const Call& call) {
  KOINON_CHECK(needs_constants(call));
  KOINON_TRY(const auto s, slices(call));
  const auto& x = call.value(0);
  const auto found = find_unique(x, s, call.integer("sorted", 1) != 0);
  const auto n = static_cast<std::int64_t>(found.first.size());
  Shape shape{n};
  if (call.given("axis")) {
    KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), x.shape.size()));
    shape = x.shape;
    shape[axis] = n;
  }
  Value y = Value::zeros({x.element, shape});
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const auto k = i / s.inner % n;
    const auto from = static_cast<std::size_t>(
        (i / (s.inner * n) * s.count + found.first[static_cast<std::size_t>(k)]) * s.inner + i % s.inner);
    if (onnx::is_float(x.element))
      y.floats[static_cast<std::size_t>(i)] = x.floats[from];
    else
      y.ints[static_cast<std::size_t>(i)] = x.ints[from];
  }
  return std::vector<Value>{std::move(y), Value::of_ints({n}, found.first), Value::of_ints({s.count}, found.inverse),
                            Value::of_ints({n}, found.counts)};
}

Result<std::vector<Type>> infer_unique(const Call& call) {
  KOINON_TRY(const auto values, unique(call));
  std::vector<Type> out;
  for (const auto& v : values) out.push_back(v.type());
  return out;
}

// Range

Result<std::int64_t> range_size(const Call& call) {
  KOINON_CHECK(needs_constants(call));
  for (std::size_t i = 0; i < 3; ++i) {
    KOINON_CHECK(same_elements(call, 0, i));
    if (call.value(i).size() != 1) return call.fail(Code::malformed, "input {} has {} elements", i, call.value(i).size());
  }
  const double start = call.value(0).real(0), limit = call.value(1).real(0), step = call.value(2).real(0);
  if (step == 0) return call.fail(Code::malformed, "a step of 0");
  double n = (limit - start) / step;
  const auto whole = static_cast<double>(onnx::saturate(n));
  n = whole < n ? whole + 1 : whole;
  if (!(n <= static_cast<double>(1 << 24))) return call.fail(Code::out_of_range, "{} elements", n);
  return n > 0 ? onnx::saturate(n) : 0;
}

Result<std::vector<Type>> infer_range(const Call& call) {
  KOINON_TRY(const auto n, range_size(call));
  return std::vector<Type>{{call.type(0).element, {n}}};
}

Result<std::vector<Value>> compute_range(const Call& call) {
  Value y = Value::zeros(call.output_type(0));
  for (std::size_t i = 0; i < y.floats.size(); ++i)
    y.floats[i] = static_cast<float>(call.value(0).real(0) + static_cast<double>(i) * call.value(2).real(0));
  for (std::size_t i = 0; i < y.ints.size(); ++i)
    y.ints[i] = call.value(0).ints[0] + static_cast<std::int64_t>(i) * call.value(2).ints[0];
  return std::vector<Value>{std::move(y)};
}

constexpr Operator kOperators[] = {{"NonZero", 9, kNewest, 1, 1, infer_non_zero, compute_non_zero, nullptr},
                                   {"Compress", 9, kNewest, 2, 2, nullptr, nullptr, nullptr, false, expand_compress},
                                   {"Unique", 11, kNewest, 1, 1, infer_unique, unique, nullptr},
                                   {"Range", 11, kNewest, 3, 3, infer_range, compute_range, nullptr}};

}  // namespace

std::span<const Operator> selection_operators() { return kOperators; }

}  // namespace koinon::engine::operators
