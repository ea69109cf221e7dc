#include "trust/quorum/quorum.hpp"

#include <algorithm>
#include <optional>

#include "trust/quorum/proof_check.hpp"

namespace koinon::trust {
namespace {

using Index = std::optional<std::size_t>;

constexpr std::size_t kMaxAudits = 2;
constexpr std::uint64_t kBasis = 10'000;

bool says_bad_input(const ClaimFacts& seat) { return seat.claim.output_root == bad_input_roots().output; }

/// A claim of a result.
bool real(const ClaimFacts& seat) { return !says_bad_input(seat) && seat.claim.output_root != unserved_roots().output; }

/// A revealed claim of the quorum, whatever it says.
bool voted(const Case& c, const ClaimFacts& seat) { return seat.revealed && c.rounds[seat.round].role == Role::quorum; }

/// A revealed result of the quorum.
bool counts(const Case& c, const ClaimFacts& seat) { return voted(c, seat) && real(seat); }

Index quorum_of(const Case& c) {
  for (std::size_t i = 0; i < c.claims.size(); ++i) {
    if (!counts(c, c.claims[i])) continue;
    const auto equal = std::ranges::count_if(
        c.claims, [&](const ClaimFacts& other) { return counts(c, other) && other.claim.same_result(c.claims[i].claim); });
    if (equal >= c.k) return i;
  }
  return {};
}

/// Two of the quorum claim different results.
bool split(const Case& c) {
  const ClaimFacts* first = nullptr;
  for (const auto& seat : c.claims) {
    if (!counts(c, seat)) continue;
    if (first == nullptr)
      first = &seat;
    else if (!seat.claim.same_result(first->claim))
      return true;
  }
  return false;
}

/// A claim that more than half of the seats of jury `round` share; bad input only where `bad`, of jurors that got the input.
Index majority_of(const Case& c, std::size_t round, bool bad) {
  const auto seated = c.rounds[round].seated;
  if (seated <= c.n || c.rounds[round].lapsed) return {};
  const auto votes = [&](const ClaimFacts& seat) { return seat.round == round && seat.revealed; };
  for (std::size_t i = 0; i < c.claims.size(); ++i) {
    const auto& candidate = c.claims[i];
    if (!votes(candidate)) continue;
    const bool confirms = bad && says_bad_input(candidate) && candidate.claim.mark != bad_input_roots().witness;
    if (!real(candidate) && !confirms) continue;
    const auto equal = std::ranges::count_if(c.claims, [&](const ClaimFacts& other) {
      return votes(other) && other.claim.same_result(candidate.claim) && other.claim.mark == candidate.claim.mark;
    });
    if (2 * equal > seated) return i;
  }
  return {};
}

/// The verdict that takes claim `truth` of the quorum for true. Jurors, who found nothing, are not judged.
Decision stand(const Case& c, std::size_t truth) {
  const auto& t = c.claims[truth].claim;
  Decision out;
  out.action = Action::stand;
  out.output_root = t.output_root;
  out.trace_root = t.trace_root;
  for (std::size_t i = 0; i < c.claims.size(); ++i) {
    const auto& seat = c.claims[i];
    if (!seat.revealed || !real(seat) || c.rounds[seat.round].role == Role::jury) continue;
    (seat.claim.same_result(t) ? out.accepted : out.rejected) |= std::uint64_t{1} << i;
  }
  return out;
}

/// The verdict of a jury, whose witness judges every claim. `bad`: what it was asked is whether BAD_INPUT was a lie.
Decision judge(const Case& c, std::size_t truth, bool bad) {
  const auto& t = c.claims[truth].claim;
  Decision out;
  out.action = Action::stand;
  out.output_root = t.output_root;
  out.trace_root = t.trace_root;
  out.witness = witness_base(c, c.claims[truth]);
  for (std::size_t i = 0; i < c.claims.size(); ++i) {
    const auto& seat = c.claims[i];
    if (!seat.revealed) continue;
    const auto role = c.rounds[seat.round].role;
    bool right = false;
    if (real(seat)) {
      const bool shown = role == Role::jury ? witness_base(c, seat) == out.witness
                                            : seat.claim.mark == tag(c.context, seat.claim.account, out.witness);
      right = seat.claim.same_result(t) && shown;
    } else if (!bad || role != Role::quorum || !says_bad_input(seat)) {
      continue;
    }
    (right ? out.accepted : out.rejected) |= std::uint64_t{1} << i;
  }
  return out;
}

/// BAD_INPUT stands; `truth`, if any, is the claim of a jury's majority that confirms it. Only its jurors are accepted.
Decision bad_input(const Case& c, Index truth) {
  Decision out;
  out.action = Action::bad_input;
  if (!truth) return out;
  out.witness = witness_base(c, c.claims[*truth]);
  for (std::size_t i = 0; i < c.claims.size(); ++i) {
    const auto& seat = c.claims[i];
    if (!seat.revealed || !says_bad_input(seat) || c.rounds[seat.round].role != Role::jury) continue;
    if (seat.claim.mark != bad_input_roots().witness && witness_base(c, seat) == out.witness)
      out.accepted |= std::uint64_t{1} << i;
  }
  return out;
}

Decision seat_audit() {
  Decision out;
  out.action = Action::seat_audit;
  out.seats = 1;
  return out;
}

Decision seat_jury(const Case& c) {
  Decision out;
  out.action = Action::seat_jury;
  out.seats = QuorumCheck::jury_size(c.n, 0);
  return out;
}

/// No result has k claims.
Decision disagreed(const Case& c) {
  const auto bad =
      std::ranges::count_if(c.claims, [&](const ClaimFacts& seat) { return voted(c, seat) && says_bad_input(seat); });
  if (bad < c.k && split(c)) return seat_jury(c);
  return bad != 0 ? bad_input(c, {}) : Decision{};
}

Decision after_audit(const Case& c, std::size_t quorum) {
  const auto last = c.rounds.size() - 1;
  for (const auto& seat : c.claims) {
    if (seat.round != last || !seat.revealed || !real(seat)) continue;
    return seat.claim.same_result(c.claims[quorum].claim) ? stand(c, quorum) : seat_jury(c);
  }
  const auto audits =
      static_cast<std::size_t>(std::ranges::count_if(c.rounds, [](const RoundFacts& r) { return r.role == Role::audit; }));
  if (!c.rounds[last].lapsed && audits < kMaxAudits) return seat_audit();
  return stand(c, quorum);
}

Decision after_jury(const Case& c, Index quorum) {
  // With no claim of the quorum standing, an appeal can only have been against BAD_INPUT.
  const auto first = std::ranges::find(c.rounds, Role::jury, &RoundFacts::role);
  const bool bad = !quorum && first->appealed;
  bool called = false;  // by the check, because claims differ
  for (std::size_t next = c.rounds.size(); next > 0; --next) {
    const auto round = next - 1;
    if (c.rounds[round].role != Role::jury) continue;
    if (const auto truth = majority_of(c, round, bad))
      return real(c.claims[*truth]) ? judge(c, *truth, bad) : bad_input(c, truth);
    called = called || !c.rounds[round].appealed;
  }
  if (bad) return bad_input(c, {});
  return !called && quorum ? stand(c, *quorum) : Decision{};
}

}  // namespace

std::uint8_t QuorumCheck::jury_size(std::uint8_t n, std::uint8_t index) {
  unsigned size = 2U * n + 1;
  for (unsigned i = 0; i < index; ++i) size = 2 * size + 1;
  return static_cast<std::uint8_t>(size);
}

std::uint64_t QuorumCheck::audit_lot(std::uint64_t order, const base::Hash& seed) {
  std::array<std::uint8_t, 32> word{};
  const auto tail = base::be64(order);
  std::copy(tail.begin(), tail.end(), word.begin() + 24);
  std::uint64_t rest = 0;
  for (const auto byte : base::keccak256({seed.view(), word}).bytes) rest = (rest << 8 | byte) % kBasis;
  return rest;
}

Decision QuorumCheck::decide(const Case& c) const {
  KOINON_INVARIANT(!c.rounds.empty() && c.claims.size() <= 64);
  const auto quorum = quorum_of(c);
  const auto last = c.rounds.back().role;
  if (last == Role::jury) return after_jury(c, quorum);
  if (!quorum) return disagreed(c);
  if (last == Role::audit) return after_audit(c, *quorum);
  if (c.audit_seed.is_zero() && !c.audit_forced) {
    Decision out;
    out.action = Action::draw_audit;
    return out;
  }
  if (c.audit_forced || audit_lot(c.context.order, c.audit_seed) < c.audit_bps) return seat_audit();
  return stand(c, *quorum);
}

CheckSet standard_checks() {
  CheckSet out;
  KOINON_INVARIANT(out.add(std::make_unique<QuorumCheck>()).has_value());
  KOINON_INVARIANT(out.add(std::make_unique<OptimisticCheck>()).has_value());
  KOINON_INVARIANT(out.add(std::make_unique<ProofCheck>()).has_value());
  return out;
}

}  // namespace koinon::trust
