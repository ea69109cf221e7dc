#include "test/extension/unanimous/unanimous.hpp"

#include <gtest/gtest.h>

#include "trust/quorum/quorum.hpp"

namespace koinon::test::extension {
namespace {

using trust::Action;
using trust::Role;

base::Hash named(std::string_view name) { return base::keccak256(base::as_bytes(name)); }

/// A case under construction: n = 3, k = 2. Each round names what its members say.
struct Story {
  trust::Case facts{.context = {31337, {}, 7},
                    .n = 3,
                    .k = 2,
                    .audit_bps = 10'000,
                    .audit_forced = false,
                    .audit_seed = {},
                    .rounds = {},
                    .claims = {}};

  /// "truth" is what an honest member claims, "copy" its roots without the run, "bad input", "silent", or the name of a lie.
  Story& round(Role role, const std::vector<std::string>& says, bool appealed = false) {
    facts.rounds.push_back({role, appealed, false, static_cast<std::uint8_t>(says.size())});
    for (const auto& word : says) {
      trust::ClaimFacts seat;
      seat.round = static_cast<std::uint8_t>(facts.rounds.size() - 1);
      seat.claim.account = static_cast<std::uint32_t>(facts.claims.size() + 1);
      seat.revealed = word != "silent";
      if (seat.revealed) {
        const std::string result = word == "copy" ? "truth" : word;
        const auto witness = named("witness of " + word);
        seat.claim.output_root = word == "bad input" ? trust::bad_input_roots().output : named(result);
        seat.claim.trace_root = named("trace of " + result);
        seat.claim.mark = role == Role::jury ? witness : trust::tag(facts.context, seat.claim.account, witness);
      }
      facts.claims.push_back(seat);
    }
    return *this;
  }
  [[nodiscard]] trust::Decision decide() const { return UnanimousCheck().decide(facts); }
};

TEST(Unanimous, all_equal_stand_at_once) {
  const auto d = Story().round(Role::quorum, {"truth", "truth", "truth"}).decide();
  EXPECT_EQ(d.action, Action::stand);
  EXPECT_EQ(d.output_root, named("truth"));
  EXPECT_EQ(d.accepted, 0b111U);
  EXPECT_EQ(d.rejected, 0U);
}

TEST(Unanimous, one_that_differs_or_keeps_silent_calls_a_jury) {
  for (const std::string odd : {"lie", "silent", "bad input"}) {
    const auto d = Story().round(Role::quorum, {"truth", odd, "truth"}).decide();
    EXPECT_EQ(d.action, Action::seat_jury) << odd;
    EXPECT_EQ(d.seats, 7) << odd;
  }
}

TEST(Unanimous, redrawn_members_count_for_those_they_replace) {
  const auto d = Story().round(Role::quorum, {"truth", "silent", "truth"}).round(Role::quorum, {"truth"}).decide();
  EXPECT_EQ(d.action, Action::stand);
  EXPECT_EQ(d.accepted, 0b1101U);
}

TEST(Unanimous, nobody_with_a_result_is_undecided_and_all_with_bad_input_end_the_order) {
  EXPECT_EQ(Story().round(Role::quorum, {"bad input", "silent", "bad input"}).decide().action, Action::undecided);
  EXPECT_EQ(Story().round(Role::quorum, {"silent", "silent", "silent"}).decide().action, Action::undecided);
  EXPECT_EQ(Story().round(Role::quorum, {"bad input", "bad input", "bad input"}).decide().action, Action::bad_input);
}

TEST(Unanimous, a_jury_overturns_a_lying_majority_and_exposes_a_copy) {
  const auto d = Story()
                     .round(Role::quorum, {"lie", "lie", "copy"})
                     .round(Role::jury, {"truth", "truth", "truth", "truth", "silent", "lie", "bad input"})
                     .decide();
  EXPECT_EQ(d.action, Action::stand);
  EXPECT_EQ(d.output_root, named("truth"));
  EXPECT_EQ(d.witness, named("witness of truth"));
  EXPECT_EQ(d.accepted, 0b0001111000U);
  EXPECT_EQ(d.rejected, 0b0100000111U);
}

TEST(Unanimous, a_jury_without_majority_decides_nothing) {
  const std::vector<std::string> split{"truth", "truth", "truth", "lie", "lie", "silent", "silent"};
  EXPECT_EQ(Story().round(Role::quorum, {"truth", "truth", "lie"}).round(Role::jury, split).decide().action, Action::undecided);
  const auto d = Story().round(Role::quorum, {"truth", "truth", "truth"}).round(Role::jury, split, true).decide();
  EXPECT_EQ(d.action, Action::stand);
  EXPECT_EQ(d.accepted, 0b111U);
}

TEST(Unanimous, a_jury_not_larger_than_the_quorum_has_no_voice) {
  EXPECT_EQ(
      Story().round(Role::quorum, {"lie", "truth", "truth"}).round(Role::jury, {"truth", "truth", "truth"}).decide().action,
      Action::undecided);
}

TEST(Unanimous, needs_every_claim_in_a_receipt) {
  EXPECT_EQ(UnanimousCheck().needed(3, 2), 3);
  EXPECT_EQ(trust::QuorumCheck().needed(3, 2), 2);
}

TEST(CheckSet, takes_an_extension_beside_the_quorum) {
  auto checks = trust::standard_checks();
  ASSERT_TRUE(checks.add(std::make_unique<UnanimousCheck>()));
  EXPECT_EQ(checks.find("unanimous").value()->code(), 3);
  EXPECT_EQ(checks.find("quorum").value()->code(), 0);
}

}  // namespace
}  // namespace koinon::test::extension
