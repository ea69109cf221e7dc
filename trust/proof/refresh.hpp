#pragma once
#include "trust/proof/prove.hpp"

namespace koinon::trust::proof {

/// A proof that two weight commitments hold the same weights, so that a model keeps its id when the commitment that has hidden
/// as many proofs as it can gives way to the next (docs/trust/proof.md, section 8.1).
struct RefreshProof {
  base::Hash program_id;
  Secrecy secrecy;                    ///< of the proofs that the commitments are for
  base::Hash from, to;                ///< roots
  std::vector<base::Bytes> revealed;  ///< as in Proof: the commitments' sizes follow from them
  base::Hash auxiliary_root;
  OpeningProof opening;
  friend bool operator==(const RefreshProof&, const RefreshProof&) = default;
};

/// Shows that `to` holds what `from` holds; counts as one proof of each. `program` has its weights. Errors: exhausted when
/// either has no proof left, or as prove_opening; invalid_argument when they are of another program or hold other weights.
base::Result<RefreshProof> prove_refresh(const engine::program::Program& program, const Secrecy& secrecy,
                                         WeightCommitment& from, WeightCommitment& to, base::Random& random,
                                         base::ThreadPool* pool);

/// Checks it; the program may be the public description. Errors: rejected, naming the check; unsupported.
base::Status verify_refresh(const engine::program::Program& program, const RefreshProof& proof);

/// Canonical bytes, as of proofs.
base::Bytes encode_refresh(const RefreshProof& proof);
/// Reads bytes that nobody vouches for; memory is bounded by the input's size. Errors: malformed.
base::Result<RefreshProof> decode_refresh(base::ByteView bytes);

}  // namespace koinon::trust::proof
