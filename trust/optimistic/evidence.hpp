#pragma once
#include "trust/optimistic/program_trees.hpp"

namespace koinon::trust::optimistic {

/// The bytes of a proof as the contracts take them: abi.encode of the struct of the same name.
base::Bytes encode(const Fraud& fraud);
/// Reads what encode wrote, and nothing else: encode(decode(bytes, kind)) == bytes. `kind` is the place in Fraud. Errors:
/// malformed.
base::Result<Fraud> decode_fraud(std::size_t kind, base::ByteView bytes);

/// What the contract says of a fraud proof: true when it shows that the claim is wrong, false when what it shows is right.
/// Errors: rejected, out_of_range (the contract reverts: it opens nothing).
base::Result<bool> refutes(const ProgramTrees& program, const ClaimRoots& claim, const Fraud& fraud);

}  // namespace koinon::trust::optimistic
