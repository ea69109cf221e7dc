#pragma once
#include <deque>
#include <optional>

#include "market/rules/market.hpp"
#include "market/simulate/settings.hpp"

namespace koinon::market::simulate {

/// xoshiro256** (Blackman and Vigna 2018), seeded by splitmix64: the same numbers everywhere.
class Dice {
 public:
  explicit Dice(std::uint64_t seed);
  std::uint64_t next();
  base::Hash hash();
  /// True with probability `share`.
  bool falls(double share);

 private:
  std::uint64_t state_[4];
};

/// What one order in play remembers beside the rules.
struct Play {
  std::uint64_t id = 0;
  bool tried = false;     ///< the attack was tried in it
  bool lied = false;      ///< the coalition agreed on a lie
  bool trap = false;      ///< its buyer ran the program first
  bool hasty = false;     ///< its buyer confirms what is unanimous before anybody compares
  std::uint64_t ran = 0;  ///< seats that ran the program
  std::optional<std::uint32_t> griefer;
  base::Hash link;  ///< link 0 of the right witness
};

/// Sums over the orders in which an attack was tried.
struct Tally {
  std::uint64_t orders = 0, tries = 0, caught = 0;
  double put = 0, gain = 0, gain_squared = 0, honest = 0, victims = 0, audits = 0, quorums = 0;
};

/// A market with its people, and one attack on it. Accounts are restored after each order (stake, record, offer), so that every
/// try meets the same market; what they lost is counted. That favours the attacker, who loses no record.
class World {
 public:
  World(const Settings& settings, const Attack& attack);

  /// Places one more order, plays it until a verdict stands, and ends the oldest when too many are in flight.
  void step();
  /// Ends what is in flight.
  void finish();
  [[nodiscard]] const Tally& tally() const { return tally_; }
  /// Sum of all money is what it was; see rules::Registry::solvent.
  [[nodiscard]] bool solvent() const { return registry_.solvent(); }

 private:
  enum class Kind : std::uint8_t {
    lazy,
    lying,
    colluding,
    majority,
    sybil,
    lazy_auditors,
    lazy_jurors,
    silent,
    hiding,
    withholding,
    slander,
    griefing_buyer,
    griefing_appeal,
    optimistic_lying,
    optimistic_withholding,
    griefing_challenge,
  };
  /// What a seat does in its round.
  enum class Act : std::uint8_t { work, guess, lie, false_result, copy, nothing, hide, slander };

  static Kind kind_of(const std::string& name);
  void settle_in();
  [[nodiscard]] bool mine(std::uint32_t account) const { return account <= mine_; }
  [[nodiscard]] bool stray(std::uint32_t account) const { return account > providers_ - stray_ && account <= providers_; }
  void agree(Play& play);
  [[nodiscard]] bool carries(const rules::Order& order, std::size_t seat) const;
  [[nodiscard]] Act act(const Play& play, std::size_t seat) const;
  void work_round(Play& play);
  void reveal(Play& play, std::size_t seat, Act act);
  void play_on(Play& play);
  [[nodiscard]] std::optional<std::uint32_t> appellant(const Play& play) const;
  [[nodiscard]] std::optional<std::uint32_t> coalition_appellant(const rules::Order& order) const;
  void dispute(Play& play);
  void close(Play& play);
  void count(const Play& play);
  void restore(const rules::Order& order);
  [[nodiscard]] double in_prices(rules::Amount amount) const;
  [[nodiscard]] double cost_of(const rules::Order& order, std::size_t seat) const;

  Settings settings_;
  Attack attack_;
  Kind kind_;
  Dice dice_;
  rules::Registry registry_;
  rules::Market market_;
  rules::Terms terms_;
  rules::Amount price_ = 0, lock_ = 0, stake_ = 0;
  std::uint32_t providers_ = 0, mine_ = 0, stray_ = 0, outsider_ = 0;
  std::deque<Play> flight_;
  Tally tally_;
};

}  // namespace koinon::market::simulate
