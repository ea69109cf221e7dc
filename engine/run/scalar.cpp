#include "engine/run/scalar.hpp"

#include "engine/kernels/requantise.hpp"
#include "engine/program/params.hpp"
#include "engine/program/steps/rule.hpp"

namespace koinon::engine::run {
namespace {

using program::CompareOp;
using program::Step;
using program::StepKind;

constexpr std::int64_t kLimit = std::int64_t{1} << 62;

bool inside(program::steps::Wide v) { return v > -kLimit && v < kLimit; }

std::optional<std::int64_t> checked(program::steps::Wide v) {
  if (!inside(v)) return std::nullopt;
  return static_cast<std::int64_t>(v);
}

std::optional<std::int64_t> requantised(const Step& step, std::span<const std::int64_t> v) {
  if (v[2] < 1 || v[2] > 62 ||
      !inside(static_cast<program::steps::Wide>(v[0]) * v[1] + (program::steps::Wide{1} << (v[2] - 1))))
    return std::nullopt;
  return kernels::requantise_one(v[0], v[1], v[2], step.params[0], step.params[1]);
}

std::optional<std::int64_t> divided(std::int64_t a, std::int64_t b, std::size_t output) {
  if (b < 1) return std::nullopt;
  const std::int64_t q = a / b - (a % b < 0 ? 1 : 0);
  return output == 0 ? q : a - b * q;
}

std::optional<std::int64_t> shifted(std::int64_t a, std::int64_t bits) {
  if (bits < 0) return a >> -bits;
  return checked(static_cast<program::steps::Wide>(a) * (program::steps::Wide{1} << bits));
}

}  // namespace

std::optional<std::int64_t> scalar(const program::Program& program, const Step& step, std::size_t output,
                                   std::span<const std::int64_t> v) {
  using program::steps::Wide;
  switch (step.kind) {
    case StepKind::add: return checked(static_cast<Wide>(v[0]) + v[1]);
    case StepKind::sub: return checked(static_cast<Wide>(v[0]) - v[1]);
    case StepKind::mul: return checked(static_cast<Wide>(v[0]) * v[1]);
    case StepKind::requantise: return requantised(step, v);
    case StepKind::divide: return divided(v[0], v[1], output);
    case StepKind::select: return v[0] != 0 ? v[1] : v[2];
    case StepKind::shift: return shifted(v[0], step.params[0]);
    case StepKind::compare: {
      const auto op = static_cast<CompareOp>(step.params[0]);
      return op == CompareOp::equal ? v[0] == v[1] : op == CompareOp::less ? v[0] < v[1] : v[0] <= v[1];
    }
    case StepKind::lookup: {
      const auto& table = program.tables[step.operands[1].index()];
      const std::int64_t at = v[0] - step.params[0];
      if (at < 0 || at >= table.info.shape[0]) return std::nullopt;
      return program::steps::constant_at(table, at);
    }
    default: return std::nullopt;
  }
}

}  // namespace koinon::engine::run
