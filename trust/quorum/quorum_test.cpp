#include "trust/quorum/quorum.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace koinon::trust {
namespace {

base::Hash named(std::string_view text) { return base::keccak256(base::as_bytes(text)); }

/// A case under construction: quorum(3, 2), audits drawn with seed "seed" at probability 0 unless a test says otherwise.
struct Story {
  Case facts{.context = {31337, {}, 7},
             .n = 3,
             .k = 2,
             .audit_bps = 0,
             .audit_forced = false,
             .audit_seed = named("seed"),
             .rounds = {},
             .claims = {}};
  std::uint32_t next_account = 1;

  Story& round(Role role, std::vector<std::string_view> results, bool appealed = false) {
    facts.rounds.push_back({role, appealed, false, static_cast<std::uint8_t>(results.size())});
    const auto index = static_cast<std::uint8_t>(facts.rounds.size() - 1);
    for (const auto result : results) {
      ClaimFacts seat;
      seat.round = index;
      seat.claim.account = next_account++;
      seat.revealed = result != "silent";
      if (seat.revealed) fill(seat.claim, role, result);
      facts.claims.push_back(seat);
    }
    return *this;
  }
  /// "truth" is what an honest member claims, "lazy" its roots with a made-up tag, anything else a lie of that name.
  void fill(Claim& claim, Role role, std::string_view result) const {
    const auto roots_of = result == "lazy" ? "truth" : result;
    const auto witness = named(std::string("witness ") + std::string(result));
    claim.output_root = named(roots_of);
    claim.trace_root = named(std::string("trace ") + std::string(roots_of));
    if (result == "bad input" || result == "confirmed") claim.output_root = bad_input_roots().output;
    if (result == "unserved") claim.output_root = unserved_roots().output;
    if (result == "bad input" || result == "confirmed" || result == "unserved") claim.trace_root = {};
    if (role != Role::jury) {
      claim.mark = tag(facts.context, claim.account, witness_link(facts.context, witness, 0));
      return;
    }
    const auto before = std::ranges::count(facts.rounds, Role::jury, &RoundFacts::role) - 1;
    claim.mark =
        result == "bad input" ? bad_input_roots().witness : witness_link(facts.context, witness, static_cast<unsigned>(before));
  }
  [[nodiscard]] Decision decide() const { return QuorumCheck().decide(facts); }
};

TEST(Quorum, k_equal_claims_stand_and_the_rest_is_rejected) {
  const auto d = Story().round(Role::quorum, {"truth", "lie", "truth"}).decide();
  EXPECT_EQ(d.action, Action::stand);
  EXPECT_EQ(d.output_root, named("truth"));
  EXPECT_EQ(d.accepted, 0b101U);
  EXPECT_EQ(d.rejected, 0b010U);
}

TEST(Quorum, silence_below_k_is_undecided) {
  EXPECT_EQ(Story().round(Role::quorum, {"truth", "silent", "silent"}).decide().action, Action::undecided);
}

TEST(Quorum, differing_claims_without_k_equal_ones_go_to_a_jury) {
  const auto d = Story().round(Role::quorum, {"truth", "lie", "other lie"}).decide();
  EXPECT_EQ(d.action, Action::seat_jury);
  EXPECT_EQ(d.seats, 7);
}

TEST(Quorum, the_audit_is_drawn_first) {
  Story story;
  story.facts.audit_seed = {};
  EXPECT_EQ(story.round(Role::quorum, {"truth", "truth", "truth"}).decide().action, Action::draw_audit);
}

TEST(Quorum, audit_lot_follows_its_probability) {
  std::size_t audited = 0;
  for (std::uint64_t order = 0; order < 4000; ++order) {
    Story story;
    story.facts.context.order = order;
    story.facts.audit_bps = 2500;
    audited += story.round(Role::quorum, {"truth", "truth", "truth"}).decide().action == Action::seat_audit ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(audited), 1000, 120);  // over four standard deviations
}

TEST(Quorum, an_auditor_that_differs_calls_a_jury) {
  EXPECT_EQ(Story().round(Role::quorum, {"lie", "lie", "truth"}).round(Role::audit, {"truth"}).decide().action,
            Action::seat_jury);
  EXPECT_EQ(Story().round(Role::quorum, {"truth", "truth", "truth"}).round(Role::audit, {"truth"}).decide().action,
            Action::stand);
}

TEST(Quorum, a_silent_auditor_is_replaced_once) {
  Story story;
  story.round(Role::quorum, {"truth", "truth", "truth"}).round(Role::audit, {"silent"});
  EXPECT_EQ(story.decide().action, Action::seat_audit);
  EXPECT_EQ(story.round(Role::audit, {"silent"}).decide().action, Action::stand);
}

TEST(Quorum, a_jury_overturns_a_lying_majority) {
  const auto d = Story()
                     .round(Role::quorum, {"lie", "lie", "truth"})
                     .round(Role::jury, {"truth", "truth", "truth", "truth", "lie", "silent", "truth"}, true)
                     .decide();
  EXPECT_EQ(d.action, Action::stand);
  EXPECT_EQ(d.output_root, named("truth"));
  EXPECT_EQ(d.accepted, 0b1001111100U & ~(1U << 7));
  EXPECT_EQ(d.rejected, 0b0010000011U);
}

TEST(Quorum, a_jury_exposes_a_copied_claim_by_its_tag) {
  const auto d = Story()
                     .round(Role::quorum, {"truth", "truth", "truth"})
                     .round(Role::audit, {"lazy"})
                     .round(Role::jury, {"truth", "truth", "truth", "truth", "truth", "truth", "truth"}, true)
                     .decide();
  EXPECT_EQ(d.rejected, 0b1000U);
}

TEST(Quorum, a_jury_that_an_appeal_called_and_that_finds_no_majority_leaves_the_verdict) {
  const auto d = Story()
                     .round(Role::quorum, {"truth", "truth", "truth"})
                     .round(Role::jury, {"a", "b", "c", "silent", "silent", "silent", "silent"}, true)
                     .decide();
  EXPECT_EQ(d.action, Action::stand);
  EXPECT_EQ(d.output_root, named("truth"));
}

TEST(Quorum, a_jury_that_the_check_called_and_that_finds_no_majority_is_undecided) {
  const auto d = Story()
                     .round(Role::quorum, {"truth", "lie", "other lie"})
                     .round(Role::jury, {"a", "b", "c", "silent", "silent", "silent", "silent"})
                     .decide();
  EXPECT_EQ(d.action, Action::undecided);
}

TEST(Quorum, bad_input_stands_until_an_appeal) {
  EXPECT_EQ(Story().round(Role::quorum, {"bad input", "bad input", "truth"}).decide().action, Action::bad_input);
  EXPECT_EQ(Story().round(Role::quorum, {"bad input", "unserved", "truth"}).decide().action, Action::bad_input);
  EXPECT_EQ(Story().round(Role::quorum, {"unserved", "unserved", "truth"}).decide().action, Action::undecided);
}

TEST(Quorum, a_jury_that_finds_a_result_rejects_who_claimed_bad_input) {
  const auto d = Story()
                     .round(Role::quorum, {"bad input", "bad input", "truth"})
                     .round(Role::jury, {"truth", "truth", "truth", "truth", "bad input", "confirmed", "silent"}, true)
                     .decide();
  EXPECT_EQ(d.action, Action::stand);
  EXPECT_EQ(d.accepted, 0b0001111100U);
  EXPECT_EQ(d.rejected, 0b0000000011U);
}

TEST(Quorum, a_jury_that_has_the_input_confirms_that_it_is_bad) {
  const std::vector<std::string_view> jury{"confirmed", "confirmed", "confirmed", "confirmed", "truth", "bad input", "silent"};
  const auto d = Story().round(Role::quorum, {"bad input", "bad input", "truth"}).round(Role::jury, jury, true).decide();
  EXPECT_EQ(d.action, Action::bad_input);
  EXPECT_EQ(d.accepted, 0b0001111000U);
  EXPECT_EQ(d.rejected, 0U);
}

TEST(Quorum, a_jury_without_the_input_changes_nothing) {
  const std::vector<std::string_view> jury(7, "bad input");
  const auto d = Story().round(Role::quorum, {"bad input", "bad input", "truth"}).round(Role::jury, jury, true).decide();
  EXPECT_EQ(d.action, Action::bad_input);
  EXPECT_EQ(d.accepted | d.rejected, 0U);
}

TEST(Quorum, a_second_jury_cannot_use_what_the_first_revealed) {
  Story story;
  story.round(Role::quorum, {"lie", "lie", "truth"});
  story.round(Role::jury, std::vector<std::string_view>(7, "truth"), true);
  const auto seen = story.facts.claims[3].claim.mark;
  story.round(Role::jury, std::vector<std::string_view>(15, "truth"), true);
  story.facts.claims[10].claim.mark = seen;
  const auto d = story.decide();
  EXPECT_EQ(d.witness, seen);
  EXPECT_EQ(d.rejected, 0b10000000011U);
}

TEST(Quorum, bad_input_beside_a_result_is_never_rejected) {
  const auto d = Story().round(Role::quorum, {"truth", "truth", "bad input"}).decide();
  EXPECT_EQ(d.action, Action::stand);
  EXPECT_EQ(d.accepted | d.rejected, 0b011U);
}

TEST(CheckSet, finds_by_code_and_name) {
  CheckSet checks;
  ASSERT_TRUE(checks.add(std::make_unique<QuorumCheck>()));
  EXPECT_EQ(checks.add(std::make_unique<QuorumCheck>()).error().code, base::Code::conflict);
  EXPECT_EQ(checks.find("quorum").value()->code(), 0);
  EXPECT_EQ(checks.find(std::uint8_t{3}).error().code, base::Code::unsupported);
}

}  // namespace
}  // namespace koinon::trust
