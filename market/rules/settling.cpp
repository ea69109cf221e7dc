#include <algorithm>
#include <limits>

#include "market/rules/order.hpp"

namespace koinon::market::rules {
namespace {

using trust::Role;

constexpr std::size_t kNobody = std::numeric_limits<std::size_t>::max();

bool has(std::uint64_t bits, std::size_t i) { return (bits >> i & 1) != 0; }

const base::Hash& bad_input() {
  static const auto kRoot = trust::bad_input_roots().output;
  return kRoot;
}

const base::Hash& unserved() {
  static const auto kRoot = trust::unserved_roots().output;
  return kRoot;
}

/// One settlement under way (Settling.Sums). The steps are those of the contract, in its order.
struct Sums {
  Order& o;
  const Config& config;
  Ending end;
  Amount money = 0;  ///< what is left of the buyer's escrow and bond
  Amount pool = 0;   ///< what is left of the half of what the rejected lost
  std::uint64_t hung = 0;
  std::vector<Amount> bonds;
  std::vector<bool> succeeded;
  std::size_t auditor = kNobody;

  Sums(Order& order, const Config& c) : o(order), config(c), money(order.escrow + order.bond) {}

  [[nodiscard]] const base::Hash& output(std::size_t i) const { return o.facts.claims[i].claim.output_root; }
  [[nodiscard]] bool is_quorum(std::size_t i) const { return o.role(i) == Role::quorum; }
  [[nodiscard]] std::uint8_t round(std::size_t i) const { return o.facts.claims[i].round; }

  Amount from_pool(Amount amount) {
    amount = std::min(amount, pool);
    pool -= amount;
    return amount;
  }

  void judge() {
    const auto n = o.members.size();
    end.members.resize(n);
    const auto all = n == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
    o.silent |= all & ~o.revealed & ~o.excused;
    Amount tithes = 0, lies = 0, slashed = 0;
    for (std::size_t i = 0; i < n; ++i) {
      auto& x = end.members[i];
      x.account = o.facts.claims[i].claim.account;
      x.locked = o.members[i].locked;
      if (has(o.rejected, i)) {
        x.verdict = Standing::rejected;
        x.slashed = x.locked;
        lies += x.slashed;
      } else if (has(o.silent, i)) {
        x.verdict = Standing::silent;
        x.slashed = x.locked * config.silence_bps / 10'000;
      } else if (has(o.accepted, i)) {
        x.verdict = Standing::accepted;
        if (o.juries != 0 && o.rejected != 0 && o.role(i) == Role::audit) auditor = i;
      } else if (o.facts.claims[i].revealed && output(i) == unserved() && is_quorum(i)) {
        x.slashed = o.bond / o.terms.n;
        tithes += x.slashed;
      }
      slashed += x.slashed;
    }
    pool = lies / 2;
    end.burned = slashed - pool + tithes;
    money -= tithes;
    o.bond -= tithes;
  }

  void weigh_appeals() {
    for (const auto& p : o.appeals) {
      bonds.push_back(p.bond);
      succeeded.push_back((o.accepted & p.members) != p.accepted || (o.rejected & p.members) != p.rejected);
      if (o.facts.rounds[p.round].lapsed) continue;
      bool judged = false;
      for (std::size_t i = 0; i < o.members.size(); ++i)
        judged = judged || (round(i) == p.round && has(o.accepted | o.rejected, i));
      if (!judged) hung |= std::uint64_t{1} << p.round;
    }
  }

  [[nodiscard]] std::size_t appeal_of(std::uint8_t in) const {
    for (std::size_t a = 0; a < o.appeals.size(); ++a)
      if (o.appeals[a].round == in) return a;
    return kNobody;
  }

  [[nodiscard]] bool pool_pays(std::uint8_t in) const {
    if (o.facts.rounds[in].role != Role::jury) return false;
    const auto a = appeal_of(in);
    return a == kNobody || succeeded[a];
  }

  Amount juror(std::uint8_t in, Amount due, bool accepted) {
    const auto a = appeal_of(in);
    if (a == kNobody) return from_pool(due);
    if (!accepted && !has(hung, in)) return 0;
    const auto got = succeeded[a] ? from_pool(due) : 0;
    const auto rest = std::min(due - got, bonds[a]);
    bonds[a] -= rest;
    return got + rest;
  }

  void pay() {
    Amount missed = 0;
    for (std::size_t i = 0; i < o.members.size(); ++i) {
      auto& x = end.members[i];
      const bool accepted = x.verdict == Standing::accepted;
      const auto own = price(o.members[i].tier);
      if (x.verdict == Standing::silent && pool_pays(round(i))) missed += own;
      const bool empty = output(i) == bad_input() || output(i) == unserved();
      if (!accepted && (x.verdict != Standing::none || !has(o.revealed, i) || empty)) continue;
      Amount gross = own;
      if (o.role(i) == Role::jury)
        gross = juror(round(i), own, accepted);
      else if (accepted)
        money -= gross;
      else
        continue;
      if (accepted) x.fee = gross * config.fee_bps / 10'000;
      x.paid = gross - x.fee;
      end.burned += x.fee;
    }
    end.burned += from_pool(missed);
  }

  /// The bond of a buyer that did not show its input, to the members that were there (or that say so).
  void share_bond(bool bad_only) {
    const auto shares = [&](std::size_t i) {
      return end.members[i].verdict == Standing::none && is_quorum(i) && (!bad_only || output(i) == bad_input());
    };
    Amount count = 0;
    for (std::size_t i = 0; i < o.members.size(); ++i) count += shares(i) ? 1 : 0;
    if (count == 0) return;
    const auto part = o.bond / count;
    for (std::size_t i = 0; i < o.members.size(); ++i) {
      if (!shares(i)) continue;
      end.members[i].paid += part;
      money -= part;
    }
  }

  void close_appeals() {
    const auto finders = static_cast<unsigned>(std::ranges::count(succeeded, true));
    const auto reward = pool / 2;
    if (finders == 0 && auditor != kNobody) {
      end.members[auditor].paid += reward;
      pool -= reward;
    }
    for (std::size_t a = 0; a < o.appeals.size(); ++a) {
      Amount back = 0;
      if (succeeded[a]) {
        const auto part = reward / finders;
        pool -= part;
        back = bonds[a] + part;
      } else if (has(hung, o.appeals[a].round)) {
        back = bonds[a];
      } else {
        end.burned += bonds[a];
      }
      end.appeals.push_back(back);
    }
  }
};

}  // namespace

void settle_order(Order& order, const Config& config, bool settled, Refund reason, bool found) {
  order.phase = settled ? Phase::settled : Phase::refunded;
  order.reason = reason;
  Sums s(order, config);
  s.judge();
  s.weigh_appeals();
  s.pay();
  if (!settled && (reason == Refund::no_input || reason == Refund::bad_input)) s.share_bond(reason == Refund::bad_input);
  s.close_appeals();
  if (found) {
    s.end.reward = s.pool / 2;
    s.pool -= s.end.reward;
  }
  s.end.burned += s.pool;
  s.end.buyer = s.money;
  order.ending = std::move(s.end);
}

}  // namespace koinon::market::rules
