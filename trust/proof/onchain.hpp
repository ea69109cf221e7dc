#pragma once
#include "trust/proof/cut.hpp"
#include "trust/proof/prove.hpp"
#include "trust/proof/tape.hpp"

namespace koinon::trust::proof {

/// What a contract must know of a program's circuit (contracts/src/proof/Shapes.sol, Circuit). It follows from the program and
/// from what is hidden, so that anyone can make it again.
struct OnchainCircuit {
  /// Variables that choose a row, a column and the inner index of a bilinear form.
  struct Form {
    std::uint8_t rows_log = 0, columns_log = 0, inner_log = 0;
  };
  Layout layout;
  unsigned constraints_log = 0;
  std::vector<Form> forms;
  std::vector<std::uint8_t> inputs, outputs;  ///< bytes of an element of each input, none when hidden, and of each output
  std::vector<std::uint64_t> input_bytes, output_bytes;  ///< of all elements of each
  std::vector<base::Bytes> tape;                         ///< its parts, in order
  std::vector<base::Hash> parts;                         ///< keccak256 of each
};
/// Cost: builds the circuit once, a second or so for a million multiplications. Errors: invalid_argument when public weights
/// are absent; unsupported when a contract cannot be shown the circuit.
base::Result<OnchainCircuit> onchain_circuit(const engine::program::Program& program, const Secrecy& secrecy);

/// A proof as a contract is shown it, piece after piece (contracts/src/ProofCheck.sol).
struct OnchainProof {
  base::Hash program, weights, input, output;  ///< as Shapes.Statement; zero where there is none
  std::uint8_t hidden = 0;                     ///< 1 weights, 2 input
  base::Hash constant;                         ///< public part of the linear claims, packed as Field.sol has it
  CutProof cut;
  std::vector<base::Bytes> inputs, outputs;  ///< bytes of the public tensors
  std::vector<std::uint32_t> places;         ///< those drawn, and the argument: what cut_part takes
  Argument argument;
};
/// Precondition: verify() accepts the proof of this program. Errors: as verify(); rejected when its sizes are not the
/// program's.
base::Result<OnchainProof> onchain_proof(const engine::program::Program& program, const Proof& proof);

}  // namespace koinon::trust::proof
