#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/operators/expansion.hpp"
#include "engine/operators/table.hpp"

// What transformers are written with, made of simpler nodes: Attention and RotaryEmbedding (opset 23), and of com.microsoft
// BiasGelu, FastGelu, QuickGelu, Gelu, FusedMatMul, SkipLayerNormalization and SkipSimplifiedLayerNormalization.
namespace koinon::engine::operators {

namespace {

bool asked(const Call& call, std::size_t i) { return call.outputs() > i && call.output(i) != onnx::kAbsent; }

/// Sizes of one Attention node.
struct Heads {
  std::int64_t batch, q_heads, kv_heads, queries, keys, size, value_size;
};

Result<Heads> heads(const Call& call) {
  const auto &q = call.shape(0), &k = call.shape(1), &v = call.shape(2);
  for (std::size_t i = 0; i < 3; ++i)
    if (!onnx::is_float(call.type(i).element)) return call.fail(Code::malformed, "input {} is not a float", i);
  if ((q.size() != 3 && q.size() != 4) || k.size() != q.size() || v.size() != q.size())
    return call.fail(Code::malformed, "inputs of {}, {} and {} axes: 3 or 4 expected", q.size(), k.size(), v.size());
  Heads h{};
  h.batch = q[0];
  if (q.size() == 4) {
    h = {q[0], q[1], k[1], q[2], k[2], q[3], v[3]};
  } else {
    const auto qh = call.integer("q_num_heads", 0), kvh = call.integer("kv_num_heads", 0);
    if (qh < 1 || kvh < 1 || q[2] % qh != 0 || v[2] % kvh != 0 || k[2] % kvh != 0)
      return call.fail(Code::malformed, "{} and {} heads for {} and {}", qh, kvh, q[2], k[2]);
    h = {q[0], qh, kvh, q[1], k[1], q[2] / qh, v[2] / kvh};
  }
  if (h.kv_heads < 1 || h.q_heads % h.kv_heads != 0)
    return call.fail(Code::malformed, "{} heads of queries for {} of keys", h.q_heads, h.kv_heads);
  return h;
}

/// [batch, length, heads * size] as [batch, heads, length, size].
int split_heads(Expansion& to, int x, std::int64_t batch, std::int64_t length, std::int64_t count, std::int64_t size) {
  return to.transpose(to.reshape(x, {batch, length, count, size}), {0, 2, 1, 3});
}

/// Every head of keys or values as often as queries share it.
int repeat_heads(Expansion& to, int x, const Heads& h, std::int64_t length, std::int64_t size) {
  if (h.q_heads == h.kv_heads) return x;
  const auto times = h.q_heads / h.kv_heads;
  const int one = to.reshape(x, {h.batch, h.kv_heads, 1, length, size});
  const int all = to.add("Expand", {one, to.integers({h.batch, h.kv_heads, times, length, size})});
  return to.reshape(all, {h.batch, h.q_heads, length, size});
}

/// Where query i may see key j.
Value causal_mask(std::int64_t queries, std::int64_t keys, std::int64_t past) {
  Value out = Value::zeros({Element::boolean, {queries, keys}});
  for (std::int64_t i = 0; i < queries; ++i)
    for (std::int64_t j = 0; j < keys; ++j) out.ints[static_cast<std::size_t>(i * keys + j)] = j <= i + past;
  return out;
}

struct Operands {
  int q, k, v;
  std::int64_t past = 0;
};

Result<Operands> operands(const Call& call, Expansion& to, Heads& h) {
  Operands x{call.input(0), call.input(1), call.input(2), 0};
  if (call.shape(0).size() == 3) {
    x.q = split_heads(to, x.q, h.batch, h.queries, h.q_heads, h.size);
    x.k = split_heads(to, x.k, h.batch, h.keys, h.kv_heads, h.size);
    x.v = split_heads(to, x.v, h.batch, h.keys, h.kv_heads, h.value_size);
  }
  if (call.has(4) != call.has(5)) return call.fail(Code::malformed, "a past key without a past value");
  if (call.has(4)) {
    if (call.shape(4).size() != 4) return call.fail(Code::malformed, "a past key of {} axes", call.shape(4).size());
    x.past = call.shape(4)[2];
    x.k = to.concat({call.input(4), x.k}, 2);
    x.v = to.concat({call.input(5), x.v}, 2);
    h.keys += x.past;
  }
  to.result(1, x.k);
  to.result(2, x.v);
  if (asked(call, 1)) x.k = call.output(1);
  if (asked(call, 2)) x.v = call.output(2);
  return x;
}

// softmax(q k' scale + mask) v, for each head.
Status expand_attention(const Call& call, Expansion& to) {
  KOINON_TRY(auto h, heads(call));
  if (asked(call, 3)) return call.fail(Code::unsupported, "the products of queries and keys as an output");
  const auto cap = call.real("softcap", 0);
  const double scale = call.given("scale") ? call.real("scale", 1) : 1 / std::sqrt(static_cast<double>(h.size));
  const bool flat = call.shape(0).size() == 3;
  KOINON_TRY(const auto x, operands(call, to, h));
  const int k = repeat_heads(to, x.k, h, h.keys, h.size), v = repeat_heads(to, x.v, h, h.keys, h.value_size);
  int scores = to.add("MatMul", {x.q, to.transpose(k, {0, 1, 3, 2})});
  scores = to.add("Mul", {scores, to.real(static_cast<float>(scale))});
  const int far = to.real(-std::numeric_limits<float>::infinity());
  if (call.has(3)) {
    const bool boolean = call.type(3).element == Element::boolean;
    scores = boolean ? to.add("Where", {call.input(3), scores, far}) : to.add("Add", {scores, call.input(3)});
  }
  if (call.integer("is_causal", 0) != 0)
    scores = to.add("Where", {to.constant(causal_mask(h.queries, h.keys, x.past)), scores, far});
  if (cap > 0) {
    const int edge = to.real(static_cast<float>(cap));
    scores = to.add("Mul", {to.add("Tanh", {to.add("Div", {scores, edge})}), edge});
  }
  int y = to.add("MatMul", {to.add("Softmax", {scores}, {{"axis", std::int64_t{-1}}}), v});
  if (flat) y = to.reshape(to.transpose(y, {0, 2, 1, 3}), {h.batch, h.queries, h.q_heads * h.value_size});
  to.result(0, y);
  return {};
}

// Pairs of elements turned by angles whose cosines and sines are looked up by place.
Status expand_rotary(const Call& call, Expansion& to) {
  Shape shape = call.shape(0);
  const bool flat = shape.size() == 3;
  const auto count = call.integer("num_heads", 0);
  if (flat && (count < 1 || shape[2] % count != 0)) return call.fail(Code::malformed, "{} heads of {}", count, shape[2]);
  if (!flat && shape.size() != 4) return call.fail(Code::malformed, "an input of {} axes: 3 or 4 expected", shape.size());
  const auto batch = shape[0], length = flat ? shape[1] : shape[2], size = flat ? shape[2] / count : shape[3];
  const auto heads_of = flat ? count : shape[1];
  const auto turned = call.integer("rotary_embedding_dim", 0) > 0 ? call.integer("rotary_embedding_dim", 0) : size;
  if (turned > size || turned % 2 != 0) return call.fail(Code::malformed, "{} turned elements of {}", turned, size);
  const auto half = turned / 2;
  int x = flat ? split_heads(to, call.input(0), batch, length, heads_of, size) : call.input(0);
  const int rest = turned < size ? to.slice(x, {turned}, {size}, {3}) : onnx::kAbsent;
  if (rest != onnx::kAbsent) x = to.slice(x, {0}, {turned}, {3});
  const auto angles = [&](std::size_t i) {
    const int cache =
        call.has(3) ? to.add("Gather", {call.input(i), call.input(3)}, {{"axis", std::int64_t{0}}}) : call.input(i);
    return to.reshape(cache, {call.has(3) ? batch : call.shape(i)[0], 1, length, half});
  };
  const int c = angles(1), s = angles(2);
  const bool interleaved = call.integer("interleaved", 0) != 0;
  int a = 0, b = 0;
  if (interleaved) {
    const int pairs = to.reshape(x, {batch, heads_of, length, half, 2});
    a = to.reshape(to.slice(pairs, {0}, {1}, {4}), {batch, heads_of, length, half});
    b = to.reshape(to.slice(pairs, {1}, {2}, {4}), {batch, heads_of, length, half});
  } else {
    a = to.slice(x, {0}, {half}, {3});
    b = to.slice(x, {half}, {turned}, {3});
  }
  int real = to.add("Sub", {to.add("Mul", {a, c}), to.add("Mul", {b, s})});
  int imaginary = to.add("Add", {to.add("Mul", {a, s}), to.add("Mul", {b, c})});
  if (interleaved) {
    real = to.reshape(real, {batch, heads_of, length, half, 1});
    imaginary = to.reshape(imaginary, {batch, heads_of, length, half, 1});
  }
  int y = to.concat({real, imaginary}, interleaved ? 4 : 3);
  if (interleaved) y = to.reshape(y, {batch, heads_of, length, turned});
  if (rest != onnx::kAbsent) y = to.concat({y, rest}, 3);
  if (flat) y = to.reshape(to.transpose(y, {0, 2, 1, 3}), shape);
  to.result(0, y);
  return {};
}

Status expand_gelu(const Call& call, Expansion& to) {
  const auto& op = call.node().op;
  const int x = call.has(1) ? to.add("Add", {call.input(0), call.input(1)}) : call.input(0);
  if (op == "com.microsoft.QuickGelu") {
    const int inner = to.add("Mul", {x, to.real(static_cast<float>(call.real("alpha", 1.702)))});
    to.result(0, to.add("Mul", {x, to.add("Sigmoid", {inner})}));
    return {};
  }
  const std::string how = op == "com.microsoft.FastGelu" ? "tanh" : "none";
  to.result(0, to.add("Gelu", {x}, {{"approximate", how}}));
  return {};
}

Status expand_matmul(const Call& call, Expansion& to) {
  if (call.integer("transBatchA", 0) != 0 || call.integer("transBatchB", 0) != 0)
    return call.fail(Code::unsupported, "transposed batches");
  const auto operand = [&](std::size_t i, const char* name) {
    if (call.integer(name, 0) == 0 || call.shape(i).size() < 2) return call.input(i);
    std::vector<std::int64_t> order;
    for (std::size_t d = 0; d < call.shape(i).size(); ++d) order.push_back(static_cast<std::int64_t>(d));
    std::swap(order[order.size() - 1], order[order.size() - 2]);
    return to.transpose(call.input(i), order);
  };
  const int a = operand(0, "transA"), b = operand(1, "transB");
  const auto alpha = static_cast<float>(call.real("alpha", 1));
  const int y = to.add("MatMul", {a, b});
  to.result(0, alpha == 1.0F ? y : to.add("Mul", {y, to.real(alpha)}));
  return {};
}

// input + skip (+ bias), normalised; the sum is an output too.
Status expand_skip(const Call& call, Expansion& to) {
  if (asked(call, 1) || asked(call, 2)) return call.fail(Code::unsupported, "mean or deviation as an output");
  const bool simple = call.node().op == "com.microsoft.SkipSimplifiedLayerNormalization";
  const std::size_t bias = simple ? 3 : 4;
  int sum = to.add("Add", {call.input(0), call.input(1)});
  if (call.has(bias)) sum = to.add("Add", {sum, call.input(bias)});
  std::vector<int> inputs{sum, call.input(2)};
  if (!simple && call.has(3)) inputs.push_back(call.input(3));
  const auto epsilon = static_cast<float>(call.real("epsilon", 1e-12));
  to.result(0, to.add(simple ? "RMSNormalization" : "LayerNormalization", inputs,
                      {{"axis", std::int64_t{-1}}, {"epsilon", epsilon}}));
  to.result(3, sum);
  return {};
}

using Expand = Status (*)(const Call&, Expansion&);
constexpr Operator nodes(std::string_view name, std::int64_t since, std::size_t least, std::size_t most, Expand expand) {
  return {name, since, kNewest, least, most, nullptr, nullptr, nullptr, false, expand};
}

constexpr Operator kOperators[] = {nodes("Attention", 23, 3, 6, expand_attention),
                                   nodes("RotaryEmbedding", 23, 3, 4, expand_rotary),
                                   nodes("com.microsoft.Gelu", 1, 1, 1, expand_gelu),
                                   nodes("com.microsoft.BiasGelu", 1, 2, 2, expand_gelu),
                                   nodes("com.microsoft.FastGelu", 1, 1, 2, expand_gelu),
                                   nodes("com.microsoft.QuickGelu", 1, 1, 1, expand_gelu),
                                   nodes("com.microsoft.FusedMatMul", 1, 2, 2, expand_matmul),
                                   nodes("com.microsoft.SkipLayerNormalization", 1, 3, 5, expand_skip),
                                   nodes("com.microsoft.SkipSimplifiedLayerNormalization", 1, 3, 4, expand_skip)};

}  // namespace

std::span<const Operator> attention_operators() { return kOperators; }

}  // namespace koinon::engine::operators
