#include "trust/quorum/quorum.hpp"

#include <algorithm>
#include <optional>

namespace koinon::trust {
namespace {

using Index = std::optional<std::size_t>;

constexpr std::size_t kMaxAudits = 2;
constexpr std::uint64_t kBasis = 10'000;

bool says_bad_input(const ClaimFacts& seat) { return seat.claim.output_root == bad_input_roots().output; }

bool counts(const Case& c, const ClaimFacts& seat) { return seat.revealed && c.rounds[seat.round].role == Role::quorum; }

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
    if (!counts(c, seat) || says_bad_input(seat)) continue;
    if (first == nullptr)
      first = &seat;
    else if (!seat.claim.same_result(first->claim))
      return true;
  }
  return false;
}

/// A claim that more than half of the seats of jury `round` share.
Index majority_of(const Case& c, std::size_t round) {
  const auto seated = c.rounds[round].seated;
  if (seated <= c.n || c.rounds[round].lapsed) return {};
  const auto votes = [&](const ClaimFacts& seat) { return seat.round == round && seat.revealed; };
  for (std::size_t i = 0; i < c.claims.size(); ++i) {
    const auto& candidate = c.claims[i];
    if (!votes(candidate) || says_bad_input(candidate)) continue;
    const auto equal = std::ranges::count_if(c.claims, [&](const ClaimFacts& other) {
      return votes(other) && other.claim.same_result(candidate.claim) && other.claim.mark == candidate.claim.mark;
    });
    if (2 * equal > seated) return i;
  }
  return {};
}

/// The verdict that takes claim `truth` for true; `judged` when a jury's, which knows the witness.
Decision stand(const Case& c, std::size_t truth, bool judged) {
  const auto& t = c.claims[truth].claim;
  Decision out;
  out.action = Action::stand;
  out.output_root = t.output_root;
  out.trace_root = t.trace_root;
  if (judged) out.witness = t.mark;
  for (std::size_t i = 0; i < c.claims.size(); ++i) {
    const auto& seat = c.claims[i];
    if (!seat.revealed || says_bad_input(seat)) continue;
    const bool juror = c.rounds[seat.round].role == Role::jury;
    if (juror && !judged) continue;
    bool right = seat.claim.same_result(t);
    if (judged) right = right && seat.claim.mark == (juror ? t.mark : tag(c.context, seat.claim.account, t.mark));
    (right ? out.accepted : out.rejected) |= std::uint64_t{1} << i;
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

Decision after_audit(const Case& c, std::size_t quorum) {
  const auto last = c.rounds.size() - 1;
  for (const auto& seat : c.claims) {
    if (seat.round != last || !seat.revealed || says_bad_input(seat)) continue;
    return seat.claim.same_result(c.claims[quorum].claim) ? stand(c, quorum, false) : seat_jury(c);
  }
  const auto audits =
      static_cast<std::size_t>(std::ranges::count_if(c.rounds, [](const RoundFacts& r) { return r.role == Role::audit; }));
  if (!c.rounds[last].lapsed && audits < kMaxAudits) return seat_audit();
  return stand(c, quorum, false);
}

Decision after_jury(const Case& c, Index quorum) {
  bool called = false;  // by the check, because claims differ
  for (std::size_t next = c.rounds.size(); next > 0; --next) {
    const auto round = next - 1;
    if (c.rounds[round].role != Role::jury) continue;
    if (const auto truth = majority_of(c, round)) return stand(c, *truth, true);
    called = called || !c.rounds[round].appealed;
  }
  if (called || !quorum) return {};
  return stand(c, *quorum, false);
}

/// uint256(keccak256(abi.encode(seed, order))) % 10000.
std::uint64_t lot(const Case& c) {
  std::array<std::uint8_t, 32> order{};
  const auto tail = base::be64(c.context.order);
  std::copy(tail.begin(), tail.end(), order.begin() + 24);
  std::uint64_t rest = 0;
  for (const auto byte : base::keccak256({c.audit_seed.view(), order}).bytes) rest = (rest << 8 | byte) % kBasis;
  return rest;
}

}  // namespace

std::uint8_t QuorumCheck::jury_size(std::uint8_t n, std::uint8_t index) {
  unsigned size = 2U * n + 1;
  for (unsigned i = 0; i < index; ++i) size = 2 * size + 1;
  return static_cast<std::uint8_t>(size);
}

Decision QuorumCheck::decide(const Case& c) const {
  KOINON_INVARIANT(!c.rounds.empty() && c.claims.size() <= 64);
  const auto quorum = quorum_of(c);
  const auto last = c.rounds.back().role;
  if (last == Role::jury) return after_jury(c, quorum);
  if (!quorum) {
    auto out = split(c) ? seat_jury(c) : Decision{};
    out.seats = jury_size(c.n, 0);
    return out;
  }
  Decision out;
  if (says_bad_input(c.claims[*quorum])) {
    out.action = Action::bad_input;
    return out;
  }
  if (last == Role::audit) return after_audit(c, *quorum);
  if (c.audit_seed.is_zero() && !c.audit_forced) {
    out.action = Action::draw_audit;
    return out;
  }
  if (c.audit_forced || lot(c) < c.audit_bps) return seat_audit();
  return stand(c, *quorum, false);
}

CheckSet standard_checks() {
  CheckSet out;
  KOINON_INVARIANT(out.add(std::make_unique<QuorumCheck>()).has_value());
  return out;
}

}  // namespace koinon::trust
