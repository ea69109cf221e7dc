#pragma once
#include "trust/proof/onchain.hpp"

namespace koinon::market {

/// ProofLedger::subject without a ledger. Errors: invalid_argument when the circuit's numbers are too large for the contract.
base::Result<base::Hash> proof_subject(const trust::proof::OnchainCircuit& circuit, std::uint8_t hidden,
                                       const base::Hash& weights);

}  // namespace koinon::market
