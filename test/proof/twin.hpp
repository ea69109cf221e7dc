#pragma once
#include "ledger/contracts/proof_parts.hpp"
#include "test/quorum/chain.hpp"
#include "trust/proof/prove.hpp"
#include "trust/proof/tape.hpp"

namespace koinon::test::proof {

using ledger::contracts::ProofParts;
using trust::proof::Ext;
using trust::proof::Proof;

/// An element of F as contracts/src/proof/Field.sol has it: three lanes of 80 bits, the first lowest.
base::Hash packed(const Ext& value);

/// A proof as the contract is shown it.
struct Shown {
  ProofParts::Statement statement;
  ProofParts::Shape shape;
  base::Hash constant;  ///< public part of the linear claims at the proof's own coins
  base::Hash value;     ///< that the circuit gives at them
  base::Bytes argument;
  trust::proof::Layout layout;
  std::vector<std::uint32_t> places;  ///< drawn
};

/// What a contract is shown of a proof of `view`'s circuit, the numbers of the circuit computed here. Nothing when the proof's
/// sizes are not those of the program, so that no numbers can be.
std::optional<Shown> show(const engine::program::Program& program, const Proof& proof);

/// What a contract is shown of a program's circuit, beside its sizes.
struct ShownCircuit {
  trust::proof::Tape tape;
  std::vector<std::uint8_t> inputs, outputs;             ///< bytes of an element of each
  std::vector<std::uint64_t> input_bytes, output_bytes;  ///< of all elements of each
  std::vector<base::Bytes> input_data, output_data;      ///< of this proof
  std::vector<base::Hash> parts;
  std::vector<trust::proof::Fp> stated;
};
std::optional<ShownCircuit> show_circuit(const engine::program::Program& program, const Proof& proof);

/// The contract of the verifier's parts.
class Twins : public quorum::ChainTest {
 protected:
  ProofParts contract_ = deploy<ProofParts>("ProofParts");

  /// True when the contract accepts the argument and asks for the number that the circuit gives.
  bool accepts(const Shown& shown) {
    const auto value = contract_.check(shown.statement, shown.shape, shown.constant, shown.argument);
    return value && *value == shown.value;
  }
};

}  // namespace koinon::test::proof
