#include <algorithm>
#include <cmath>

#include "engine/operators/fixed.hpp"
#include "engine/operators/long_sums.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// MatMul (NumPy's rule; here with an optional third input, a bias [n], which quantise/simplify.cpp folds in) and Gemm
// (alpha A' B' + beta C).
namespace koinon::engine::operators {

namespace {

Status check_floats(const Call& call) {
  for (std::size_t i = 0; i < call.inputs(); ++i)
    if (call.has(i) && !onnx::is_float(call.type(i).element)) return call.fail(Code::unsupported, "integer tensors");
  return {};
}

/// A matrix product of a [batch..., m, k] and b [batch..., k, n], seen through strides.
struct Product {
  Shape batch;
  std::int64_t m = 1, n = 1, k = 1;
  std::vector<std::int64_t> a_batch, b_batch;
  std::int64_t a_row = 0, a_column = 0, b_row = 0, b_column = 0;
};

Result<Product> matmul_product(const Call& call) {
  Shape a = call.shape(0), b = call.shape(1);
  if (a.empty() || b.empty()) return call.fail(Code::malformed, "a scalar operand");
  if (a.size() == 1) a.insert(a.begin(), 1);
  if (b.size() == 1) b.push_back(1);
  Product p;
  p.m = a[a.size() - 2];
  p.k = a.back();
  p.n = b.back();
  if (b[b.size() - 2] != p.k) return call.fail(Code::malformed, "inner sizes differ: {} against {}", p.k, b[b.size() - 2]);
  const Shape a_lead(a.begin(), a.end() - 2), b_lead(b.begin(), b.end() - 2);
  KOINON_TRY(p.batch, broadcast(call, a_lead, b_lead));
  p.a_batch = broadcast_strides(a_lead, p.batch);
  p.b_batch = broadcast_strides(b_lead, p.batch);
  for (auto& s : p.a_batch) s *= p.m * p.k;
  for (auto& s : p.b_batch) s *= p.k * p.n;
  p.a_row = p.k;
  p.a_column = 1;
  p.b_row = p.n;
  p.b_column = 1;
  return p;
}

Result<std::vector<Type>> infer_matmul(const Call& call) {
  const auto element = call.type(0).element;
  if (call.type(1).element != element || element == Element::boolean)
    return call.fail(Code::malformed, "element types {} and {}", onnx::element_name(element),
                     onnx::element_name(call.type(1).element));
  KOINON_TRY(const auto p, matmul_product(call));
  Shape out = p.batch;
  if (call.shape(0).size() > 1) out.push_back(p.m);
  if (call.shape(1).size() > 1) out.push_back(p.n);
  if (call.has(2) && (call.shape(2) != Shape{p.n} || !onnx::is_float(element)))
    return call.fail(Code::malformed, "a bias that is not [{}]", p.n);
  return std::vector<Type>{{call.type(0).element, out}};
}

/// b transposed into rows, so that the inner loop runs along memory.
std::vector<float> columns(const Product& p, const float* b) {
  std::vector<float> out(static_cast<std::size_t>(p.n * p.k));
  for (std::int64_t j = 0; j < p.n; ++j)
    for (std::int64_t l = 0; l < p.k; ++l) out[static_cast<std::size_t>(j * p.k + l)] = b[l * p.b_row + j * p.b_column];
  return out;
}

void multiply(const Product& p, const float* a, const float* b, double alpha, float* y) {
  const auto rows = columns(p, b);
  for (std::int64_t i = 0; i < p.m; ++i)
    for (std::int64_t j = 0; j < p.n; ++j) {
      double sum = 0;
      const float* row = rows.data() + j * p.k;
      for (std::int64_t l = 0; l < p.k; ++l)
        sum += static_cast<double>(a[i * p.a_row + l * p.a_column]) * static_cast<double>(row[l]);
      y[i * p.n + j] = static_cast<float>(alpha * sum);
    }
}

/// The same for whole numbers, modulo 2^64.
void multiply_whole(const Product& p, const std::int64_t* a, const std::int64_t* b, std::int64_t* y) {
  for (std::int64_t i = 0; i < p.m; ++i)
    for (std::int64_t j = 0; j < p.n; ++j) {
      std::uint64_t sum = 0;
      for (std::int64_t l = 0; l < p.k; ++l)
        sum += static_cast<std::uint64_t>(a[i * p.k + l]) * static_cast<std::uint64_t>(b[l * p.n + j]);
      y[i * p.n + j] = static_cast<std::int64_t>(sum);
    }
}

Result<std::vector<Value>> compute_matmul(const Call& call) {
  KOINON_TRY(const auto p, matmul_product(call));
  Value y = Value::zeros(call.output_type(0));
  const auto &a = call.value(0), &b = call.value(1);
  std::vector<std::size_t> b_at;
  walk(p.batch, p.b_batch, 0, [&](std::size_t, std::size_t offset) { b_at.push_back(offset); });
  walk(p.batch, p.a_batch, 0, [&](std::size_t i, std::size_t offset) {
    if (!y.ints.empty())
      return multiply_whole(p, a.ints.data() + offset, b.ints.data() + b_at[i],
                            y.ints.data() + static_cast<std::int64_t>(i) * p.m * p.n);
    multiply(p, a.floats.data() + offset, b.floats.data() + b_at[i], 1,
             y.floats.data() + static_cast<std::int64_t>(i) * p.m * p.n);
  });
  if (call.has(2))
    for (std::size_t i = 0; i < y.floats.size(); ++i) y.floats[i] += call.value(2).floats[i % static_cast<std::size_t>(p.n)];
  return std::vector<Value>{std::move(y)};
}

/// x times a constant b [k, n] and a bias, one scale an output column; `x` is reshaped to end in [m, k].
Status lower_constant(const Call& call, Lowering& to, const Product& p, Ref x, Scale scale, std::vector<float> weights,
                      const std::vector<double>& bias, const Shape& out) {
  auto rows = to.rows(weights, {p.n, p.k}, bias, scale.real());
  std::optional<Ref> added;
  if (rows.bias) added = to.builder().weight(*std::move(rows.bias));
  auto acc = long_matmul(to, x, rows.weights, added);
  if (to.builder().error()) return base::fail(*to.builder().error());
  // n is the last axis of `out` too, unless it is 1 and there is one scale.
  if (to.builder().info(acc).shape != out) acc = to.builder().reshape(acc, out);
  return to.emit(call, acc, rows.scale);
}

Status lower_matmul(const Call& call, Lowering& to) {
  KOINON_TRY(const auto p, matmul_product(call));
  KOINON_TRY(const auto x, to.in(call, 0));
  const auto& out = call.output_type(0).shape;
  auto& b = to.builder();
  const bool whole = !onnx::is_float(call.type(0).element);
  if (!whole && call.known(1) != nullptr && call.shape(1).size() <= 2) {
    Shape shape = call.shape(0);
    if (shape.size() == 1) shape.insert(shape.begin(), 1);
    Ref ref = to.plain(x);
    if (shape != x.shape) ref = b.reshape(ref, shape);
    std::vector<double> bias;
    if (call.known(2) != nullptr) bias.assign(call.value(2).floats.begin(), call.value(2).floats.end());
    return lower_constant(call, to, p, ref, x.scale, columns(p, call.value(1).floats.data()), bias, out);
  }
  if (call.has(2)) return call.fail(Code::internal, "a bias on a product of two variables");
  KOINON_TRY(const auto y, to.in(call, 1));
  // Both vary: give both the whole batch, and transpose the right one.
  const auto matrix = [&](const Quantised& q, std::int64_t rows, std::int64_t columns) {
    Shape shape = q.shape;
    if (shape.size() == 1) shape = {rows, columns};
    Ref ref = to.plain(q);
    // A product takes 16 bits; the builder refuses whole numbers that may have more.
    if (const auto range = reach(to, ref); whole && !b.error() && b.info(ref).dtype > DType::i16 && range.low >= -32768)
      ref = range.high <= 32767 ? b.shift(ref, 0, DType::i16) : ref;
    if (shape != q.shape) ref = b.reshape(ref, shape);
    Shape full = p.batch;
    full.insert(full.end(), {rows, columns});
    if (shape.size() < full.size()) {
      shape.insert(shape.begin(), full.size() - shape.size(), 1);
      ref = b.reshape(ref, shape);
    }
    return shape == full ? ref : b.broadcast(ref, full);
  };
  const Ref left = matrix(x, p.m, p.k);
  const Ref right = matrix(y, p.k, p.n);
  std::vector<std::int64_t> order;
  for (std::size_t i = 0; i < p.batch.size() + 2; ++i) order.push_back(static_cast<std::int64_t>(i));
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  Ref acc = long_matmul(to, left, b.transpose(right, order));
  if (b.error()) return base::fail(*b.error());
  if (b.info(acc).shape != call.output_type(0).shape) acc = b.reshape(acc, call.output_type(0).shape);
  if (whole) return to.set_whole(call, acc);
  return to.emit(call, acc, {x.scale.real() * y.scale.real()});
}

Result<Product> gemm_product(const Call& call) {
  const auto &a = call.shape(0), &b = call.shape(1);
  if (a.size() != 2 || b.size() != 2)
    return call.fail(Code::malformed, "shapes {} and {}: matrices expected", tensor::shape_text(a), tensor::shape_text(b));
  const bool ta = call.integer("transA", 0) != 0, tb = call.integer("transB", 0) != 0;
  Product p;
  p.m = a[ta ? 1 : 0];
  p.k = a[ta ? 0 : 1];
  p.n = b[tb ? 0 : 1];
  if (b[tb ? 1 : 0] != p.k) return call.fail(Code::malformed, "inner sizes differ: {} against {}", p.k, b[tb ? 1 : 0]);
  p.a_row = ta ? 1 : p.k;
  p.a_column = ta ? p.m : 1;
  p.b_row = tb ? 1 : p.n;
  p.b_column = tb ? p.k : 1;
  return p;
}

Result<std::vector<Type>> infer_gemm(const Call& call) {
  KOINON_CHECK(check_floats(call));
  KOINON_TRY(const auto p, gemm_product(call));
  const Shape out{p.m, p.n};
  if (call.has(2)) {
    KOINON_TRY(const auto together, broadcast(call, out, call.shape(2)));
    if (together != out)
      return call.fail(Code::malformed, "C of shape {} for a result {}", tensor::shape_text(call.shape(2)),
                       tensor::shape_text(out));
  }
  return std::vector<Type>{{call.type(0).element, out}};
}

Result<std::vector<Value>> compute_gemm(const Call& call) {
  KOINON_TRY(const auto p, gemm_product(call));
  Value y = Value::zeros(call.output_type(0));
  multiply(p, call.value(0).floats.data(), call.value(1).floats.data(), call.real("alpha", 1), y.floats.data());
  if (call.has(2)) {
    const auto c = broadcast_to(call.value(2), y.shape);
    const auto beta = static_cast<float>(call.real("beta", 1));
    for (std::size_t i = 0; i < y.floats.size(); ++i) y.floats[i] += beta * c.floats[i];
  }
  return std::vector<Value>{std::move(y)};
}

/// B or C that are values of the graph, or a C that is no row: one scale, and C is added behind.
Status lower_gemm_variable(const Call& call, Lowering& to) {
  KOINON_TRY(const auto x, to.in(call, 0));
  KOINON_TRY(const auto w, to.in(call, 1));
  auto& b = to.builder();
  const auto left = call.integer("transA", 0) != 0 ? b.transpose(to.plain(x), {1, 0}) : to.plain(x);
  const auto right = call.integer("transB", 0) != 0 ? to.plain(w) : b.transpose(to.plain(w), {1, 0});
  const double alpha = call.real("alpha", 1), beta = call.real("beta", 1);
  Fixed y{long_matmul(to, left, right), x.scale.real() * w.scale.real() * std::fabs(alpha)};
  if (!(y.unit > 0)) return call.fail(Code::unsupported, "alpha {}", alpha);
  if (alpha < 0) y.ref = b.sub(scalar(to, 0), y.ref);
  if (call.has(2) && beta != 0) {
    KOINON_TRY(const auto c, to.in(call, 2));
    y = add_to(to, y, {to.plain(c), c.scale.real() * std::fabs(beta)}, beta < 0);
  }
  return to.emit(call, y.ref, {y.unit});
}

Status lower_gemm(const Call& call, Lowering& to) {
  KOINON_TRY(const auto p, gemm_product(call));
  const bool row_bias = call.has(2) && call.known(2) != nullptr && (call.shape(2).size() < 2 || call.shape(2)[0] == 1);
  if (call.known(1) == nullptr || (call.has(2) && !row_bias)) return lower_gemm_variable(call, to);
  KOINON_TRY(const auto x, to.in(call, 0));
  Ref a = to.plain(x);
  if (call.integer("transA", 0) != 0) a = to.builder().transpose(a, {1, 0});
  auto weights = columns(p, call.value(1).floats.data());
  for (auto& w : weights) w = static_cast<float>(static_cast<double>(w) * call.real("alpha", 1));
  std::vector<double> bias;
  if (call.has(2)) {
    const auto c = broadcast_to(call.value(2), {1, p.n});
    for (float v : c.floats) bias.push_back(static_cast<double>(v) * call.real("beta", 1));
  }
  return lower_constant(call, to, p, a, x.scale, std::move(weights), bias, call.output_type(0).shape);
}

constexpr Operator kOperators[] = {{"MatMul", 1, kNewest, 2, 3, infer_matmul, compute_matmul, lower_matmul},
                                   {"Gemm", 7, kNewest, 2, 3, infer_gemm, compute_gemm, lower_gemm}};

}  // namespace

std::span<const Operator> matmul_operators() { return kOperators; }

}  // namespace koinon::engine::operators
