#pragma once
#include <functional>
#include <stop_token>

#include "trust/proof/onchain.hpp"
#include "work/disputable.hpp"

// Orders that ask for a proof (docs/trust/proof.md, 12).
namespace koinon::market {

using base::Hash;
using base::Result;
using base::Status;

/// What it took to show a proof to the ledger.
struct ProofCost {
  std::uint64_t transactions = 0, gas = 0;  ///< of those that were sent now
};

/// The contract that checks proofs (contracts/src/ProofCheck.sol). Every call that changes something returns when the ledger
/// holds it. Errors of all: ledger (reverted, with the contract's error by name), network, timeout.
class ProofLedger {
 public:
  /// Told after each transaction: how many of how many are done, and the gas of those that were sent.
  using Tell = std::function<void(std::uint64_t done, std::uint64_t total, std::uint64_t gas)>;
  virtual ~ProofLedger() = default;
  /// The salt of the input of an order whose proof must be of this circuit, with the weights hidden under `weights` where
  /// `hidden` is 1.
  virtual Result<Hash> subject(const trust::proof::OnchainCircuit& circuit, std::uint8_t hidden, const Hash& weights) = 0;
  /// The output root that was proven of a program on the input that an order binds; zero: none yet.
  virtual Result<Hash> outcome(const Hash& program, const Hash& input_root) = 0;
  /// Shows a proof in as many transactions as it takes, from where its session stands: a crash loses none that the ledger
  /// holds. Errors also: cancelled.
  virtual Result<ProofCost> prove(const trust::proof::OnchainCircuit& circuit, const trust::proof::OnchainProof& proof,
                                  const Tell& tell, std::stop_token stop) = 0;
};

/// A proof, read, that shows that `job`'s program on `job`'s inputs gives `output_root`, with nothing hidden. Milliseconds.
/// Errors: malformed, rejected, naming what differs or which check fails.
Result<trust::proof::Proof> check_proof(const work::Disputable& job, const Hash& output_root, base::ByteView bytes);

/// Whether runs of a program can be sold under the check `proof`, and what that takes. Errors: unsupported, saying why not.
struct Provable {
  trust::proof::Cost cost;
  trust::proof::OnchainCircuit circuit;
};
Result<Provable> provable(const engine::program::Program& program);
/// Whether a proof of this cost can be made in `left_ms` milliseconds by so many threads. Errors: exhausted.
Status proves_in_time(const trust::proof::Cost& cost, std::size_t threads, std::int64_t left_ms);

}  // namespace koinon::market
