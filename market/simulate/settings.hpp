#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "market/rules/order.hpp"

namespace koinon::market::simulate {

/// The market that is simulated. Prices are in units of the highest price that the buyer pays a seat.
struct Settings {
  std::uint32_t providers = 10'000;  ///< 60 to 1,000,000
  std::uint64_t orders = 200'000;    ///< of each attack
  std::uint32_t in_flight = 50;      ///< orders whose verdict stands while others are drawn
  std::uint8_t n = 3, k = 2;
  std::uint16_t audit_bps = 900;
  double cost = 0.5;            ///< of one honest run, as a share of the price
  double prize = 0;             ///< what a false result that is paid for is worth to who sold it, in prices
  double traps = 0;             ///< share of orders whose buyer ran the program itself first
  double watched = 0.1;         ///< share of optimistic claims that somebody runs again
  bool members_compare = true;  ///< as nodes do: members whose claim stands appeal against an auditor's false tag
  double hasty = 0;             ///< share of buyers that confirm audited orders before their members can compare; no node does
  std::uint32_t locks = 3;      ///< stake of a provider, in locks of this order
  std::uint64_t seed = 1;
  rules::Config rules;
};

/// Errors: out_of_range, naming the setting.
base::Status check(const Settings& settings);

/// What an attack is tried by.
enum class Attacker : std::uint8_t {
  provider,  ///< seats that were drawn
  buyer,     ///< a buyer, who has no seat
  outsider,  ///< whoever appeals or challenges
};

/// An attack by name: see attacks().
struct Attack {
  std::string name;
  std::string about;   ///< one sentence
  double share = 0.1;  ///< of the stake that its providers have
  Attacker attacker = Attacker::provider;
  bool optimistic = false;
};

/// Every attack that the simulator knows, in the order of its table.
const std::vector<Attack>& attacks();

enum class Outcome : std::uint8_t { loses, wins, open };
/// "loses", "wins", "undecided".
std::string_view outcome_name(Outcome outcome);

/// What became of one attack.
struct Finding {
  Attack attack;
  std::uint64_t orders = 0;
  std::uint64_t tries = 0;   ///< orders in which it was tried
  std::uint64_t caught = 0;  ///< of them, in which somebody of it was slashed or lost a bond
  double put = 0;            ///< stake locked or money put in by the attacker, a try, in prices
  double gain = 0;           ///< beyond what honesty would have brought in the same orders, a try, in prices
  double gain_error = 0;     ///< half of the 95 % confidence interval of it
  double honest = 0;         ///< what honesty would have brought, a try, in prices
  double victims = 0;        ///< what others lost a try, in prices
  double audit_cost = 0;     ///< paid to auditors, as a share of what the quorum was paid
  Outcome outcome = Outcome::open;

  /// Gain beyond honesty per unit put at stake.
  [[nodiscard]] double per_stake() const { return put == 0 ? 0 : gain / put; }
  [[nodiscard]] double per_stake_error() const { return put == 0 ? 0 : gain_error / put; }
  /// What a false result must be worth, in prices a try, before the attack pays: 0 when it pays as it is.
  [[nodiscard]] double worth() const { return gain >= 0 ? 0 : -gain; }
};

/// Tries one attack against the market's rules. Deterministic for the settings: the same on every machine and number of
/// threads. `progress` hears of orders done, now and then. Errors: those of check(), cancelled (`progress` returned false).
base::Result<Finding> simulate(const Settings& settings, const Attack& attack,
                               const std::function<bool(std::uint64_t)>& progress);

/// The findings as a picture (SVG): for each attack its gain per unit at stake with the confidence interval.
std::string picture(const Settings& settings, const std::vector<Finding>& findings);

}  // namespace koinon::market::simulate
