#include "test/proof/twin.hpp"

#include <numeric>

#include "base/hash.hpp"
#include "engine/run/execute.hpp"
#include "trust/proof/claims.hpp"
#include "trust/proof/statement.hpp"

namespace koinon::test::proof {

using namespace trust::proof;

base::Hash packed(const Ext& value) {
  base::Hash out;
  for (std::size_t k = 0; k < 3; ++k)
    for (std::size_t i = 0; i < 8; ++i) out.bytes[31 - 10 * k - i] = static_cast<std::uint8_t>(value.c[k].v >> (8 * i));
  return out;
}

namespace {

/// True when an argument's messages are as many as the circuit asks for.
bool follows(const Layout& layout, const Circuit& circuit, const Argument& argument) {
  if (argument.rows.messages.size() != std::size_t{3} * circuit.rows_log()) return false;
  if (argument.forms.size() != circuit.bilinears().size()) return false;
  for (std::size_t i = 0; i < argument.forms.size(); ++i)
    if (argument.forms[i].messages.size() != std::size_t{2} * circuit.bilinears()[i].inner_log()) return false;
  const auto plan = fold_plan(layout.params.rows_log);
  const auto& opening = argument.opening;
  return opening.product_rounds.size() == layout.params.rows_log &&
         opening.columns.size() == layout.columns() - kMaskColumns + 3 && opening.layer_roots.size() == plan.size() &&
         opening.fold_rounds.size() == std::accumulate(plan.begin(), plan.end(), std::size_t{0});
}

}  // namespace

std::optional<Shown> show(const engine::program::Program& program, const Proof& proof) {
  const auto view = view_of(program, proof);
  if (!view) return std::nullopt;
  const auto circuit = build_circuit({*view, proof.secrecy, proof.inputs, proof.outputs}, nullptr);
  if (!circuit) return std::nullopt;
  const auto layout = choose_layout(*circuit);
  if (!follows(layout, *circuit, proof.argument)) return std::nullopt;
  Transcript transcript(kProtocol);
  absorb_statement(transcript, proof, layout);
  const auto numbers = reduce_argument(layout, *circuit, proof.argument, transcript);
  Shown out;
  const auto hidden = (proof.secrecy.weights ? 1 : 0) | (proof.secrecy.input ? 2 : 0);
  out.statement = {proof.program_id, static_cast<std::uint8_t>(hidden), proof.weight_root,
                   proof.secrecy.input ? base::Hash{} : engine::run::input_root(proof.inputs),
                   engine::run::output_root(proof.outputs)};
  const auto& p = layout.params;
  out.shape = {p.rows_log,           p.queries,      p.work_bits,         p.pads, p.weight_pads, layout.weight_cells,
               layout.witness_cells, layout.lookups, circuit->rows_log(), {}};
  for (const auto& form : circuit->bilinears())
    out.shape.forms.push_back({static_cast<std::uint8_t>(form_rows_log(form)),
                               static_cast<std::uint8_t>(form_columns_log(form)), static_cast<std::uint8_t>(form.inner_log())});
  out.constant = packed(numbers.constant);
  out.value = packed(numbers.value);
  out.layout = layout;
  out.places = numbers.places;
  out.argument = encode_argument(proof.argument);
  return out;
}

std::optional<ShownCircuit> show_circuit(const engine::program::Program& program, const Proof& proof) {
  const auto view = view_of(program, proof);
  if (!view) return std::nullopt;
  const auto circuit = build_circuit({*view, proof.secrecy, proof.inputs, proof.outputs}, nullptr);
  if (!circuit) return std::nullopt;
  auto tape = compile_tape(choose_layout(*circuit), *circuit, public_tensors(*view, proof.secrecy));
  if (!tape) return std::nullopt;
  ShownCircuit out;
  out.tape = std::move(*tape);
  out.stated = stated_values(*circuit);
  for (const auto& tensor : proof.inputs) {
    out.inputs.push_back(static_cast<std::uint8_t>(engine::tensor::dtype_size(tensor.dtype)));
    out.input_bytes.push_back(tensor.bytes.size());
    out.input_data.emplace_back(tensor.bytes.begin(), tensor.bytes.end());
  }
  for (const auto& tensor : proof.outputs) {
    out.outputs.push_back(static_cast<std::uint8_t>(engine::tensor::dtype_size(tensor.dtype)));
    out.output_bytes.push_back(tensor.bytes.size());
    out.output_data.emplace_back(tensor.bytes.begin(), tensor.bytes.end());
  }
  for (const auto& part : out.tape.parts) out.parts.push_back(base::keccak256(part));
  return out;
}

}  // namespace koinon::test::proof
