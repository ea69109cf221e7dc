#include <algorithm>
#include <cctype>

#include "engine/operators/expansion.hpp"
#include "engine/operators/table.hpp"

// RNN, GRU and LSTM, unrolled into products, sums and activations, one set for each step of the sequence. The products with the
// input are one for the whole sequence. Values that play one part in every step share their scale (Expansion::same).
namespace koinon::engine::operators {

namespace {

/// An activation: which, and its two parameters.
struct Activation {
  std::string name;
  double alpha = 0, beta = 0;
};

struct Known {
  std::string_view lower, op;
  double alpha, beta;
  int parameters;
};
constexpr Known kActivations[] = {{"affine", "Affine", 1, 0, 2},
                                  {"elu", "Elu", 1, 0, 1},
                                  {"hardsigmoid", "HardSigmoid", 0.2, 0.5, 2},
                                  {"leakyrelu", "LeakyRelu", 0.01, 0, 1},
                                  {"relu", "Relu", 0, 0, 0},
                                  {"scaledtanh", "ScaledTanh", 1, 1, 2},
                                  {"sigmoid", "Sigmoid", 0, 0, 0},
                                  {"softplus", "Softplus", 0, 0, 0},
                                  {"softsign", "Softsign", 0, 0, 0},
                                  {"tanh", "Tanh", 0, 0, 0},
                                  {"thresholdedrelu", "ThresholdedRelu", 1, 0, 1}};

Result<std::vector<Activation>> activations(const Call& call, std::vector<std::string> otherwise, std::size_t directions) {
  const auto per = otherwise.size();
  std::vector<std::string> names;
  const auto found = call.node().attributes.find("activations");
  if (found != call.node().attributes.end()) {
    if (const auto* list = std::get_if<std::vector<std::string>>(&found->second)) names = *list;
  }
  while (names.size() < per * directions) names.push_back(otherwise[names.size() % per]);
  const auto alphas = call.reals("activation_alpha"), betas = call.reals("activation_beta");
  std::size_t a = 0, b = 0;
  std::vector<Activation> out;
  for (auto name : names) {
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto* known = std::ranges::find(kActivations, std::string_view(name), &Known::lower);
    if (known == std::end(kActivations)) return call.fail(Code::unsupported, "activation '{}'", name);
    Activation one{std::string(known->op), known->alpha, known->beta};
    if (known->parameters > 0 && a < alphas.size()) one.alpha = static_cast<double>(alphas[a++]);
    if (known->parameters > 1 && b < betas.size()) one.beta = static_cast<double>(betas[b++]);
    out.push_back(one);
  }
  return out;
}

/// What the three operators share.
struct Net {
  const Call& call;
  Expansion& to;
  std::int64_t gates, steps, batch, inputs, hidden;
  Element element;
  bool batch_first;
  std::vector<Activation> acts;                               ///< of the direction at hand
  std::map<std::string, int> parts = {};                      ///< first value of each part
  std::map<std::pair<int, std::int64_t>, int> matrices = {};  ///< that `turned` has made

  /// A node whose output has the part `part` in every step.
  int add(const std::string& part, std::string op, std::vector<int> operands, Attributes attributes = {}) {
    const int out = to.add(std::move(op), std::move(operands), std::move(attributes));
    const auto [first, fresh] = parts.try_emplace(part, out);
    if (!fresh) to.same(out, first->second);
    return out;
  }
  int scalar(double value) {
    Value v = Value::zeros({element, {}});
    v.floats[0] = static_cast<float>(value);
    return to.constant(std::move(v));
  }
  int zeros(Shape shape) { return to.constant(Value::zeros({element, std::move(shape)})); }
  /// Row d of an input [directions, ...], or of an initial state with the batch first. Absent when it is.
  int row(std::size_t input, std::int64_t d) {
    if (!call.has(input)) return onnx::kAbsent;
    const bool state = input == 5 || input == 6;
    return to.add("Gather", {call.input(input), to.whole(d)}, Attributes{{"axis", std::int64_t{state && batch_first ? 1 : 0}}});
  }
  /// Columns [from, from + hidden * n) of the last axis.
  int columns(int value, std::int64_t from, std::int64_t n) {
    return to.slice(value, {from * hidden}, {(from + n) * hidden}, {-1});
  }
  /// Rows [from, from + n) * hidden of a matrix, transposed.
  int turned(int matrix, std::int64_t from, std::int64_t n) {
    const auto [found, fresh] = matrices.try_emplace({matrix, from}, 0);
    if (fresh) found->second = to.transpose(to.slice(matrix, {from * hidden}, {(from + n) * hidden}, {0}), {1, 0});
    return found->second;
  }
  int activate(const std::string& part, std::size_t which, int value);
};

int Net::activate(const std::string& part, std::size_t which, int value) {
  const auto& act = acts[which];
  if (const double limit = call.real("clip", 0); limit > 0)
    value = add(part + ".clip", "Clip", {value, scalar(-limit), scalar(limit)});
  const auto alpha = static_cast<float>(act.alpha), beta = static_cast<float>(act.beta);
  if (act.name == "Affine")
    return add(part, "Add", {add(part + ".scaled", "Mul", {value, scalar(act.alpha)}), scalar(act.beta)});
  if (act.name == "ScaledTanh") {
    const int scaled = add(part + ".scaled", "Mul", {value, scalar(act.beta)});
    return add(part, "Mul", {add(part + ".tanh", "Tanh", {scaled}), scalar(act.alpha)});
  }
  Attributes attributes;
  if (act.name == "HardSigmoid") attributes = {{"alpha", alpha}, {"beta", beta}};
  if (act.name == "Elu" || act.name == "LeakyRelu" || act.name == "ThresholdedRelu") attributes = {{"alpha", alpha}};
  return add(part, act.name, {value}, attributes);
}

/// State of a direction; absent while it is 0.
struct State {
  int h = onnx::kAbsent, c = onnx::kAbsent;
};

/// One step of a net: the state after it, from the input's products [batch, gates * hidden].
using Step = State (*)(Net&, int products, int recurrent, int bias, int peephole, const State&);

int plus(Net& net, const std::string& part, int a, int b) {
  if (b == onnx::kAbsent) return a;
  if (a == onnx::kAbsent) return b;
  return net.add(part, "Add", {a, b});
}

int times(Net& net, const std::string& part, int a, int b) {
  if (a == onnx::kAbsent || b == onnx::kAbsent) return onnx::kAbsent;
  return net.add(part, "Mul", {a, b});
}

int product(Net& net, const std::string& part, int h, int matrix) {
  return h == onnx::kAbsent ? h : net.add(part, "MatMul", {h, matrix});
}

State rnn_step(Net& net, int products, int recurrent, int, int, const State& state) {
  const int back = product(net, "hr", state.h, net.turned(recurrent, 0, 1));
  return {net.activate("h", 0, plus(net, "sum", products, back)), onnx::kAbsent};
}

// z, r, h
State gru_step(Net& net, int products, int recurrent, int bias, int, const State& state) {
  const bool linear = net.call.integer("linear_before_reset", 0) != 0;
  const int both = net.columns(products, 0, 2);
  const int gates = plus(net, "gates", both, product(net, "hr", state.h, net.turned(recurrent, 0, 2)));
  const int z = net.activate("z", 0, net.columns(gates, 0, 1));
  const int r = net.activate("r", 0, net.columns(gates, 1, 1));
  const int own = bias == onnx::kAbsent ? bias : net.columns(bias, 5, 1);
  int back = onnx::kAbsent;
  if (linear) {
    back = plus(net, "hrb", product(net, "hr.h", state.h, net.turned(recurrent, 2, 1)), own);
    if (back != onnx::kAbsent) back = net.add("reset", "Mul", {r, back});
  } else {
    const int reset = times(net, "reset", r, state.h);
    back = product(net, "hr.h", reset, net.turned(recurrent, 2, 1));
    back = plus(net, "hrb", back, own);
  }
  const int n = net.activate("n", 1, plus(net, "sum", net.columns(products, 2, 1), back));
  const int keep = net.add("1-z", "Sub", {net.scalar(1), z});
  const int fresh = net.add("fresh", "Mul", {keep, n});
  return {plus(net, "h", fresh, times(net, "old", z, state.h)), onnx::kAbsent};
}

// i, o, f, c
State lstm_step(Net& net, int products, int recurrent, int, int peephole, const State& state) {
  const int gates = plus(net, "gates", products, product(net, "hr", state.h, net.turned(recurrent, 0, 4)));
  const auto gate = [&](const std::string& part, std::int64_t at, std::int64_t peep, int cell) {
    const int own = net.columns(gates, at, 1);
    if (peephole == onnx::kAbsent || peep < 0) return own;
    return plus(net, part + ".sum", own, times(net, part + ".peep", net.columns(peephole, peep, 1), cell));
  };
  const int i = net.activate("i", 0, gate("i", 0, 0, state.c));
  const int f = net.call.integer("input_forget", 0) != 0 ? net.add("f", "Sub", {net.scalar(1), i})
                                                         : net.activate("f", 0, gate("f", 2, 2, state.c));
  const int g = net.activate("g", 1, gate("g", 3, -1, onnx::kAbsent));
  const int fresh = net.add("ig", "Mul", {i, g});
  const int c = plus(net, "c", fresh, times(net, "fc", f, state.c));
  const int o = net.activate("o", 0, gate("o", 1, 1, c));
  const int squashed = net.activate("hc", 2, c);
  return {net.add("h", "Mul", {o, squashed}), c};
}

/// The sum of both biases that can be added to the input's products: all of W's, and R's but for a GRU's last gate.
int input_bias(Net& net, int bias) {
  if (bias == onnx::kAbsent) return bias;
  const auto g = net.gates;
  const int w = net.columns(bias, 0, g), r = net.columns(bias, g, g);
  if (g != 3) return net.to.add("Add", {w, r});
  const int rest = net.to.concat({net.columns(bias, 3, 2), net.zeros({net.hidden})}, 0);
  return net.to.add("Add", {w, rest});
}

struct Ends {
  std::vector<int> outputs;  ///< h after each step, [batch, hidden]
  State last;
};

/// Runs one direction. `lengths`: sequence_lens as [batch, 1], or absent.
Ends run_direction(Net& net, Step step, std::int64_t d, bool reverse, int x, int lengths, std::size_t initial_c) {
  auto& to = net.to;
  net.parts.clear();
  const int w = net.row(1, d), r = net.row(2, d), bias = net.row(3, d);
  const int peephole = net.gates == 4 ? net.row(7, d) : onnx::kAbsent;
  int all = to.add("MatMul", {x, net.turned(w, 0, net.gates)});
  if (const int added = input_bias(net, bias); added != onnx::kAbsent) all = to.add("Add", {all, added});
  State state{net.row(5, d), initial_c == 0 ? onnx::kAbsent : net.row(initial_c, d)};
  Ends ends;
  ends.outputs.resize(static_cast<std::size_t>(net.steps));
  for (std::int64_t k = 0; k < net.steps; ++k) {
    const auto t = reverse ? net.steps - 1 - k : k;
    const int products = to.slice(all, {t * net.batch}, {(t + 1) * net.batch}, {0});
    State next = step(net, products, r, bias, peephole, state);
    int seen = next.h;
    if (lengths != onnx::kAbsent) {
      const int inside = to.add("Less", {to.whole(t), lengths});
      const int nothing = net.zeros({net.batch, net.hidden});
      seen = net.add("seen", "Where", {inside, next.h, nothing});
      next.h = net.add("held", "Where", {inside, next.h, state.h == onnx::kAbsent ? nothing : state.h});
      if (next.c != onnx::kAbsent)
        next.c = net.add("held.c", "Where", {inside, next.c, state.c == onnx::kAbsent ? nothing : state.c});
    }
    ends.outputs[static_cast<std::size_t>(t)] = seen;
    state = next;
  }
  ends.last = state;
  return ends;
}

/// [directions, batch, hidden], or with the batch first.
int stacked(Net& net, const std::vector<int>& states) {
  std::vector<int> rows;
  const std::int64_t axis = net.batch_first ? 1 : 0;
  for (int v : states) rows.push_back(net.to.add("Unsqueeze", {v, net.to.integers({axis})}));
  return net.to.concat(std::move(rows), axis);
}

/// [steps, directions, batch, hidden], or [batch, steps, directions, hidden].
int sequence(Net& net, const std::vector<Ends>& ends) {
  std::vector<int> rows;
  for (std::size_t t = 0; t < static_cast<std::size_t>(net.steps); ++t)
    for (const auto& end : ends) rows.push_back(end.outputs[t]);
  const auto directions = static_cast<std::int64_t>(ends.size());
  const int all = net.to.reshape(net.to.concat(std::move(rows), 0), {net.steps, directions, net.batch, net.hidden});
  return net.batch_first ? net.to.transpose(all, {2, 0, 1, 3}) : all;
}

Result<int> lengths_of(const Call& call, Expansion& to, std::int64_t batch, std::int64_t steps) {
  if (!call.has(4)) return onnx::kAbsent;
  if (call.shape(4) != Shape{batch}) return call.fail(Code::malformed, "sequence_lens {}", tensor::shape_text(call.shape(4)));
  if (call.known(4) != nullptr && std::ranges::all_of(call.value(4).ints, [&](auto n) { return n == steps; }))
    return onnx::kAbsent;
  return to.reshape(to.add("Cast", {call.input(4)}, Attributes{{"to", std::int64_t{7}}}), {batch, 1});
}

Status expand(const Call& call, Expansion& to, std::int64_t gates, Step step, const std::vector<std::string>& otherwise) {
  const auto &x = call.shape(0), &w = call.shape(1), &r = call.shape(2);
  const bool batch_first = call.integer("layout", 0) != 0;
  const auto direction = call.text("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
    return call.fail(Code::malformed, "direction '{}'", direction);
  const std::size_t directions = direction == "bidirectional" ? 2 : 1;
  if (x.size() != 3 || w.size() != 3 || r.size() != 3 || w[2] != x[2] || r[2] * gates != r[1] || w[1] != r[1] ||
      w[0] != static_cast<std::int64_t>(directions) || r[0] != w[0] || onnx::is_float(call.type(0).element) == false)
    return call.fail(Code::malformed, "X {}, W {}, R {}", tensor::shape_text(x), tensor::shape_text(w), tensor::shape_text(r));
  Net net{call, to, gates, x[batch_first ? 1 : 0], x[batch_first ? 0 : 1], x[2], r[2], call.type(0).element, batch_first, {}};
  if (net.steps < 1 || net.steps > 1 << 14) return call.fail(Code::out_of_range, "{} steps", net.steps);
  KOINON_TRY(const auto acts, activations(call, otherwise, directions));
  KOINON_TRY(const int lengths, lengths_of(call, to, net.batch, net.steps));
  const int ordered = batch_first ? to.transpose(call.input(0), {1, 0, 2}) : call.input(0);
  const int rows = to.reshape(ordered, {net.steps * net.batch, net.inputs});
  std::vector<Ends> ends;
  for (std::size_t d = 0; d < directions; ++d) {
    const auto per = otherwise.size();
    net.acts.assign(acts.begin() + static_cast<std::ptrdiff_t>(d * per),
                    acts.begin() + static_cast<std::ptrdiff_t>((d + 1) * per));
    const bool reverse = direction == "reverse" || d == 1;
    const std::size_t initial_c = gates == 4 && call.has(6) ? 6 : 0;
    ends.push_back(run_direction(net, step, static_cast<std::int64_t>(d), reverse, rows, lengths, initial_c));
  }
  std::vector<int> h, c;
  for (const auto& end : ends) {
    h.push_back(end.last.h);
    c.push_back(end.last.c);
  }
  to.result(0, sequence(net, ends));
  if (call.outputs() > 1 && call.output(1) != onnx::kAbsent) to.result(1, stacked(net, h));
  if (call.outputs() > 2 && call.output(2) != onnx::kAbsent) to.result(2, stacked(net, c));
  return {};
}

Status expand_rnn(const Call& call, Expansion& to) { return expand(call, to, 1, rnn_step, {"Tanh"}); }
Status expand_gru(const Call& call, Expansion& to) { return expand(call, to, 3, gru_step, {"Sigmoid", "Tanh"}); }
Status expand_lstm(const Call& call, Expansion& to) { return expand(call, to, 4, lstm_step, {"Sigmoid", "Tanh", "Tanh"}); }

constexpr Operator kOperators[] = {{"RNN", 7, kNewest, 3, 6, nullptr, nullptr, nullptr, false, expand_rnn},
                                   {"GRU", 7, kNewest, 3, 6, nullptr, nullptr, nullptr, false, expand_gru},
                                   {"LSTM", 7, kNewest, 3, 8, nullptr, nullptr, nullptr, false, expand_lstm}};

}  // namespace

std::span<const Operator> recurrent_operators() { return kOperators; }

}  // namespace koinon::engine::operators
