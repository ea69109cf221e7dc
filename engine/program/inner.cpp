#include "engine/program/inner.hpp"

namespace koinon::engine::program {
namespace {

constexpr std::size_t kNever = SIZE_MAX;

bool is_sum(StepKind kind) { return kind == StepKind::matmul || kind == StepKind::conv; }

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
    case StepKind::reduce:
    case StepKind::prefix_sum:
    case StepKind::argmax:
    case StepKind::topk:
    case StepKind::scatter: return false;
    default: return true;
  }
}

std::size_t elements_read(const Step& step, std::size_t operand) {
  const auto count = [](const TensorInfo& info) { return tensor::element_count(info.shape); };
  if (is_sum(step.kind) || !makes_inner(step.kind)) return 0;
  if (step.kind == StepKind::pad || step.kind == StepKind::concat) return 1;
  if ((step.kind == StepKind::lookup || step.kind == StepKind::gather) && operand != 0) return 0;
  return count(step.operand_infos[operand]) >= count(step.outputs[0]) ? 1 : 0;
}

std::vector<bool> inner_steps(const Program& program) {
  std::vector<bool> out(program.steps.size(), false);
  const auto makers = candidates(program);
  std::vector<std::size_t> parts(out.size(), 1), sums(out.size(), 0);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Step& step = program.steps[i];
    sums[i] = is_sum(step.kind) ? 1 : 0;
    for (std::size_t k = 0; k < step.operands.size(); ++k) {
      const Ref ref = step.operands[k];
      if (ref.source() != Source::value || ref.index() >= makers.size()) continue;
      const std::size_t maker = makers[ref.index()], read = elements_read(step, k);
      if (maker >= i || read == 0) continue;
      const std::size_t more = read * parts[maker], longer = read * sums[maker];
      if (parts[i] + more > kMostParts || sums[i] + longer > kMostSums) continue;
      out[maker] = true;
      parts[i] += more;
      sums[i] += longer;
    }
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
