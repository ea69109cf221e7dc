#include "engine/run/join.hpp"

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

NodePtr best_node(const Making& making, std::size_t i) {
  if (auto product = product_node(making, i, nullptr)) return product;
  return step_node(making, i);
}

}  // namespace

std::vector<NodePtr> apart(Making& making) {
  start_views(making);
  std::vector<NodePtr> out;
  for (std::size_t i = 0; i < making.program.steps.size(); ++i)
    if (!view(making, making.program.steps[i])) out.push_back(best_node(making, i));
  return out;
}

std::vector<NodePtr> joined(Making& making) {
  start_views(making);
  const auto& steps = making.program.steps;
  const auto readers = only_readers(making.program);
  std::vector<bool> done(steps.size(), false);
  std::vector<NodePtr> out;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (done[i] || view(making, steps[i])) continue;
    const Ref sum = Ref::value(steps[i].first_output);
    const std::size_t next = readers[sum.index()];
    if (next != kNone && steps[next].kind == StepKind::requantise && steps[next].operands[0] == sum)
      if (auto product = product_node(making, i, &steps[next])) {
        out.push_back(std::move(product));
        done[next] = true;
        continue;
      }
    out.push_back(best_node(making, i));
  }
  return out;
}

}  // namespace koinon::engine::run
