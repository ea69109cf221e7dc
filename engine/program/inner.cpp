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
    case StepKind::matmul:
    case StepKind::conv:
    case StepKind::add:
    case StepKind::sub:
    case StepKind::mul:
    case StepKind::requantise:
    case StepKind::lookup:
    case StepKind::compare:
    case StepKind::select:
    case StepKind::divide:
    case StepKind::isqrt:
    case StepKind::shift:
    case StepKind::reshape:
    case StepKind::transpose: return true;
    default: return false;
  }
}

bool reads_inner(StepKind kind, std::size_t operand) {
  switch (kind) {
    case StepKind::lookup: return operand == 0;
    case StepKind::matmul:
    case StepKind::conv: return false;
    default: return makes_inner(kind);
  }
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
      if (ref.source() != Source::value || ref.index() >= makers.size() || !reads_inner(step.kind, k)) continue;
      const std::size_t maker = makers[ref.index()];
      if (maker >= i || parts[i] + parts[maker] > kMostParts || sums[i] + sums[maker] > kMostSums) continue;
      out[maker] = true;
      parts[i] += parts[maker];
      sums[i] += sums[maker];
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
