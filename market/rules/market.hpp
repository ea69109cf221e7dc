#pragma once
#include <optional>
#include <unordered_map>

#include "market/rules/order.hpp"

namespace koinon::market::rules {

/// The life of orders: the twin of contracts/src/WorkMarket.sol, Rounds.sol and Disputes.sol in what they do to seats, verdicts
/// and money. Left out: windows (`expire` says that the deadline has passed), the bytes of inputs and results, who may call. A
/// call that the contracts would revert for another reason returns false and changes nothing. Decisions are those of
/// trust::QuorumCheck and trust::OptimisticCheck, the contracts' twins.
class Market {
 public:
  /// `registry` must outlive it. `where` binds tags and lots: chain id and address of the market.
  Market(Registry& registry, Config config, trust::OrderContext where = {});

  /// The order's number (1, 2, ...), or nothing when the terms are refused or the buyer has too little.
  std::optional<std::uint64_t> place(const Terms& terms);
  bool draw(std::uint64_t id, const base::Hash& seed);
  bool draw_audit(std::uint64_t id, const base::Hash& seed);
  bool publish(std::uint64_t id, std::uint32_t account);
  bool commit(std::uint64_t id, std::uint32_t account);
  bool reveal(std::uint64_t id, std::uint32_t account, const base::Hash& output, const base::Hash& trace,
              const base::Hash& mark);
  bool demand_input(std::uint64_t id, std::uint32_t account);
  bool demand_output(std::uint64_t id, std::uint32_t member);
  /// The deadline of the open demand, else of the phase, has passed, and somebody calls advance.
  bool expire(std::uint64_t id);
  bool confirm(std::uint64_t id);
  bool appeal(std::uint64_t id, std::uint32_t account);

  bool challenge(std::uint64_t id, std::uint32_t account);
  /// Shows a right proof of challenge `number`, in time unless a demand for the output ran out since (which takes longer).
  bool prove(std::uint64_t id, std::uint32_t number);
  bool reclaim(std::uint64_t id, std::uint32_t number);
  bool demand_trace(std::uint64_t id, std::uint32_t account);
  /// The demand of `account` ran out.
  bool condemn(std::uint64_t id, std::uint32_t account);
  bool collect(std::uint64_t id, std::uint32_t account);

  /// Precondition: an order that was placed and not forgotten.
  [[nodiscard]] const Order& order(std::uint64_t id) const { return orders_.at(id); }
  /// Takes an order that is over out of memory.
  void forget(std::uint64_t id) { orders_.erase(id); }
  [[nodiscard]] Registry& registry() { return registry_; }
  [[nodiscard]] const Config& config() const { return config_; }
  /// The bond that an appeal takes now.
  [[nodiscard]] Amount appeal_bond(const Order& order) const;

 private:
  Order* in(std::uint64_t id, Phase phase);
  void open(Order& o, trust::Role role, std::uint8_t wanted, bool appealed);
  void seat(Order& o, const base::Hash& seed);
  void decide(Order& o);
  void close_commit(Order& o);
  void lapse(Order& o);
  void give_up(Order& o, Refund reason);
  void unanswered(Order& o);
  void answered(Order& o, std::uint32_t account);
  void finish(Order& o, bool settled, Refund reason, std::uint32_t finder = 0);
  void end_claim(Order& o);
  void stand_condemned(Order& o);
  [[nodiscard]] std::uint8_t jury(std::uint8_t size) const { return std::min(size, config_.max_jury); }
  [[nodiscard]] std::vector<std::uint32_t> excluded(const Order& o) const;

  Registry& registry_;
  Config config_;
  trust::OrderContext where_;
  std::uint64_t count_ = 0;
  std::unordered_map<std::uint64_t, Order> orders_;
};

}  // namespace koinon::market::rules
