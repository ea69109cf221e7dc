#include "engine/program/inner.hpp"

#include <algorithm>

namespace koinon::engine::program {
namespace {

constexpr std::size_t kNever = SIZE_MAX;

bool is_sum(StepKind kind) { return kind == StepKind::matmul || kind == StepKind::conv; }

// Products in one sum of a matmul or conv.
std::size_t row_of(const Step& step) {
  const auto& w = step.operand_infos[1].shape;
  if (step.kind == StepKind::matmul) return static_cast<std::size_t>(w.back());
  return static_cast<std::size_t>(tensor::element_count(w) / w.front());
}

// Elements in a window of a reduce (params: op, then the windows); of large ones only that they are more than enough.
std::size_t window_of(const Step& step) {
  std::size_t out = 1;
  for (std::size_t axis = 0; axis < step.operand_infos[0].shape.size(); ++axis)
    out = std::min(out * static_cast<std::size_t>(step.params[1 + axis]), kMostParts + 1);
  return out;
}

// What it takes to compute one element of a step again.
struct Effort {
  std::size_t parts = 1, sums = 0, rows = 0;

  [[nodiscard]] Effort with(const Effort& operand, std::size_t times) const {
    return {parts + times * operand.parts, sums + times * operand.sums, rows + times * operand.rows};
  }
  [[nodiscard]] bool fits() const { return parts <= kMostParts && sums <= kMostSums && (sums <= 1 || rows <= kMostRowBytes); }
};

Effort own_effort(const Step& step) {
  if (!is_sum(step.kind)) return {};
  const std::size_t pair = tensor::dtype_size(step.operand_infos[0].dtype) + tensor::dtype_size(step.operand_infos[1].dtype);
  return {1, 1, row_of(step) * pair};
}

// For every value the step that makes it when that step can be inner but for its reader; kNever otherwise.
std::vector<std::size_t> candidates(const Program& program) {
  std::vector<std::size_t> makers(program.value_count(), kNever);
  std::vector<unsigned char> reads(makers.size(), 0);
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const Step& step = program.steps[i];
    if (step.outputs.size() == 1 && makes_inner(step.kind) && step.first_output < makers.size()) makers[step.first_output] = i;
    for (auto ref : step.operands)
      if (ref.source() == Source::value && ref.index() < reads.size() && reads[ref.index()] < 2) ++reads[ref.index()];
  }
  for (const auto& o : program.outputs)
    if (o.ref.source() == Source::value && o.ref.index() < makers.size()) makers[o.ref.index()] = kNever;
  for (std::size_t v = 0; v < makers.size(); ++v)
    if (reads[v] != 1) makers[v] = kNever;
  return makers;
}

}  // namespace

bool makes_inner(StepKind kind) {
  switch (kind) {
    case StepKind::matmul:
    case StepKind::conv:
    case StepKind::add:
    case StepKind::sub:
    case StepKind::mul:
    case StepKind::requantise:
    case StepKind::lookup:
    case StepKind::compare:
    case StepKind::select:
    case StepKind::gather:
    case StepKind::divide:
    case StepKind::isqrt:
    case StepKind::shift:
    case StepKind::reshape:
    case StepKind::transpose:
    case StepKind::slice:
    case StepKind::concat:
    case StepKind::pad:
    case StepKind::broadcast: return true;
    default: return false;
  }
}

std::size_t elements_read(const Step& step, std::size_t operand) {
  const auto count = [](const TensorInfo& info) { return tensor::element_count(info.shape); };
  if (step.kind == StepKind::conv) return operand == 0 && step.operand_infos[1].shape.back() == 1 ? row_of(step) : 0;
  if (step.kind == StepKind::reduce) return window_of(step);
  if (step.kind == StepKind::matmul || !makes_inner(step.kind)) return 0;
  if (step.kind == StepKind::pad || step.kind == StepKind::concat) return 1;
  if ((step.kind == StepKind::lookup || step.kind == StepKind::gather) && operand != 0) return 0;
  return count(step.operand_infos[operand]) >= count(step.outputs[0]) ? 1 : 0;
}

std::vector<bool> inner_steps(const Program& program) {
  std::vector<bool> out(program.steps.size(), false);
  const auto makers = candidates(program);
  std::vector<Effort> efforts;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Step& step = program.steps[i];
    Effort effort = own_effort(step);
    for (std::size_t k = 0; k < step.operands.size(); ++k) {
      const Ref ref = step.operands[k];
      if (ref.source() != Source::value || ref.index() >= makers.size()) continue;
      const std::size_t maker = makers[ref.index()], read = elements_read(step, k);
      if (maker >= i || read == 0 || read > kMostParts) continue;
      const Effort more = effort.with(efforts[maker], read);
      if (!more.fits()) continue;
      out[maker] = true;
      effort = more;
    }
    efforts.push_back(effort);
  }
  return out;
}

void mark_inner(Program& program) {
  const auto inner = inner_steps(program);
  for (std::size_t i = 0; i < inner.size(); ++i) program.steps[i].inner = inner[i];
}

std::vector<bool> inner_values(const Program& program) {
  std::vector<bool> out(program.value_count(), false);
  for (const auto& step : program.steps)
    if (step.inner) out[step.first_output] = true;
  return out;
}

}  // namespace koinon::engine::program
