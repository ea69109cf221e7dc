#include "trust/proof/onchain.hpp"

#include <algorithm>
#include <numeric>

#include "base/hash.hpp"
#include "engine/run/roots.hpp"
#include "trust/proof/claims.hpp"
#include "trust/proof/statement.hpp"

namespace koinon::trust::proof {
namespace {

using base::Code;
using base::fail;
using base::Result;
using engine::tensor::IntTensor;

constexpr std::size_t kPartBytes = std::size_t{80} << 10;  ///< of opened places in a transaction, which holds 128 KiB

/// An element of F as Field.sol has it: three lanes of 80 bits, the first lowest.
base::Hash packed(const Ext& value) {
  base::Hash out;
  for (std::size_t k = 0; k < 3; ++k)
    for (std::size_t i = 0; i < 8; ++i) out.bytes[31 - 10 * k - i] = static_cast<std::uint8_t>(value.c[k].v >> (8 * i));
  return out;
}

/// True when an argument's messages are as many as the circuit asks for, as reduce_argument needs.
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

std::uint8_t width_of(engine::tensor::DType dtype) { return static_cast<std::uint8_t>(engine::tensor::dtype_size(dtype)); }

std::vector<base::Bytes> bytes_of(const std::vector<IntTensor>& tensors) {
  std::vector<base::Bytes> out;
  for (const auto& tensor : tensors) out.emplace_back(tensor.bytes.begin(), tensor.bytes.end());
  return out;
}

}  // namespace

Result<OnchainCircuit> onchain_circuit(const engine::program::Program& program, const Secrecy& secrecy) {
  const auto view = public_view(program, secrecy);
  KOINON_TRY(const auto circuit, sized_circuit(view, secrecy, false));
  OnchainCircuit out;
  out.layout = choose_layout(circuit);
  out.constraints_log = circuit.rows_log();
  for (const auto& form : circuit.bilinears())
    out.forms.push_back({static_cast<std::uint8_t>(form_rows_log(form)), static_cast<std::uint8_t>(form_columns_log(form)),
                         static_cast<std::uint8_t>(form.inner_log())});
  for (const auto& input : view.inputs) {
    if (secrecy.input) break;
    out.inputs.push_back(width_of(input.info.dtype));
    out.input_bytes.push_back(static_cast<std::uint64_t>(engine::tensor::element_count(input.info.shape)) * out.inputs.back());
  }
  for (const auto& output : zero_outputs(view)) {
    out.outputs.push_back(width_of(output.dtype));
    out.output_bytes.push_back(output.bytes.size());
  }
  KOINON_TRY(auto tape, compile_tape(out.layout, circuit, public_tensors(view, secrecy)));
  out.tape = std::move(tape.parts);
  for (const auto& part : out.tape) out.parts.push_back(base::keccak256(part));
  return out;
}

Result<OnchainProof> onchain_proof(const engine::program::Program& program, const Proof& proof) {
  KOINON_TRY(const auto view, view_of(program, proof));
  KOINON_TRY(const auto circuit, build_circuit({view, proof.secrecy, proof.inputs, proof.outputs}, nullptr));
  const auto layout = choose_layout(circuit);
  if (!follows(layout, circuit, proof.argument))
    return fail(Code::rejected, "[proof] its messages are not as many as the program's circuit asks for");
  Transcript transcript(kProtocol);
  absorb_statement(transcript, proof, layout);
  const auto numbers = reduce_argument(layout, circuit, proof.argument, transcript);
  OnchainProof out;
  out.program = proof.program_id;
  out.hidden = static_cast<std::uint8_t>((proof.secrecy.weights ? 1 : 0) | (proof.secrecy.input ? 2 : 0));
  out.weights = proof.weight_root;
  if (!proof.secrecy.input) out.input = engine::run::input_root(proof.inputs);
  out.output = engine::run::output_root(proof.outputs);
  out.constant = packed(numbers.constant);
  const auto& opening = proof.argument.opening;
  const auto size = encode_queries(opening.oracles, opening.layers).size();
  const auto parts = std::clamp<std::size_t>((size + kPartBytes - 1) / kPartBytes, 1, numbers.places.size());
  KOINON_TRY(out.cut, cut_proof(layout, proof.argument, numbers.places, parts));
  out.inputs = bytes_of(proof.inputs);
  out.outputs = bytes_of(proof.outputs);
  out.places = numbers.places;
  out.argument = proof.argument;
  return out;
}

}  // namespace koinon::trust::proof
