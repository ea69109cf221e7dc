// A malicious prover: it proves whatever a trace says, with all advice made to fit, and does not check that the circuit holds.
#pragma once
#include <functional>

#include "engine/program/steps/rule.hpp"
#include "trust/proof/proof_fixture.hpp"
#include "trust/proof/statement.hpp"

namespace koinon::trust::proof {

using engine::program::Source;

/// Every value of a run in which element `element` of an output of step `wrong` is off by `delta`; step -1 is none.
inline std::vector<IntTensor> trace_of(const Program& program, const std::vector<IntTensor>& inputs, int wrong,
                                       std::int64_t element, std::int64_t delta, std::size_t output = 0) {
  std::vector<IntTensor> trace = inputs;
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const auto& step = program.steps[i];
    std::vector<const std::uint8_t*> from;
    for (const auto ref : step.operands)
      from.push_back(ref.source() == Source::value    ? trace[ref.index()].bytes.data()
                     : ref.source() == Source::weight ? program.weights[ref.index()].data.data()
                                                      : program.tables[ref.index()].data.data());
    std::vector<IntTensor> made;
    std::vector<std::uint8_t*> to;
    for (const auto& info : step.outputs) made.push_back(IntTensor::zeros(info.dtype, info.shape));
    for (auto& tensor : made) to.push_back(tensor.bytes.data());
    engine::program::steps::find_rule(step.kind)->execute({step, from, to, {}});
    if (static_cast<int>(i) == wrong) {
      auto& tensor = made[output];
      tensor.set(element % tensor.size(), tensor.at(element % tensor.size()) + delta);
    }
    for (auto& tensor : made) trace.push_back(std::move(tensor));
  }
  return trace;
}

/// A proof of whatever the trace says.
inline Proof forge(const Program& program, const Secrecy& secrecy, const std::vector<IntTensor>& trace,
                   const std::function<void(Circuit&)>& tamper = {}) {
  base::SeededRandom random(77);
  Proof out;
  out.program_id = engine::program::program_id(program);
  out.secrecy = secrecy;
  if (!secrecy.input) out.inputs.assign(trace.begin(), trace.begin() + static_cast<std::ptrdiff_t>(program.inputs.size()));
  for (const auto& output : program.outputs) out.outputs.push_back(trace[output.ref.index()]);
  const auto view = public_view(program, secrecy);
  const Witness witness{program, trace};
  auto circuit = build_circuit({view, secrecy, out.inputs, out.outputs}, &witness);
  if (!circuit) std::fputs(circuit.error().text.c_str(), stderr);
  KOINON_INVARIANT(circuit.has_value());
  if (tamper) tamper(*circuit);
  const auto layout = choose_layout(*circuit);
  WeightCommitment weights;
  if (layout.weight_cells > 0) {
    auto made = commit_weights(program, secrecy, random, nullptr);
    KOINON_INVARIANT(made.has_value());
    weights = std::move(*made);
    out.weight_root = weights.root();
  }
  if (secrecy.weights)
    for (const auto& constant : view.weights)
      if (!constant.data.empty()) out.revealed.push_back(constant.data);
  Transcript transcript(kProtocol);
  absorb_statement(transcript, out, layout);
  auto argument = prove_circuit(layout, std::move(*circuit), layout.weight_cells > 0 ? &weights.oracle : nullptr, random,
                                transcript, nullptr);
  KOINON_INVARIANT(argument.has_value());
  out.argument = std::move(*argument);
  return out;
}

}  // namespace koinon::trust::proof
