#include "market/actor/duties.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "market/actor/sealing.hpp"

namespace koinon::market {
namespace {

/// The place of `self` among those who share a duty: 0 for the buyer, then members by seat; nothing when not involved.
std::optional<std::int64_t> rank_of(const OrderView& order, std::uint32_t self) {
  if (order.terms.buyer == self) return 0;
  for (std::size_t i = 0; i < order.seats.size(); ++i)
    if (order.seats[i].account == self) return static_cast<std::int64_t>(i) + 1;
  return {};
}

bool published_by_members(trust::Role role) { return role != trust::Role::quorum; }

/// When an earlier member should bring the input to an audit or a jury that is at work already, Unix milliseconds: what was
/// published so far may be rubbish, and only who was drawn could tell. Nothing when it has none, or no need is left.
///
/// The first members in turn, soon; those whose own result another publisher claimed too, only in the second half of the
/// window: who claims the same had the same input. All before the last quarter, when jurors give up.
std::optional<std::int64_t> rescue_due(const OrderView& order, std::uint32_t self, std::int64_t standby_ms) {
  const auto round = order.round();
  const auto* own = order.seat(self);
  if (own == nullptr || own->round == round || !own->revealed || own->claim.output_root == trust::bad_input_roots().output)
    return {};
  const auto waits = [&](const Seat& seat) { return seat.round == round && !seat.committed; };
  if (!published_by_members(order.rounds[round].role) || std::ranges::none_of(order.seats, waits)) return {};
  bool backed = false;
  for (const auto& one : order.rounds[round].published) {
    if (one.publisher == self) return {};
    const auto* other = order.seat(one.publisher);
    backed = backed || (other != nullptr && other->revealed && other->claim.same_result(own->claim));
  }
  const auto window = std::int64_t{order.terms.commit_window} * 1000;
  const auto began = order.deadline == 0 ? order.since_ms : order.deadline * 1000 - window;
  return began + std::min(standby_ms, window / 8) + (backed ? window / 2 : 0);
}

/// Somebody waits for a part of the claim, and it is not condemned yet.
bool demands_wait(const OrderView& order) {
  return !order.dispute.condemned &&
         std::ranges::any_of(order.dispute.demands, [](const auto& one) { return one.second.open; });
}

/// When a standing verdict may be settled, Unix seconds: disputes go on beyond its own window.
std::int64_t end_of(const OrderView& order) {
  const auto until = order.dispute.until();
  return order.dispute.condemned ? until : std::max(order.deadline, until);
}

}  // namespace

std::string_view duty_name(DutyKind kind) {
  switch (kind) {
    case DutyKind::draw: return "draw";
    case DutyKind::draw_audit: return "draw audit";
    case DutyKind::advance: return "advance";
    case DutyKind::settle: return "settle";
    case DutyKind::publish: return "publish input";
    case DutyKind::work: return "work";
    case DutyKind::reveal: return "reveal";
    case DutyKind::judge: return "judge";
    case DutyKind::answer_input: return "answer input";
    case DutyKind::answer_output: return "answer output";
    case DutyKind::answer_trace: return "answer about the trace";
    case DutyKind::prove: return "prove";
  }
  return "unknown";
}

std::vector<Duty> duties(const OrderView& order, std::uint32_t self, std::uint64_t head) {
  std::vector<Duty> out;
  const auto rank = rank_of(order, self);
  if (!rank || is_final(order.phase)) return out;
  const auto round = order.round();
  const auto standby = *rank * kStandbyMs;
  const auto add = [&](DutyKind kind, std::int64_t due_ms) { out.push_back({kind, order.id, round, due_ms}); };
  const auto after_deadline = [&](DutyKind kind) { add(kind, order.deadline * 1000 + 1000 + standby); };
  const auto* seat = order.seat_now(self);

  if (order.demand && seat != nullptr && demands_wait(order)) add(DutyKind::answer_trace, order.since_ms);
  if (order.demand) {
    // Anyone who holds the bytes may answer, but only those concerned do.
    if (order.demand->target == self)
      add(order.demand->output ? DutyKind::answer_output : DutyKind::answer_input, order.since_ms);
    after_deadline(DutyKind::advance);
    return out;
  }
  switch (order.phase) {
    case Phase::draw:
    case Phase::audit_draw:
      if (head + 1 >= order.seed_block)
        add(order.phase == Phase::draw ? DutyKind::draw : DutyKind::draw_audit, order.since_ms + standby);
      after_deadline(DutyKind::advance);
      break;
    case Phase::input:
      if (order.terms.buyer == self) {
        add(DutyKind::publish, order.since_ms);
      } else if (seat == nullptr && published_by_members(order.rounds[round].role)) {
        const auto half = std::max<std::int64_t>(0, order.deadline * 1000 - order.since_ms) / 2;
        add(DutyKind::publish, order.since_ms + half + standby);
      }
      after_deadline(DutyKind::advance);
      break;
    case Phase::commit:
      if (seat != nullptr && !seat->committed) add(DutyKind::work, order.since_ms);
      if (const auto due = rescue_due(order, self, standby)) add(DutyKind::publish, *due);
      after_deadline(DutyKind::advance);
      break;
    case Phase::reveal:
      // After a redraw those who committed before it reveal together with those who replaced the silent.
      if (const auto* any = order.seat(self); any != nullptr && any->committed && !any->revealed &&
                                              (any->round == round || order.rounds[round].role == trust::Role::quorum))
        add(DutyKind::reveal, order.since_ms);
      after_deadline(DutyKind::advance);
      break;
    case Phase::standing: {
      const auto* any = order.seat(self);
      if (order.terms.buyer == self || (!is_public(order.terms) && any != nullptr && any->verdict == Standing::rejected))
        add(DutyKind::judge, order.since_ms);
      else if (!is_public(order.terms) && any != nullptr && has_result(*any) && says_bad_input(order.verdict))
        add(DutyKind::judge, order.since_ms + standby);  // the buyer first: its word is at stake
      else if (any != nullptr && any->verdict == Standing::accepted && awaits_comparison(order))
        add(DutyKind::judge, order.since_ms + standby - kStandbyMs);  // the first member at once
      if (any != nullptr && demands_wait(order)) add(DutyKind::answer_trace, order.since_ms);
      if (asks_for_proof(order.terms) && any != nullptr && any->verdict == Standing::accepted)
        add(DutyKind::prove, order.since_ms + std::max<std::int64_t>(0, order.deadline * 1000 - order.since_ms) / 3 + 1000);
      add(DutyKind::settle, end_of(order) * 1000 + 1000 + standby);
      break;
    }
    case Phase::none:
    case Phase::settled:
    case Phase::refunded: break;
  }
  return out;
}

std::vector<Renewal> renewals(const AccountView& self) {
  constexpr std::array<std::int64_t, kRelapses> kPausesMs = {0, 60'000, 600'000};
  std::vector<Renewal> out;
  for (const auto& [kind, offer] : self.offers) {
    if (!offer.suspended) continue;
    Renewal renewal{kind, offer.tier, {}};
    if (self.relapses < kRelapses) renewal.due_ms = offer.suspended_at_ms + kPausesMs[self.relapses];
    out.push_back(renewal);
  }
  return out;
}

std::string suspension_text(const AccountView& self, const Renewal& renewal) {
  if (!renewal.due_ms)
    return fmt::format(
        "an order found account {} silent, as {} times before since its last accepted work: it is not drawn until its owner "
        "has "
        "mended what is wrong and offers again",
        self.id, self.relapses);
  return fmt::format("an order found account {} silent: it is not drawn until it offers again, which it does {}", self.id,
                     self.relapses == 0 ? "at once" : fmt::format("{} min after", self.relapses == 1 ? 1 : 10));
}

}  // namespace koinon::market
