#pragma once
#include <stop_token>
#include <string>

#include "market/book/dispute.hpp"
#include "trust/claim.hpp"
#include "trust/optimistic/demand.hpp"

namespace koinon::market {

/// Times and fees of disputes, fixed when a market is deployed (Types.sol, DisputeConfig).
struct DisputeTerms {
  std::uint32_t prove_window = 0;  ///< seconds, as the windows below
  std::uint32_t answer_window = 0;
  std::uint32_t move_window = 0;
  std::uint8_t max_demands = 0;  ///< of one account in an order
  base::Wei demand_fee;          ///< wei
};

/// What is asked of a market's disputes (contracts/src/IDisputes.sol). Every call that changes something returns when the
/// ledger holds it. Errors of all: ledger (reverted, with the contract's error by name), network, timeout.
class DisputeLedger {
 public:
  virtual ~DisputeLedger() = default;
  virtual base::Result<DisputeTerms> dispute_terms() = 0;
  /// Once: a commitment that stands on the ledger, or is on its way there, is not sent again.
  virtual base::Status challenge(std::uint64_t order, std::uint32_t account, const base::Hash& commitment) = 0;
  virtual base::Status prove(std::uint64_t order, std::uint32_t number, std::uint8_t fraud, const base::Bytes& proof,
                             const base::Hash& salt) = 0;
  virtual base::Status demand_trace(std::uint64_t order, std::uint32_t account, const trust::optimistic::Demand& place) = 0;
  virtual base::Status answer_trace(std::uint64_t order, std::uint32_t demander, std::uint32_t account,
                                    const trust::optimistic::Answer& answer) = 0;
  virtual base::Status condemn(std::uint64_t order, std::uint32_t demander) = 0;
  virtual base::Status collect(std::uint64_t order, std::uint32_t demander) = 0;
  virtual base::Status reclaim(std::uint64_t order, std::uint32_t number) = 0;
  /// What an answer says, from the ledger's log. Errors also: not_found (a reorganisation took it back).
  virtual base::Result<trust::optimistic::Answer> trace_answer(const TraceAnswerAt& where) = 0;
};

/// Asks the node of a provider for parts of its claim, which costs nobody a transaction.
class TracePeers {
 public:
  virtual ~TracePeers() = default;
  /// `base`: "http://host:port"; `placed` names the order by its placing transaction. Errors: network, timeout, malformed.
  virtual base::Result<trust::optimistic::Answer> ask(const std::string& base, const base::Hash& placed,
                                                      const trust::optimistic::Demand& place, std::stop_token stop) = 0;
};

/// What a challenger commits to before it shows its proof (IDisputes.challengeOf): keccak256 of words: keccak256(
/// "koinon.challenge"), chain id, market, order, account, fraud, keccak256(proof), salt.
base::Hash challenge_commitment(const trust::OrderContext& context, std::uint32_t account, std::uint8_t fraud,
                                base::ByteView proof, const base::Hash& salt);

}  // namespace koinon::market
