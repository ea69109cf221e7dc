// compare and select.
#include "engine/program/params.hpp"
#include "trust/proof/gadgets.hpp"
#include "trust/proof/steps.hpp"

namespace koinon::trust::proof {

using engine::program::CompareOp;
using engine::program::Source;
using engine::program::Step;

base::Status add_compare(Build& build, const Step& step) {
  const auto& shape = step.outputs[0].shape;
  const auto a = build.vars(step.operands[0]), b = build.vars(step.operands[1]);
  const auto at_a = stretch(step.operand_infos[0].shape, shape), at_b = stretch(step.operand_infos[1].shape, shape);
  const auto op = static_cast<CompareOp>(step.params[0]);
  const Span span = Span::of(build.range(step.operands[1])) - Span::of(build.range(step.operands[0]));
  const Integer off = op == CompareOp::less ? 1 : 0;  // a < b where b - a - 1 is not negative
  auto out = build.output(step, 0, Home::witness);
  Circuit::Batch batch(build.circuit);
  for (std::size_t i = 0; i < out.size(); ++i, batch.next()) {
    Affine form = Affine::of(b[at_b[i]]);
    form.add(a[at_a[i]], -Fp(1));
    form.constant = -Fp(static_cast<std::uint64_t>(off));
    if (op == CompareOp::equal)
      is_zero(build, form, out[i]);
    else
      KOINON_CHECK(is_not_negative(build, form, {span.low - off, span.high - off}, out[i]));
  }
  build.values.push_back(std::move(out));
  return {};
}

namespace {

/// A form that is 1 where the condition is not 0, else 0.
Affine is_set(Build& build, Var condition, const engine::program::Range& range) {
  if (range.low >= 0 && range.high <= 1) return Affine::of(condition);
  Affine out = Affine::of(is_zero(build, Affine::of(condition)), -Fp(1));
  out.constant = Fp(1);
  return out;
}

}  // namespace

// set (a - b) = y - b, where set is 1 for a condition that is not 0; with a constant condition y is one of the variables.
base::Status add_select(Build& build, const Step& step) {
  const auto& shape = step.outputs[0].shape;
  std::array<std::vector<Var>, 3> from;
  for (std::size_t k = 0; k < 3; ++k) {
    const auto vars = build.vars(step.operands[k]);
    for (const auto at : stretch(step.operand_infos[k].shape, shape)) from[k].push_back(vars[at]);
  }
  const auto& [condition, a, b] = from;
  if (step.operands[0].source() != Source::value) {
    auto& out = build.values.emplace_back();
    for (std::size_t i = 0; i < condition.size(); ++i) out.push_back(build.circuit.value(condition[i]) == Fp() ? b[i] : a[i]);
    return {};
  }
  const auto range = build.range(step.operands[0]);
  auto out = build.output(step, 0, Home::witness);
  Circuit::Batch batch(build.circuit);
  for (std::size_t i = 0; i < out.size(); ++i, batch.next()) {
    Affine difference = Affine::of(a[i]), gain = Affine::of(out[i]);
    difference.add(b[i], -Fp(1));
    build.circuit.product(is_set(build, condition[i], range), difference, gain.add(b[i], -Fp(1)));
  }
  build.values.push_back(std::move(out));
  return {};
}

}  // namespace koinon::trust::proof
