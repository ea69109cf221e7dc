#include "test/extension/unanimous/unanimous.hpp"

#include <algorithm>

namespace koinon::test::extension {
namespace {

using trust::Action;
using trust::Case;
using trust::ClaimFacts;
using trust::Decision;
using trust::Role;

bool says_bad_input(const ClaimFacts& seat) { return seat.claim.output_root == trust::bad_input_roots().output; }

/// What the quorum says.
struct Voice {
  const ClaimFacts* claimed = nullptr;  ///< the first claim of a result
  bool unanimous = false;               ///< n members say the same: a result, or that the input is bad
};

Voice voice_of(const Case& c) {
  Voice out;
  std::size_t said = 0;
  std::size_t bad = 0;
  bool same = true;
  for (const auto& seat : c.claims) {
    if (!seat.revealed || c.rounds[seat.round].role != Role::quorum) continue;
    ++said;
    if (says_bad_input(seat))
      ++bad;
    else if (out.claimed == nullptr)
      out.claimed = &seat;
    else if (!seat.claim.same_result(out.claimed->claim))
      same = false;
  }
  out.unanimous = said >= c.n && same && (bad == 0 || bad == said);
  return out;
}

/// The claim that more than half of the seats of a jury share, or null.
const ClaimFacts* majority_of(const Case& c, std::size_t round) {
  const auto& r = c.rounds[round];
  if (r.role != Role::jury || r.lapsed || r.seated <= c.n) return nullptr;
  const auto votes = [&](const ClaimFacts& seat) { return seat.round == round && seat.revealed && !says_bad_input(seat); };
  for (const auto& candidate : c.claims) {
    if (!votes(candidate)) continue;
    const auto equal = std::ranges::count_if(c.claims, [&](const ClaimFacts& other) {
      return votes(other) && other.claim.same_result(candidate.claim) && other.claim.mark == candidate.claim.mark;
    });
    if (2 * equal > r.seated) return &candidate;
  }
  return nullptr;
}

/// The verdict that takes `truth` for true; `judged` when a jury's, which knows the witness.
Decision stand(const Case& c, const ClaimFacts& truth_seat, bool judged) {
  const auto& truth = truth_seat.claim;
  Decision out;
  out.action = Action::stand;
  out.output_root = truth.output_root;
  out.trace_root = truth.trace_root;
  if (judged) out.witness = trust::witness_base(c, truth_seat);
  for (std::size_t i = 0; i < c.claims.size(); ++i) {
    const auto& seat = c.claims[i];
    const bool juror = c.rounds[seat.round].role == Role::jury;
    if (!seat.revealed || says_bad_input(seat) || (juror && !judged)) continue;
    const auto shown = [&] {
      return juror ? trust::witness_base(c, seat) == out.witness
                   : seat.claim.mark == trust::tag(c.context, seat.claim.account, out.witness);
    };
    const bool right = seat.claim.same_result(truth) && (!judged || shown());
    (right ? out.accepted : out.rejected) |= std::uint64_t{1} << i;
  }
  return out;
}

}  // namespace

Decision UnanimousCheck::decide(const Case& c) const {
  KOINON_INVARIANT(!c.rounds.empty() && c.claims.size() <= 64);
  for (auto next = c.rounds.size(); next > 0; --next)
    if (const auto* truth = majority_of(c, next - 1)) return stand(c, *truth, true);
  const auto voice = voice_of(c);
  Decision out;
  if (voice.unanimous) {
    if (voice.claimed != nullptr) return stand(c, *voice.claimed, false);
    out.action = Action::bad_input;
  } else if (voice.claimed != nullptr && c.rounds.back().role != Role::jury) {
    out.action = Action::seat_jury;
    out.seats = static_cast<std::uint8_t>(2 * c.n + 1);
  }
  return out;
}

}  // namespace koinon::test::extension
