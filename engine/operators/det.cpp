#include <cmath>

#include "engine/operators/expansion.hpp"
#include "engine/operators/table.hpp"

// Det: determinants of the matrices [..., n, n].
namespace koinon::engine::operators {

namespace {

Result<std::vector<Type>> infer(const Call& call) {
  const auto& x = call.shape(0);
  if (x.size() < 2 || x[x.size() - 1] != x[x.size() - 2] || x.back() < 1 || !onnx::is_float(call.type(0).element))
    return call.fail(Code::malformed, "matrices of shape {}", tensor::shape_text(x));
  return std::vector<Type>{{call.type(0).element, {x.begin(), x.end() - 2}}};
}

/// Gauss with the largest pivot of each column.
double determinant(std::vector<double> a, std::size_t n) {
  double out = 1;
  for (std::size_t c = 0; c < n; ++c) {
    std::size_t best = c;
    for (std::size_t r = c + 1; r < n; ++r)
      if (std::fabs(a[r * n + c]) > std::fabs(a[best * n + c])) best = r;
    if (a[best * n + c] == 0) return 0;
    if (best != c) {
      for (std::size_t k = 0; k < n; ++k) std::swap(a[best * n + k], a[c * n + k]);
      out = -out;
    }
    out *= a[c * n + c];
    for (std::size_t r = c + 1; r < n; ++r) {
      const double factor = a[r * n + c] / a[c * n + c];
      for (std::size_t k = c; k < n; ++k) a[r * n + k] -= factor * a[c * n + k];
    }
  }
  return out;
}

Result<std::vector<Value>> compute(const Call& call) {
  Value y = Value::zeros(call.output_type(0));
  const auto n = static_cast<std::size_t>(call.shape(0).back());
  for (std::size_t i = 0; i < y.floats.size(); ++i) {
    const auto first = call.value(0).floats.begin() + static_cast<std::ptrdiff_t>(i * n * n);
    y.floats[i] = static_cast<float>(determinant({first, first + static_cast<std::ptrdiff_t>(n * n)}, n));
  }
  return std::vector<Value>{std::move(y)};
}

/// Determinant of the rows from `row` on and the columns left, by the first of those rows.
int cofactors(Expansion& to, const std::vector<std::vector<int>>& a, std::size_t row, std::vector<std::size_t> columns) {
  if (columns.size() == 1) return a[row][columns[0]];
  int out = onnx::kAbsent;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    auto rest = columns;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    const int term = to.add("Mul", {a[row][columns[i]], cofactors(to, a, row + 1, rest)});
    out = i == 0 ? term : to.add(i % 2 == 0 ? "Add" : "Sub", {out, term});
  }
  return out;
}

Status expand(const Call& call, Expansion& to) {
  const Shape shape = call.shape(0), out = call.output_type(0).shape;
  const auto n = static_cast<std::size_t>(shape.back());
  const auto rank = static_cast<std::int64_t>(shape.size());
  if (n > 4) return call.fail(Code::unsupported, "matrices of {} rows that are not constant: at most 4", n);
  std::vector<std::vector<int>> elements(n);
  std::vector<std::size_t> columns;
  for (std::size_t r = 0; r < n; ++r) {
    columns.push_back(r);
    for (std::size_t c = 0; c < n; ++c) {
      const auto i = static_cast<std::int64_t>(r), j = static_cast<std::int64_t>(c);
      elements[r].push_back(to.slice(call.input(0), {i, j}, {i + 1, j + 1}, {rank - 2, rank - 1}));
    }
  }
  to.result(0, to.reshape(cofactors(to, elements, 0, columns), out));
  return {};
}

constexpr Operator kOperators[] = {{"Det", 11, kNewest, 1, 1, infer, compute, nullptr, false, expand}};

}  // namespace

std::span<const Operator> det_operators() { return kOperators; }

}  // namespace koinon::engine::operators
