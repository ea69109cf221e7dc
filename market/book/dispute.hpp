#pragma once
#include <map>
#include <optional>
#include <vector>

#include "base/money.hpp"
#include "trust/optimistic/demand.hpp"

namespace koinon::market {

/// One commitment to a fraud proof (IDisputes.sol).
struct ChallengeView {
  std::uint32_t account = 0;
  base::Hash commitment;
  base::Wei bond;
  std::uint64_t block = 0;    ///< of the commitment; the proof must be in a later one
  std::int64_t deadline = 0;  ///< to prove, Unix seconds
  bool proven = false;
  bool closed = false;  ///< its bond went back, or was burned
  // Once proven:
  std::uint8_t fraud = 0;  ///< what the proof shows (Types.sol, Fraud)
  base::Hash proven_tx = {};
};

/// What a proof of this kind shows, for people.
std::string_view fraud_text(std::uint8_t fraud);

/// Where an answer stands on the ledger: what it says is read from there when somebody needs it.
struct TraceAnswerAt {
  trust::optimistic::Demand place;
  std::uint32_t answerer = 0;
  base::Hash block_hash;
  std::uint64_t index = 0;  ///< of the log in its block
};

/// The demands of one account for parts of what a claim binds: one at a time.
struct TraceDemandView {
  bool open = false;
  bool closed = false;  ///< the fees were paid or returned
  std::uint8_t made = 0;
  trust::optimistic::Demand place;  ///< of the last demand
  std::int64_t opened_ms = 0;       ///< of the last demand, Unix milliseconds
  std::int64_t deadline = 0;        ///< of the open demand, else of the account's next move; Unix seconds
  base::Wei fees;
  std::vector<TraceAnswerAt> answers;
};

/// The disputes about the claim of one optimistic order, as the ledger tells them.
struct DisputeView {
  std::vector<ChallengeView> challenges;             ///< by number
  std::map<std::uint32_t, TraceDemandView> demands;  ///< by account
  std::optional<std::uint8_t> condemned;             ///< the refund reason that is to come
  std::int64_t finality = 0;                         ///< of a condemned claim: ended after it; Unix seconds
  std::optional<std::uint32_t> winner;               ///< account, of a condemned claim that was refuted

  /// True while a challenge, a demand or a demander's turn keeps the order from its end. `now_s`: Unix seconds.
  [[nodiscard]] bool is_open(std::int64_t now_s) const { return now_s <= until(); }
  /// The latest deadline of them, Unix seconds; 0 when there is none.
  [[nodiscard]] std::int64_t until() const;
};

}  // namespace koinon::market
