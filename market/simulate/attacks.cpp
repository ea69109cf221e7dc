#include <fmt/format.h>

#include <cmath>

#include "market/simulate/settings.hpp"

namespace koinon::market::simulate {
namespace {

std::vector<Attack> make() {
  std::vector<Attack> out;
  const auto add = [&](std::string name, std::string about, double share, Attacker attacker = Attacker::provider,
                       bool optimistic = false) {
    out.push_back({std::move(name), std::move(about), share, attacker, optimistic});
  };
  add("lazy", "makes a result up instead of running the program, each account for itself", 0.1);
  add("lying", "runs the program and claims another result, each account for itself", 0.1);
  for (const int percent : {10, 20, 30, 40})
    add(fmt::format("colluding-{}", percent),
        "accounts of one hand tell the same lie when all seats of a quorum are theirs, and "
        "confirm it in audits, and in juries where they have a majority",
        percent / 100.0);
  for (const int percent : {10, 20, 30, 40})
    add(fmt::format("majority-{}", percent), "the same, as soon as k seats of a quorum are theirs", percent / 100.0);
  add("sybil", "one stake behind ten times as many accounts, without a record", 0.1);
  add("lazy-auditors", "auditors repeat the roots that the quorum revealed, without a run", 0.3);
  add("lazy-jurors", "jurors repeat the roots of the majority, without a run", 0.3);
  add("silent", "takes a seat and commits to nothing", 0.1);
  add("hiding", "commits and does not reveal", 0.1);
  add("withholding", "claims the right result and gives nobody its bytes", 0.4);
  add("slander", "says that a good input is bad when k seats are its own, for the buyer's bond", 0.4);
  add("griefing-buyer", "orders, has a quorum drawn, and gives no input", 0, Attacker::buyer);
  add("griefing-appeal", "appeals against verdicts that are right", 0, Attacker::outsider);
  add("optimistic-lying", "claims a made-up result where one provider's claim stands unless it is disputed", 0.1,
      Attacker::provider, true);
  add("optimistic-withholding", "shows nobody a part of its claim", 0.1, Attacker::provider, true);
  add("griefing-challenge", "challenges claims that are right", 0, Attacker::outsider, true);
  return out;
}

}  // namespace

const std::vector<Attack>& attacks() {
  static const auto kAttacks = make();
  return kAttacks;
}

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::loses: return "loses";
    case Outcome::wins: return "wins";
    case Outcome::open: return "undecided";
  }
  return "undecided";
}

base::Status check(const Settings& s) {
  using base::Code;
  using base::fail;
  const auto share = [](const char* name, double value) -> base::Status {
    if (std::isfinite(value) && value >= 0 && value <= 1) return {};
    return fail(Code::out_of_range, "[simulate] {} {}: 0 to 1 expected", name, value);
  };
  if (s.providers < 60 || s.providers > 1'000'000)
    return fail(Code::out_of_range, "[simulate] {} providers: 60 to 1,000,000 expected", s.providers);
  if (s.orders < 100 || s.orders > 100'000'000)
    return fail(Code::out_of_range, "[simulate] {} orders: 100 to 100,000,000 expected", s.orders);
  if (s.n == 0 || s.n > 5 || s.k > s.n || 2 * s.k <= s.n)
    return fail(Code::out_of_range, "[simulate] quorum of {} in {}: n of 1 to 5 and n/2 < k <= n expected", s.k, s.n);
  if (s.audit_bps > 10'000) return fail(Code::out_of_range, "[simulate] audit {} bps: 0 to 10000 expected", s.audit_bps);
  if (s.locks == 0 || s.locks > 1000)
    return fail(Code::out_of_range, "[simulate] stake of {} locks: 1 to 1000 expected", s.locks);
  // Seats beyond what the others can fill would change what is measured.
  if (std::uint64_t{s.in_flight} * (s.n + 1U) * 2 > std::uint64_t{s.providers} * s.locks)
    return fail(Code::out_of_range, "[simulate] {} orders in flight need more stake than {} providers have", s.in_flight,
                s.providers);
  if (!std::isfinite(s.prize) || s.prize < 0 || s.prize > 1e6)
    return fail(Code::out_of_range, "[simulate] prize {}: 0 to 1000000 prices expected", s.prize);
  KOINON_CHECK(share("cost", s.cost));
  KOINON_CHECK(share("traps", s.traps));
  KOINON_CHECK(share("hasty", s.hasty));
  return share("watched", s.watched);
}

}  // namespace koinon::market::simulate
