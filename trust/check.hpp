#pragma once
#include <map>
#include <memory>
#include <vector>

#include "trust/claim.hpp"

namespace koinon::trust {

/// What a check sees of one round of an order.
struct RoundFacts {
  Role role = Role::quorum;
  bool appealed = false;  ///< opened by an appeal, not by the check
  bool lapsed = false;    ///< nobody seated, or its input never came
  std::uint8_t seated = 0;
};

/// What a check sees of one seat. Roots and mark are zero until revealed.
struct ClaimFacts {
  Claim claim;
  std::uint8_t round = 0;
  bool revealed = false;
};

/// Everything that a check may decide upon: the same fields as Types.sol, Case.
struct Case {
  OrderContext context;
  std::uint8_t n = 0;
  std::uint8_t k = 0;
  std::uint16_t audit_bps = 0;  ///< 1/10000
  bool audit_forced = false;
  base::Hash audit_seed;  ///< zero until drawn
  std::vector<RoundFacts> rounds;
  std::vector<ClaimFacts> claims;  ///< at most 64
};

/// Link 0 of the witness, from the mark of a juror: its jury is the number of jury rounds before its own.
base::Hash witness_base(const Case& facts, const ClaimFacts& juror);

/// What a check wants next. In a contract's answer: never renumber.
enum class Action : std::uint8_t { draw_audit = 0, seat_audit = 1, seat_jury = 2, stand = 3, undecided = 4, bad_input = 5 };

/// What a check decides. `accepted` and `rejected` are bits over Case::claims, disjoint.
struct Decision {
  Action action = Action::undecided;
  std::uint8_t seats = 0;  ///< of the round to open
  base::Hash output_root, trace_root, witness;
  std::uint64_t accepted = 0, rejected = 0;
  friend bool operator==(const Decision&, const Decision&) = default;
};

/// A way to check results. Deciding is pure: the same case gives the same decision here and in the contract, for ever.
class Check {
 public:
  virtual ~Check() = default;
  /// Code of an order's policy: the check's place in the market's list.
  [[nodiscard]] virtual std::uint8_t code() const = 0;
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual Decision decide(const Case& facts) const = 0;
  /// How many signed claims of the quorum must agree for a receipt to show, without the ledger, a verdict that no jury gave.
  [[nodiscard]] virtual std::uint8_t needed([[maybe_unused]] std::uint8_t n, std::uint8_t k) const { return k; }
};

/// The checks that this process knows, by code.
class CheckSet {
 public:
  /// Errors: conflict when the code is taken.
  base::Status add(std::unique_ptr<Check> check);
  /// Knows the check no more: of a market that was deployed without its contract.
  void drop(std::uint8_t code) { checks_.erase(code); }
  /// Errors: unsupported, naming those that are known.
  [[nodiscard]] base::Result<const Check*> find(std::uint8_t code) const;
  [[nodiscard]] base::Result<const Check*> find(std::string_view name) const;

 private:
  [[nodiscard]] std::string names() const;
  std::map<std::uint8_t, std::unique_ptr<Check>> checks_;
};

}  // namespace koinon::trust
