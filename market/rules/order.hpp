#pragma once
#include <vector>

#include "market/rules/registry.hpp"
#include "trust/check.hpp"

namespace koinon::market::rules {

/// Rates and bounds of a market (Types.sol, Config and DisputeConfig) without its windows: time passes when `Market::expire`
/// says so.
struct Config {
  std::uint16_t min_audit_bps = 0;
  std::uint16_t fee_bps = 100;  ///< of what members are paid, burned
  std::uint16_t silence_bps = 2'500;
  std::uint8_t max_redraws = 2;
  std::uint8_t max_jury = 23;                   ///< seats
  Amount demand_bond = 10'000'000'000'000'000;  ///< wei
  Amount trace_fee = 10'000'000'000'000'000;    ///< wei, for each of max_trace_demands
  std::uint8_t max_trace_demands = 16;
};

/// What a buyer asks for (Types.sol, Terms), as far as money depends on it.
struct Terms {
  std::uint32_t buyer = 0;
  std::uint8_t check = 0;  ///< 0 quorum, 1 optimistic
  std::uint8_t n = 3, k = 2;
  std::uint8_t max_tier = 0;
  std::uint16_t audit_bps = 0;
};

/// Types.sol, RefundReason.
enum class Refund : std::uint8_t {
  undrawn = 0,
  no_providers = 1,
  no_input = 2,
  silence = 3,
  undecided = 4,
  bad_input = 5,
  refuted = 6,
  withheld = 7,
};

/// One seat: what the contract keeps beside the claim in Order::facts.
struct Member {
  std::uint8_t tier = 0;
  Amount locked = 0;
};

/// Types.sol, Appeal.
struct Appeal {
  std::uint32_t account = 0;
  std::uint8_t round = 0;
  Amount bond = 0;
  std::uint64_t members = 0, accepted = 0, rejected = 0;
};

/// A commitment to a fraud proof (Types.sol, Challenge).
struct Challenge {
  std::uint32_t account = 0;
  bool proven = false, closed = false;
};

/// A demand for a part of a claim that nobody answered, or that was closed.
struct TraceDemand {
  std::uint32_t account = 0;
  bool open = true, closed = false;
};

/// What the end of an order moves (Settling.sol).
struct Ending {
  std::vector<Settlement> members;
  std::vector<Amount> appeals;  ///< returned to each appellant, rewards included
  Amount burned = 0;
  Amount reward = 0;  ///< of who refuted an optimistic claim
  Amount buyer = 0;   ///< what it gets back
};

/// One order as the contracts store it (Types.sol, Order); bits are over seats.
struct Order {
  Terms terms;
  Phase phase = Phase::draw;
  trust::Case facts;  ///< rounds and claims as the check sees them
  std::vector<Member> members;
  std::vector<Appeal> appeals;
  std::uint32_t publisher = 0;  ///< of the current round's input
  std::uint8_t wanted = 0;      ///< seats of the current round
  std::uint8_t redraws = 0, juries = 0;
  std::uint64_t committed = 0, revealed = 0, accepted = 0, rejected = 0, silent = 0, excused = 0, acting = 0;
  Amount escrow = 0, bond = 0;
  base::Hash output_root, trace_root;  ///< of the standing verdict
  bool demand_open = false, demand_output = false;
  std::uint8_t demand_member = 0;
  std::vector<Challenge> challenges;
  std::uint32_t late = 0;  ///< so many challenges, the first, can be proven no more
  std::vector<TraceDemand> demands;
  bool condemned = false;
  std::uint32_t winner = 0;  ///< number of the first proven challenge
  bool proven = false;
  Refund reason = Refund::undrawn;  ///< once refunded
  Ending ending;                    ///< once over

  [[nodiscard]] trust::Role role(std::size_t seat) const { return facts.rounds[facts.claims[seat].round].role; }
};

/// Ends an order: who is paid, slashed and refunded. The twin of contracts/src/Settling.sol, whose head states the nine rules.
/// `found`: somebody refuted the claim of an optimistic order. Adds to `order.silent` those that did not commit or reveal; what
/// it moves is in `order.ending`.
void settle_order(Order& order, const Config& config, bool settled, Refund reason, bool found);

}  // namespace koinon::market::rules
