#include "engine/run/join.hpp"

#include <algorithm>
#include <map>

#include "engine/run/chain.hpp"
#include "engine/run/layout.hpp"

namespace koinon::engine::run {
namespace {

using program::Ref;
using program::Source;
using program::Step;
using program::StepKind;

// Axes of more than one element keep their order.
bool moves_nothing(const Step& step) {
  std::int64_t before = -1;
  for (auto axis : step.params) {
    if (step.operand_infos[0].shape[static_cast<std::size_t>(axis)] == 1) continue;
    if (axis < before) return false;
    before = axis;
  }
  return true;
}

// Elements from the start of x when the result is one stretch of it, -1 otherwise.
std::int64_t stretch_of(const Step& step) {
  if (step.kind == StepKind::reshape) return 0;
  if (step.kind == StepKind::transpose && moves_nothing(step)) return 0;
  if (step.kind != StepKind::slice) return -1;
  // Packed: starts, strides, sizes; the axes before the first that is cut have size 1, those behind it are whole.
  const auto& x = step.operand_infos[0].shape;
  const auto& y = step.outputs[0].shape;
  const std::size_t rank = x.size();
  std::size_t cut = rank;
  std::int64_t offset = 0, inner = 1;
  for (std::size_t axis = rank; axis-- > 0;) {
    if (y[axis] != 1 && step.params[rank + axis] != 1) return -1;
    if (cut != rank && y[axis] != 1) return -1;
    if (y[axis] != x[axis]) cut = axis;
    offset += step.params[axis] * inner;
    inner *= x[axis];
  }
  return offset;
}

// True when the step is a view of its operand, which is then noted.
bool view(Making& making, const Step& step) {
  const std::int64_t at = step.operands[0].source() == Source::value ? stretch_of(step) : -1;
  if (at < 0) return false;
  const auto from = making.views[step.operands[0].index()];
  const auto bytes = static_cast<std::size_t>(at) * tensor::dtype_size(step.outputs[0].dtype);
  making.views[step.first_output] = {from.value, from.offset + bytes};
  return true;
}

void start_views(Making& making) {
  making.views.resize(making.program.value_count());
  for (std::size_t v = 0; v < making.views.size(); ++v) making.views[v] = {v, 0};
}

// For every value the only step that reads it, kNone when there are several or when it is an output of the program.
constexpr std::size_t kNone = SIZE_MAX;

std::vector<std::size_t> only_readers(const program::Program& program) {
  constexpr std::size_t kUnread = SIZE_MAX - 1;
  std::vector<std::size_t> out(program.value_count(), kUnread);
  for (std::size_t i = 0; i < program.steps.size(); ++i)
    for (auto ref : program.steps[i].operands)
      if (ref.source() == Source::value) {
        auto& reader = out[ref.index()];
        reader = reader == kUnread ? i : kNone;
      }
  for (const auto& o : program.outputs) out[o.ref.index()] = kNone;
  for (auto& reader : out)
    if (reader == kUnread) reader = kNone;
  return out;
}

// A step with constant weights, and what requantises its sums; null when it is none.
NodePtr weighed_node(const Making& making, std::size_t i, const Step* requantise) {
  if (auto node = depthwise_node(making, i, requantise)) return node;
  return product_node(making, i, requantise);
}

NodePtr best_node(const Making& making, std::size_t i) {
  if (auto node = weighed_node(making, i, nullptr)) return node;
  return step_node(making, i);
}

// Finds all views, and returns which steps are done by that.
std::vector<bool> find_views(Making& making) {
  start_views(making);
  std::vector<bool> done;
  for (const auto& step : making.program.steps) done.push_back(view(making, step));
  return done;
}

// Joins steps from the first to the last.
class Joiner {
 public:
  explicit Joiner(Making& making)
      : making_(making),
        steps_(making.program.steps),
        infos_(infos_of(making.program)),
        done_(find_views(making)),
        readers_(only_readers(making.program)) {
    made_.resize(making.program.value_count(), false);
    reads_.resize(made_.size(), 0);
    for (std::size_t v = 0; v < making.program.inputs.size(); ++v) made_[v] = true;
    for (std::size_t i = 0; i < steps_.size(); ++i)
      for (auto ref : steps_[i].operands)
        if (!done_[i] && ref.source() == Source::value) ++reads_[root(ref)];
    for (const auto& o : making.program.outputs) ++reads_[root(o.ref)];
    makers_.resize(made_.size(), kNone);
    kept_.resize(made_.size(), false);
    for (std::size_t i = 0; i < steps_.size(); ++i)
      for (std::size_t o = 0; o < steps_[i].outputs.size(); ++o) {
        makers_[steps_[i].first_output + o] = i;
        if (making.every && !steps_[i].inner) kept_[making.views[steps_[i].first_output + o].value] = true;
      }
    find_late();
  }

  std::vector<NodePtr> join() {
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      if (done_[i] || late_.contains(steps_[i].first_output)) continue;
      if (weighed(i) || (elementwise(making_, i) && chain(i))) continue;
      for (auto before : awaited(i)) alone(before);
      alone(i);
    }
    return std::move(nodes_);
  }

 private:
  [[nodiscard]] std::size_t root(Ref ref) const { return making_.views[ref.index()].value; }

  void alone(std::size_t i) {
    push(best_node(making_, i));
    done_[i] = true;
  }

  // Steps that make larger elements of smaller ones, which every reader can do for itself: they are left to the first reader's
  // chain, so that what is larger is not written and read again.
  void find_late() {
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const Step& step = steps_[i];
      const bool widens = step.kind == StepKind::shift && step.operands[0].source() == Source::value &&
                          tensor::dtype_size(step.outputs[0].dtype) > tensor::dtype_size(step.operand_infos[0].dtype);
      if (widens && !done_[i] && reads_[step.first_output] > 0 && !late_.contains(root(step.operands[0])))
        late_[step.first_output] = i;
    }
    for (const auto& o : making_.program.outputs) late_.erase(root(o.ref));
    for (std::size_t i = 0; i < steps_.size(); ++i)
      for (std::size_t k = 0; k < steps_[i].operands.size(); ++k)
        if (const Ref ref = steps_[i].operands[k]; !done_[i] && ref.source() == Source::value && late_.contains(root(ref)))
          if (!takes_late(i, k)) late_.erase(root(ref));
  }

  // True when a reader of a late value can be in a chain with it.
  [[nodiscard]] bool takes_late(std::size_t reader, std::size_t operand) const {
    const Step& step = steps_[reader];
    const auto total = tensor::element_count(steps_[late_.at(root(step.operands[operand]))].outputs[0].shape);
    return tensor::element_count(step.operand_infos[operand].shape) == total &&
           tensor::element_count(step.outputs[0].shape) == total && elementwise(making_, reader);
  }

  // Late steps that a step's operands need and that are not done.
  [[nodiscard]] std::vector<std::size_t> awaited(std::size_t i) const {
    std::vector<std::size_t> out;
    for (auto ref : steps_[i].operands)
      if (ref.source() == Source::value)
        if (const auto late = late_.find(root(ref)); late != late_.end() && !done_[late->second]) out.push_back(late->second);
    return out;
  }

  void push(NodePtr node) {
    for (auto v : node->writes) made_[v] = true;
    nodes_.push_back(std::move(node));
  }

  // A step with weights and the requantise step after it.
  bool weighed(std::size_t i) {
    const Ref sum = Ref::value(steps_[i].first_output);
    const std::size_t next = readers_[sum.index()];
    if (next == kNone || steps_[next].kind != StepKind::requantise || steps_[next].operands[0] != sum) return false;
    auto node = weighed_node(making_, i, &steps_[next]);
    if (node == nullptr) return false;
    push(std::move(node));
    done_[i] = done_[next] = true;
    return true;
  }

  // An elementwise step and those that can be done with it; fewer when they do not fit one chain.
  bool chain(std::size_t first) {
    for (std::size_t most = kLongest; most > 0; most /= 2) {
      const ChainPlan plan = gather(first, most);
      if (plan.steps.size() > 1 && bytes_of(plan.results) > kMostBytes && making_.every) continue;
      auto node = chain_node(making_, plan);
      if (node == nullptr) continue;
      push(std::move(node));
      for (auto step : plan.steps) done_[step] = true;
      return true;
    }
    return false;
  }

  ChainPlan gather(std::size_t first, std::size_t most) const {
    const std::int64_t total = tensor::element_count(steps_[first].outputs[0].shape);
    ChainPlan plan;
    std::map<std::size_t, std::size_t> inside;  // values of the chain, and how often it reads them
    const auto take = [&](std::size_t i) {
      plan.steps.push_back(i);
      for (auto ref : steps_[i].operands)
        if (ref.source() == Source::value)
          if (const auto found = inside.find(root(ref)); found != inside.end()) ++found->second;
      for (std::size_t o = 0; o < steps_[i].outputs.size(); ++o) inside[steps_[i].first_output + o] = 0;
    };
    for (auto before : awaited(first)) take(before);
    take(first);
    for (std::size_t i = first + 1; i < steps_.size() && i < first + kWindow && plan.steps.size() < most; ++i) {
      if (done_[i] || late_.contains(steps_[i].first_output) || inside.contains(steps_[i].first_output)) continue;
      Pull pull{total, inside, {}, false};
      if (!fits(i, pull) || !pull.joined) continue;
      for (auto step : pull.steps) take(step);
    }
    for (const auto& [value, reads] : inside)
      if (kept_[value] || reads < reads_[value]) plan.results.push_back(value);
    return plan;
  }

  [[nodiscard]] std::size_t bytes_of(const std::vector<std::size_t>& values) const {
    std::size_t out = 0;
    for (auto v : values) out += byte_size(*infos_[v]);
    return out;
  }

  // A step that is to be taken into a chain, behind those that make its operands.
  struct Pull {
    std::int64_t total;  // elements of the chain
    const std::map<std::size_t, std::size_t>& inside;
    std::vector<std::size_t> steps;
    bool joined;  // something of the chain is read
  };

  // True when a step can be done elementwise, and what it reads is there, is in the chain, or is made by steps of which the
  // same is true.
  [[nodiscard]] bool fits(std::size_t i, Pull& pull) const {
    constexpr std::size_t kMost = 16;
    const Step& step = steps_[i];
    if (tensor::element_count(step.outputs[0].shape) != pull.total || !elementwise(making_, i)) return false;
    for (std::size_t k = 0; k < step.operands.size(); ++k) {
      if (step.operands[k].source() != Source::value) continue;
      const std::size_t value = root(step.operands[k]);
      if (made_[value]) continue;
      if (tensor::element_count(step.operand_infos[k].shape) != pull.total) return false;
      if (pull.inside.contains(value)) {
        pull.joined = true;
      } else {
        const std::size_t maker = makers_[value];
        const bool taken = std::find(pull.steps.begin(), pull.steps.end(), maker) != pull.steps.end();
        if (!taken && (maker == kNone || pull.steps.size() >= kMost || !fits(maker, pull))) return false;
      }
    }
    pull.steps.push_back(i);
    return true;
  }

  static constexpr std::size_t kLongest = 64, kWindow = 96;  // steps of a chain, and how far ahead they are looked for
  static constexpr std::size_t kMostBytes = 1 << 20;         // that a chain writes when all its values are written

  Making& making_;
  const std::vector<Step>& steps_;
  std::vector<const program::TensorInfo*> infos_;
  std::vector<bool> done_;
  std::vector<std::size_t> readers_;
  std::map<std::size_t, std::size_t> late_;  // values and their steps
  std::vector<std::size_t> makers_;          // of each value, its step
  std::vector<bool> made_;                   // values that nodes so far have made
  std::vector<bool> kept_;                   // values that a trace needs, themselves or a view of them
  std::vector<std::size_t> reads_;           // of a value and its views, by steps that are no views, and as outputs
  std::vector<NodePtr> nodes_;
};

}  // namespace

std::vector<NodePtr> apart(Making& making) {
  const auto done = find_views(making);
  std::vector<NodePtr> out;
  for (std::size_t i = 0; i < making.program.steps.size(); ++i)
    if (!done[i]) out.push_back(best_node(making, i));
  return out;
}

std::vector<NodePtr> joined(Making& making) { return Joiner(making).join(); }

}  // namespace koinon::engine::run
