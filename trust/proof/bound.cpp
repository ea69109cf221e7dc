#include "trust/proof/bound.hpp"

#include <algorithm>

#include "engine/program/params.hpp"

namespace koinon::trust::proof {
namespace {

using engine::program::ReduceOp;
using engine::program::ReduceParams;
using engine::program::Source;
using engine::program::Step;
using engine::program::StepKind;
using engine::tensor::Shape;

/// As a double, since sums and products of shapes that nobody vouches for may pass 2^64.
double elements(const Shape& shape) {
  double out = 1;
  for (const auto size : shape) out *= static_cast<double>(size);
  return out;
}

/// Elements of all operands and outputs of a step: each is a variable, or stands in a list of them, and each that is no
/// constant costs `more`.
double touched(const Step& step, double more = 0) {
  double out = 0;
  for (std::size_t i = 0; i < step.operands.size(); ++i)
    out += elements(step.operand_infos[i].shape) * (step.operands[i].source() == Source::value ? 1 + more : 2);
  for (const auto& info : step.outputs) out += elements(info.shape) * (1 + more);
  return out;
}

/// Windows of a reduction, and what each of their elements costs: a difference below 2^63 of the largest.
double of_reduce(const Step& step, double limbs) {
  const auto params = ReduceParams::unpack(step.params, step.operand_infos[0].shape.size());
  if (!params) return 0;
  const double inside = elements(step.outputs[0].shape) * elements(params->window);
  return touched(step) + inside * (params->op == ReduceOp::sum ? 2 : limbs + 3);
}

/// Windows of a convolution: the numbers of a kernel, once for each group of channels and place.
double of_conv(const Step& step) {
  const auto& kernel = step.operand_infos[1].shape;
  const double places = elements(step.outputs[0].shape) / std::max<double>(1, static_cast<double>(kernel[0]));
  const double groups =
      static_cast<double>(step.operand_infos[0].shape.back()) / std::max<double>(1, static_cast<double>(kernel.back()));
  return touched(step) + 2 * places * groups * elements(kernel) / std::max<double>(1, static_cast<double>(kernel[0]));
}

/// `limbs`: that a number of 64 bits takes.
double of_step(const Step& step, double limbs) {
  switch (step.kind) {
    case StepKind::matmul:
    case StepKind::add:
    case StepKind::sub:
    case StepKind::prefix_sum:
    case StepKind::reshape:
    case StepKind::transpose:
    case StepKind::slice:
    case StepKind::concat:
    case StepKind::pad:
    case StepKind::broadcast: return touched(step);
    case StepKind::conv: return of_conv(step);
    case StepKind::reduce: return of_reduce(step, limbs);
    case StepKind::requantise: return touched(step) + elements(step.outputs[0].shape) * (6 * limbs + 5);
    case StepKind::divide: return touched(step) + elements(step.outputs[0].shape) * (12 * limbs + 24);
    case StepKind::gather: return touched(step, 2 * limbs + 4);
    default: return touched(step, 6 * limbs + 8);
  }
}

}  // namespace

double most_numbers(const engine::program::Program& program, const Secrecy& secrecy) {
  const double limbs = (63.0 + choose_limb_log(program)) / choose_limb_log(program);
  double out = 0;
  for (const auto& input : program.inputs) out += elements(input.info.shape) * (secrecy.input ? 2 * limbs + 1 : 1);
  for (const auto& step : program.steps) out += of_step(step, limbs);
  if (!secrecy.weights) return out;
  const auto hidden = hidden_weights(program);
  for (std::size_t i = 0; i < hidden.size(); ++i)
    if (hidden[i]) out += elements(program.weights[i].info.shape);
  return out;
}

}  // namespace koinon::trust::proof
