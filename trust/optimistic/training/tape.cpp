#include "trust/optimistic/training/tape.hpp"

#include "base/codec.hpp"
#include "base/merkle.hpp"
#include "engine/math/math.hpp"
#include "engine/train/net/state.hpp"

namespace koinon::trust::optimistic::training {

using engine::train::Graph;
using engine::train::Method;
using engine::train::OptimiserOptions;
using engine::train::Role;

base::Bytes Formula::encode() const {
  base::Writer to;
  to.number(static_cast<std::uint8_t>(kind));
  to.number(static_cast<std::uint8_t>(operands.size()));
  for (const auto& v : operands) to.number(v.id), to.number(v.elements);
  to.number(output.id), to.number(output.elements);
  to.number(static_cast<std::uint8_t>(sizes.size()));
  for (const auto size : sizes) to.number(size);
  return std::move(to).take();
}

base::Hash TapeRoots::root() const {
  return base::keccak256(
      {base::as_bytes("koinon.training.tape"), formulas.view(), base::be64(count), base::be64(values), base::be64(arrays)});
}

TapeRoots Tape::roots() const {
  std::vector<base::Hash> hashes;
  for (const auto& f : formulas) hashes.push_back(base::keccak256(f.encode()));
  return {base::list_root(base::Domain::steps, hashes), formulas.size(), elements.size(), arrays};
}

namespace {

constexpr std::uint32_t kNone = UINT32_MAX;

Function function_of(std::string_view name) {
  if (name == "relu") return Function::relu;
  if (name == "gelu") return Function::gelu;
  if (name == "silu") return Function::silu;
  if (name == "tanh") return Function::tanh;
  return Function::sigmoid;
}

bool is_activation(std::string_view name) {
  return name == "relu" || name == "gelu" || name == "silu" || name == "tanh" || name == "sigmoid";
}

class Compiler {
 public:
  Compiler(const engine::train::Net& net, const OptimiserOptions& options) : net_(net), options_(options) {}

  base::Result<Tape> compile() {
    state();
    tape_.constants = value(options_.method == Method::adamw ? 8 : 4);
    forward_.assign(static_cast<std::size_t>(graph().size()), kNone);
    gradient_.assign(forward_.size(), kNone);
    kept_.assign(graph().nodes().size(), kNone);
    for (std::size_t i = 0; i < stored_.size(); ++i)
      forward_[static_cast<std::size_t>(stored_[i])] = static_cast<std::uint32_t>(i);
    for (const int i : graph().with_role(Role::input)) forward_[static_cast<std::size_t>(i)] = value(size_of(i));
    for (std::size_t n = 0; n < graph().nodes().size(); ++n) KOINON_CHECK(forward(n));
    for (std::size_t n = graph().nodes().size(); n-- > 0;) backward(n);
    KOINON_CHECK(take());
    tape_.input = forward_[static_cast<std::size_t>(net_.input)];
    tape_.target = forward_[static_cast<std::size_t>(net_.target)];
    tape_.loss = forward_[static_cast<std::size_t>(net_.loss)];
    return std::move(tape_);
  }

 private:
  [[nodiscard]] const Graph& graph() const { return net_.graph; }
  [[nodiscard]] std::uint32_t size_of(int id) const { return static_cast<std::uint32_t>(graph().value(id).data.size()); }
  [[nodiscard]] bool wants_gradient(int id) const { return !graph().value(id).gradient.empty(); }
  [[nodiscard]] int copies() const { return options_.method == Method::adamw ? 2 : 1; }

  std::uint32_t value(std::uint32_t elements) {
    tape_.elements.push_back(elements);
    return static_cast<std::uint32_t>(tape_.elements.size() - 1);
  }
  [[nodiscard]] ValueRef ref(std::uint32_t id) const { return {id, tape_.elements[id]}; }

  /// Appends a formula whose output is value `to`, or a new one of `elements`.
  std::uint32_t make(FormulaKind kind, const std::vector<std::uint32_t>& operands, std::uint32_t elements,
                     std::vector<std::uint32_t> sizes = {}, std::uint32_t to = kNone) {
    if (to == kNone) to = value(elements);
    Formula f{kind, {}, ref(to), std::move(sizes)};
    for (const auto id : operands) f.operands.push_back(ref(id));
    tape_.formulas.push_back(std::move(f));
    return to;
  }

  /// Parameters and buffers in the order of the graph, then what the optimiser remembers, before and after.
  void state() {
    for (int i = 0; i < graph().size(); ++i)
      if (graph().value(i).role == Role::parameter || graph().value(i).role == Role::buffer) stored_.push_back(i);
    for (int after = 0; after < 2; ++after) {
      for (const int i : stored_) value(size_of(i));
      for (const int i : graph().with_role(Role::parameter))
        for (int copy = 0; copy < copies(); ++copy) value(size_of(i));
    }
    tape_.arrays = static_cast<std::uint32_t>(tape_.elements.size() / 2);
  }

  base::Status forward(std::size_t n) {
    const auto& node = graph().nodes()[n];
    const auto name = node.op->name();
    std::vector<std::uint32_t> in;
    for (const int i : node.inputs) in.push_back(forward_[static_cast<std::size_t>(i)]);
    const auto size = size_of(node.output);
    auto& out = forward_[static_cast<std::size_t>(node.output)];
    if (name == "linear") {
      const auto width = last_axis(node.inputs[0]), outputs = last_axis(node.output);
      out = make(FormulaKind::product, in, size, {outputs, width, width, 1, width, 1});
    } else if (is_activation(name)) {
      out = make(FormulaKind::map, in, size, {static_cast<std::uint32_t>(function_of(name))});
    } else if (name == "add") {
      out = make(FormulaKind::add, in, size, {size_of(node.inputs[1])});
    } else if (name == "multiply") {
      out = make(FormulaKind::multiply, in, size);
    } else if (name == "reshape") {
      out = make(FormulaKind::copy, in, size);
    } else if (name == "cross_entropy") {
      const auto classes = last_axis(node.inputs[0]), rows = size_of(node.inputs[1]);
      kept_[n] = make(FormulaKind::shares, {in[0]}, classes * rows, {classes});
      const auto losses = make(FormulaKind::row_loss, in, rows, {classes});
      out = make(FormulaKind::mean, {losses}, 1, {rows});
    } else if (name == "mean_squared") {
      kept_[n] = make(FormulaKind::subtract, in, size_of(node.inputs[0]));
      out = make(FormulaKind::mean_square, {kept_[n]}, 1, {size_of(node.inputs[0])});
    } else {
      return base::fail(base::Code::unsupported, "[tape] operator {} has no formulas: a jury decides about it", name);
    }
    return {};
  }

  [[nodiscard]] std::uint32_t last_axis(int id) const { return static_cast<std::uint32_t>(graph().value(id).shape.back()); }

  /// What a use of value `id` gives its gradient; a later use came first.
  void give(int id, std::uint32_t more) {
    auto& own = gradient_[static_cast<std::size_t>(id)];
    own = own == kNone ? more : make(FormulaKind::add, {own, more}, size_of(id), {size_of(id)});
  }

  void backward(std::size_t n) {
    const auto& node = graph().nodes()[n];
    const auto name = node.op->name();
    if (name == "cross_entropy" || name == "mean_squared") return loss_slope(n);
    const auto dy = gradient_[static_cast<std::size_t>(node.output)];
    if (dy == kNone) return;
    const auto in = [&](std::size_t i) { return forward_[static_cast<std::size_t>(node.inputs[i])]; };
    const auto each = [&](std::size_t i, auto formula) {
      if (i < node.inputs.size() && wants_gradient(node.inputs[i])) give(node.inputs[i], formula(size_of(node.inputs[i])));
    };
    if (name == "linear") {
      const auto width = last_axis(node.inputs[0]), outputs = last_axis(node.output), rows = size_of(node.output) / outputs;
      each(0, [&](auto size) { return make(FormulaKind::product, {dy, in(1)}, size, {width, outputs, outputs, 1, 1, width}); });
      each(1, [&](auto size) { return make(FormulaKind::product, {dy, in(0)}, size, {width, rows, 1, outputs, 1, width}); });
      each(2, [&](auto size) { return make(FormulaKind::sums, {dy}, size, {outputs, rows}); });
    } else if (is_activation(name)) {
      const auto function = static_cast<std::uint32_t>(function_of(name));
      each(0, [&](auto size) { return make(FormulaKind::slope, {in(0), dy}, size, {function}); });
    } else if (name == "add") {
      const auto outer = size_of(node.output) / size_of(node.inputs[1]);
      each(0, [&](auto size) { return make(FormulaKind::copy, {dy}, size); });
      each(1, [&](auto size) {
        return outer == 1 ? make(FormulaKind::copy, {dy}, size) : make(FormulaKind::sums, {dy}, size, {size, outer});
      });
    } else if (name == "multiply") {
      for (std::size_t i = 0; i < 2; ++i)
        each(i, [&](auto size) { return make(FormulaKind::multiply, {dy, in(1 - i)}, size); });
    } else {
      each(0, [&](auto size) { return make(FormulaKind::copy, {dy}, size); });
    }
  }

  /// The gradient of the loss itself is 1.
  void loss_slope(std::size_t n) {
    const auto& node = graph().nodes()[n];
    if (node.output != net_.loss || !wants_gradient(node.inputs[0])) return;
    const auto size = size_of(node.inputs[0]);
    const auto target = forward_[static_cast<std::size_t>(node.inputs[1])];
    if (node.op->name() == "cross_entropy")
      give(node.inputs[0],
           make(FormulaKind::entropy_slope, {kept_[n], target}, size, {last_axis(node.inputs[0]), size_of(node.inputs[1])}));
    else
      give(node.inputs[0], make(FormulaKind::square_slope, {kept_[n]}, size, {size}));
  }

  /// The optimiser's formulas, and copies of what it leaves alone.
  base::Status take() {
    std::uint32_t memory = static_cast<std::uint32_t>(stored_.size());
    for (std::size_t i = 0; i < stored_.size(); ++i) {
      const int id = stored_[i];
      const auto before = static_cast<std::uint32_t>(i), after = before + tape_.arrays;
      if (graph().value(id).role == Role::buffer) {
        make(FormulaKind::copy, {before}, 0, {}, after);
        continue;
      }
      auto g = gradient_[static_cast<std::size_t>(id)];
      if (g == kNone)
        return base::fail(base::Code::unsupported, "[tape] {} does not reach the loss: a jury decides", graph().value(id).name);
      const auto numbers = options_.method == Method::adamw ? 7U : 3U;
      if (options_.clip > 0) g = make(FormulaKind::scale, {g, tape_.constants}, size_of(id), {numbers});
      const auto c = tape_.constants, next = memory + tape_.arrays;
      if (options_.method == Method::adamw) {
        make(FormulaKind::adam_mean, {c, g, memory}, 0, {}, next);
        make(FormulaKind::adam_square, {c, g, memory + 1}, 0, {}, next + 1);
        make(FormulaKind::adam, {c, next, next + 1, before}, 0, {}, after);
      } else {
        make(FormulaKind::velocity, {c, g, memory, before}, 0, {}, next);
        make(FormulaKind::sgd, {c, next, before}, 0, {}, after);
      }
      memory += static_cast<std::uint32_t>(copies());
    }
    return {};
  }

  const engine::train::Net& net_;
  const OptimiserOptions& options_;
  Tape tape_;
  std::vector<int> stored_;              ///< parameters and buffers
  std::vector<std::uint32_t> forward_;   ///< value of the tape for each of the graph
  std::vector<std::uint32_t> gradient_;  ///< the same of its gradient so far
  std::vector<std::uint32_t> kept_;      ///< what a loss keeps for its gradient
};

}  // namespace

base::Result<Tape> compile_tape(const engine::train::Net& net, const OptimiserOptions& options) {
  return Compiler(net, options).compile();
}

std::vector<float> step_numbers(const OptimiserOptions& o, std::uint64_t step, double norm) {
  const auto rate = static_cast<float>(o.rate_at(step));
  const auto shrink = o.clip > 0 && norm > o.clip ? static_cast<float>(o.clip / norm) : 1.0F;
  if (o.method == Method::sgd) return {rate, static_cast<float>(o.momentum), static_cast<float>(o.decay), shrink};
  const auto correct = [&](double beta) {
    return beta == 0
               ? 1.0F
               : static_cast<float>(1.0 / (1.0 - engine::math::exp(static_cast<double>(step + 1) * engine::math::log(beta))));
  };
  return {rate,
          static_cast<float>(o.beta1),
          static_cast<float>(o.beta2),
          static_cast<float>(o.epsilon),
          static_cast<float>(o.decay),
          correct(o.beta1),
          correct(o.beta2),
          shrink};
}

}  // namespace koinon::trust::optimistic::training
