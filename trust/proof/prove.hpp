#pragma once
#include "engine/run/execute.hpp"
#include "trust/proof/argument.hpp"
#include "trust/proof/build.hpp"

namespace koinon::trust::proof {

/// A commitment to a program's hidden weights, the prover's side. It lives through kProofsPerCommitment proofs: what their
/// openings show of it stays hidden by its random pads. Contents are secret.
struct WeightCommitment {
  base::Hash program_id;
  Oracle oracle;
  std::uint32_t proofs = 0;  ///< made so far

  [[nodiscard]] const base::Hash& root() const { return oracle.root(); }
};

/// A proof that a run of a program on an input gives an output.
struct Proof {
  base::Hash program_id;
  Secrecy secrecy;
  base::Hash weight_root;                         ///< of the weight commitment; zero when weights are public
  std::vector<engine::tensor::IntTensor> inputs;  ///< none when hidden
  std::vector<engine::tensor::IntTensor> outputs;
  std::vector<base::Bytes> revealed;  ///< with hidden weights: data of the constants that are not hidden, in order
  Argument argument;
  friend bool operator==(const Proof&, const Proof&) = default;
};

/// How a proof is made.
struct ProveOptions {
  Secrecy secrecy;
  base::ThreadPool* pool = nullptr;     ///< borrowed
  WeightCommitment* weights = nullptr;  ///< borrowed; with hidden weights, null commits anew for this proof alone
  Watch watch = {};
};

/// Sizes and cost of a program's proof, without weights or input. Errors: unsupported, naming the step.
struct Cost {
  Layout layout;
  std::size_t rows = 0, table_entries = 0, forms = 0;
  std::uint64_t bytes = 0;         ///< of the proof, at most
  std::uint64_t memory_bytes = 0;  ///< that the prover takes, about
  double cpu_seconds = 0;          ///< of the prover, all cores together, about, on a core of some 2.5 GHz with AVX2
  double soundness_bits = 0;
};
base::Result<Cost> cost(const engine::program::Program& program, const Secrecy& secrecy);

/// Commits to the weights that secrecy.weights hides. Errors: invalid_argument when they are absent; unsupported.
base::Result<WeightCommitment> commit_weights(const engine::program::Program& program, const Secrecy& secrecy,
                                              base::Random& random, base::ThreadPool* pool);

/// Runs the program and proves the run. Errors: those of execute; unsupported, naming the step; exhausted when the weight
/// commitment has hidden as many proofs as it can; invalid_argument when it is another program's.
base::Result<Proof> prove(const engine::program::Program& program, std::span<const engine::tensor::IntTensor> inputs,
                          const ProveOptions& options, base::Random& random);

/// Checks a proof against a program, which may be the public description when weights are hidden. With hidden weights the
/// statement is about the model under proof.weight_root: compare it with the one that was registered. Errors: rejected, naming
/// the check; unsupported; invalid_argument when the weights are needed and absent.
base::Status verify(const engine::program::Program& program, const Proof& proof);

/// Canonical bytes: decode_proof(encode_proof(p)) == p, and no other bytes decode to p.
base::Bytes encode_proof(const Proof& proof);
/// The end of those bytes, from the witness root on: what contracts/src/proof reads.
base::Bytes encode_argument(const Argument& argument);
/// The same in two: up to the nonce, and the opened places.
base::Bytes encode_messages(const Argument& argument);
base::Bytes encode_queries(const std::vector<OracleOpening>& oracles, const std::vector<LayerOpening>& layers);
/// Reads a proof that nobody vouches for; memory is bounded by the input's size. Errors: malformed.
base::Result<Proof> decode_proof(base::ByteView bytes);

}  // namespace koinon::trust::proof
