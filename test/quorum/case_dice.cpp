#include "test/quorum/case_dice.hpp"

#include <algorithm>

namespace koinon::test::quorum {
namespace {

using trust::Case;
using trust::Role;
using trust::Roots;

constexpr std::size_t kMaxClaims = 64;  ///< bits of a decision

/// One throw: a case under construction and how its members behave.
class Throw {
 public:
  explicit Throw(base::Random& random) : random_(random) {}

  Case make() {
    set_policy();
    set_results();
    seat_quorum();
    if (one_in(2)) {
      for (auto left = below(4); left > 0; --left) seat(Role::audit, one_in(8) ? 0 : 1);
      for (auto left = below(3); left > 0; --left) seat_jury();
    }
    return std::move(c_);
  }

 private:
  std::uint64_t below(std::uint64_t sides) { return random_.u64() % sides; }
  bool one_in(std::uint64_t sides) { return below(sides) == 0; }

  void set_policy() {
    static constexpr std::uint16_t kOdds[] = {0, 600, 5'000, 10'000};
    c_.context.chain_id = random_.u64() >> below(64);
    random_.fill(c_.context.market.bytes);
    c_.context.order = random_.u64() >> below(64);
    c_.n = static_cast<std::uint8_t>(1 + below(5));
    c_.k = static_cast<std::uint8_t>(c_.n / 2 + 1 + below(c_.n - c_.n / 2));
    c_.audit_bps = one_in(3) ? static_cast<std::uint16_t>(below(10'001)) : kOdds[below(4)];
    c_.audit_forced = one_in(8);
    if (!one_in(4)) c_.audit_seed = random_.hash();
    // How often the members of this case are honest, silent or claim bad input; the rest lies or copies.
    static constexpr std::uint64_t kHonest[] = {100, 90, 60, 20};
    static constexpr std::uint64_t kSilent[] = {0, 8, 20, 50};
    static constexpr std::uint64_t kBad[] = {0, 4, 15, 90};
    honest_ = kHonest[below(4)];
    silent_ = kSilent[below(4)];
    bad_ = one_in(2) ? 0 : kBad[below(4)];
  }

  /// The truth first; two lies, one of which shares its outputs.
  void set_results() {
    for (int i = 0; i < 3; ++i) results_.push_back({random_.hash(), random_.hash(), random_.hash()});
    if (one_in(2)) results_[1].output = results_[0].output;
    if (one_in(4)) results_[2].trace = results_[0].trace;
  }

  void seat_quorum() {
    if (one_in(5)) {
      // A first draw of whom some never committed, then replacements.
      const auto gone = 1 + below(c_.n);
      seat(Role::quorum, c_.n, gone);
      seat(Role::quorum, gone);
    } else {
      seat(Role::quorum, one_in(10) ? c_.k : c_.n);
    }
  }

  void seat_jury() {
    std::uint64_t size = 2U * c_.n + 1;
    if (one_in(3)) size = 2 * size + 1;
    if (one_in(6)) size = below(size + 1);
    if (one_in(2)) honest_ = 90;
    seat(Role::jury, std::min<std::uint64_t>(size, kMaxClaims - c_.claims.size()));
  }

  /// Opens a round of `seats`, the first `gone` of whom are silent.
  void seat(Role role, std::uint64_t seats, std::uint64_t gone = 0) {
    trust::RoundFacts round;
    round.role = role;
    round.appealed = role == Role::jury && one_in(2);
    round.lapsed = role != Role::quorum && (seats == 0 || one_in(12));
    round.seated = static_cast<std::uint8_t>(seats);
    c_.rounds.push_back(round);
    for (std::uint64_t i = 0; i < seats; ++i) {
      trust::ClaimFacts seat;
      seat.round = static_cast<std::uint8_t>(c_.rounds.size() - 1);
      seat.claim.account = static_cast<std::uint32_t>(1 + random_.u64() % 0xfffffff0);
      seat.revealed = i >= gone && !round.lapsed && below(100) >= silent_;
      if (seat.revealed) claim(seat.claim, role);
      c_.claims.push_back(seat);
    }
  }

  void claim(trust::Claim& claim, Role role) {
    auto roots = below(100) < honest_ ? results_[0] : results_[1 + below(2)];
    if (below(100) < bad_) roots = one_in(4) ? trust::unserved_roots() : trust::bad_input_roots();
    if (says_bad_input(roots) && role == Role::jury && one_in(2)) roots.witness = results_[0].witness;  // it has the input
    if (says_bad_input(roots) && one_in(8)) roots.trace = random_.hash();
    if (one_in(12)) roots.witness = random_.hash();  // a copy: the right roots without the run
    claim.output_root = roots.output;
    claim.trace_root = roots.trace;
    claim.mark = mark(claim.account, role, roots);
  }

  static bool says_bad_input(const Roots& roots) { return roots.output == trust::bad_input_roots().output; }

  base::Hash mark(std::uint32_t account, Role role, const Roots& roots) {
    if (role != Role::jury) return trust::tag(c_.context, account, trust::witness_link(c_.context, roots.witness, 0));
    if (roots.witness == trust::bad_input_roots().witness) return roots.witness;
    const auto before = std::ranges::count_if(c_.rounds, [](const trust::RoundFacts& r) { return r.role == Role::jury; }) - 1;
    return trust::witness_link(c_.context, roots.witness, static_cast<unsigned>(before));
  }

  base::Random& random_;
  Case c_;
  std::vector<Roots> results_;
  std::uint64_t honest_ = 100, silent_ = 0, bad_ = 0;  ///< in 1/100
};

}  // namespace

Case throw_case(base::Random& random) { return Throw(random).make(); }

}  // namespace koinon::test::quorum
