#pragma once
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "market/book/book.hpp"
#include "market/rules/amount.hpp"
#include "market/rules/draw_tree.hpp"

namespace koinon::market::rules {

/// An account as Offers.Account holds it, with its offer of the one kind that these rules know.
struct Account {
  Amount free = 0, stake = 0, locked = 0, points = 0;  ///< wei; locked is part of stake
  std::uint32_t accepted = 0, rejected = 0, silent = 0, streak = 0;
  std::uint64_t weight = 0;  ///< of the offer in draws
  bool active = false;
  bool suspended = false;
  std::uint8_t tier = 0;
  std::uint16_t place = 0;
};

/// What Registry.settle does with one member (Types.sol, Settlement).
struct Settlement {
  std::uint32_t account = 0;
  Standing verdict = Standing::none;
  Amount locked = 0, slashed = 0, paid = 0, fee = 0;
};

/// A seat that a draw gave.
struct Drawn {
  std::uint32_t account = 0;
  std::uint8_t tier = 0;
};

/// The twin of contracts/src/Registry.sol and Offers.sol for one kind of work: the same sums, weights and draws to the wei.
/// Left out: who may call, unbonding, profiles, the token itself, and changes in the very block of a draw. A call that the
/// contract would revert returns false and changes nothing.
class Registry {
 public:
  static constexpr std::uint8_t kTiers = 128;

  explicit Registry(Amount least_stake) : least_stake_(least_stake) {}

  /// Opens an account with `free` deposited; ids run from 1.
  std::uint32_t open(Amount free);
  void deposit(std::uint32_t account, Amount amount);
  [[nodiscard]] bool stake(std::uint32_t account, Amount amount);
  /// Offers work at a tier; replaces an earlier offer.
  [[nodiscard]] bool offer(std::uint32_t account, std::uint8_t tier);
  /// Ends the offer.
  void retire(std::uint32_t account);
  /// Begins with a record that was earned before: what the draw weighs.
  void remember(std::uint32_t account, std::uint32_t streak);

  /// Seats up to `wanted` accounts and locks `lock` of the stake of each (Offers._draw).
  std::vector<Drawn> seat(std::uint8_t max_tier, std::uint8_t wanted, Amount lock, const base::Hash& seed,
                          std::span<const std::uint32_t> excluded);
  [[nodiscard]] std::uint64_t eligible_beside(std::uint8_t max_tier, std::span<const std::uint32_t> excluded) const;
  [[nodiscard]] bool debit(std::uint32_t account, Amount amount);
  [[nodiscard]] bool pledge(std::uint32_t account, Amount amount);
  /// Whether pledge() would be taken.
  [[nodiscard]] bool can_pledge(std::uint32_t account, Amount amount) const;
  void credit(std::uint32_t account, Amount amount);
  void settle(std::span<const Settlement> members, Amount burned);

  /// Precondition: an account that was opened.
  [[nodiscard]] const Account& account(std::uint32_t id) const { return accounts_[id - 1]; }
  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(accounts_.size()); }
  [[nodiscard]] Amount held() const { return held_; }
  [[nodiscard]] Amount burned() const { return burned_; }
  [[nodiscard]] Amount slashed() const { return slashed_; }
  /// Every wei that went in is owed to somebody, held or burned.
  [[nodiscard]] bool solvent() const;

 private:
  Account& at(std::uint32_t id) { return accounts_[id - 1]; }
  [[nodiscard]] std::uint64_t weight_of(const Account& account) const;
  void reweigh(Account& account);
  void set_weight(Account& account, std::uint64_t weight);
  void release(Amount amount);

  Amount least_stake_;
  std::vector<Account> accounts_;
  DrawTree tree_;
  Amount held_ = 0, burned_ = 0, slashed_ = 0, deposited_ = 0;
};

}  // namespace koinon::market::rules
