#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

#include "market/simulate/settings.hpp"

namespace koinon::market::simulate {
namespace {

bool on(std::uint64_t) { return true; }

const Attack& attack(const std::string& name) {
  for (const auto& a : attacks())
    if (a.name == name) return a;
  throw std::runtime_error(name);
}

Settings quick() {
  Settings out;
  out.providers = 600;
  out.orders = 3'000;
  out.in_flight = 10;
  return out;
}

Finding found(const Settings& settings, const std::string& name) {
  const auto out = simulate(settings, attack(name), on);
  EXPECT_TRUE(out) << name;
  return out.value();
}

TEST(Simulate, every_attack_runs_to_its_end_and_no_money_is_lost) {
  auto settings = quick();
  settings.orders = 600;
  std::set<std::string> names;
  for (const auto& a : attacks()) {
    EXPECT_TRUE(names.insert(a.name).second);
    const auto finding = simulate(settings, a, on);  // the sum of all money is an invariant of it
    ASSERT_TRUE(finding) << a.name;
    EXPECT_EQ(finding->orders, settings.orders) << a.name;
  }
}

TEST(Simulate, the_same_seed_gives_the_same_to_the_last_digit) {
  const auto one = found(quick(), "majority-30"), two = found(quick(), "majority-30");
  EXPECT_EQ(one.tries, two.tries);
  EXPECT_EQ(one.gain, two.gain);
  EXPECT_EQ(one.gain_error, two.gain_error);
  auto other = quick();
  other.seed = 2;
  EXPECT_NE(found(other, "majority-30").gain, one.gain);
}

TEST(Simulate, a_made_up_result_costs_the_whole_lock) {
  const auto lazy = found(quick(), "lazy");
  EXPECT_EQ(lazy.outcome, Outcome::loses);
  EXPECT_NEAR(lazy.per_stake(), -1, 0.05);
  EXPECT_GE(lazy.caught, lazy.tries * 99 / 100) << "but where three differ and no jury finds a majority";
}

TEST(Simulate, without_audits_a_quorum_of_one_hand_wins) {
  auto settings = quick();
  settings.audit_bps = 0;
  const auto without = found(settings, "colluding-40");
  EXPECT_EQ(without.outcome, Outcome::wins);
  EXPECT_NEAR(without.gain, 3 * settings.cost, 0.01) << "what three runs would have cost";
  EXPECT_EQ(without.audit_cost, 0);
  settings.audit_bps = 5'000;
  EXPECT_EQ(found(settings, "colluding-40").outcome, Outcome::loses);
}

TEST(Simulate, nobody_finds_lazy_auditors_unless_tags_are_compared) {
  auto settings = quick();
  settings.audit_bps = 5'000;
  const auto seen = found(settings, "lazy-auditors");
  EXPECT_EQ(seen.outcome, Outcome::loses) << "members compare unless told otherwise";
  EXPECT_GE(seen.caught, seen.tries * 9 / 10);
  settings.hasty = 1;
  EXPECT_EQ(found(settings, "lazy-auditors").outcome, Outcome::wins) << "who confirms at once lets nobody compare";
  settings.hasty = 0.5;
  EXPECT_EQ(found(settings, "lazy-auditors").outcome, Outcome::loses);
  settings.hasty = 0;
  settings.members_compare = false;
  EXPECT_EQ(found(settings, "lazy-auditors").outcome, Outcome::wins);
  settings.traps = 0.2;
  EXPECT_EQ(found(settings, "lazy-auditors").outcome, Outcome::loses);
}

TEST(Simulate, an_optimistic_lie_pays_when_nobody_watches) {
  auto settings = quick();
  settings.watched = 0;
  EXPECT_EQ(found(settings, "optimistic-lying").outcome, Outcome::wins);
  settings.watched = 0.2;
  EXPECT_EQ(found(settings, "optimistic-lying").outcome, Outcome::loses);
}

TEST(Simulate, who_annoys_others_pays_for_it) {
  for (const char* name : {"griefing-buyer", "griefing-appeal", "griefing-challenge", "silent", "hiding"})
    EXPECT_EQ(found(quick(), name).outcome, Outcome::loses) << name;
}

TEST(Simulate, audits_cost_their_probability) {
  auto settings = quick();
  settings.audit_bps = 3'000;
  EXPECT_NEAR(found(settings, "griefing-appeal").audit_cost, 0.1, 0.02) << "one price in three, three times in ten";
}

TEST(Simulate, refuses_settings_that_mean_nothing) {
  const auto refused = [](auto change) {
    auto settings = quick();
    change(settings);
    const auto out = simulate(settings, attacks().front(), on);
    return !out && out.error().code == base::Code::out_of_range;
  };
  EXPECT_TRUE(refused([](Settings& s) { s.providers = 3; }));
  EXPECT_TRUE(refused([](Settings& s) { s.providers = 2'000'000; }));
  EXPECT_TRUE(refused([](Settings& s) { s.orders = 1; }));
  EXPECT_TRUE(refused([](Settings& s) { s.k = 1; }));
  EXPECT_TRUE(refused([](Settings& s) { s.audit_bps = 10'001; }));
  EXPECT_TRUE(refused([](Settings& s) { s.cost = -1; }));
  EXPECT_TRUE(refused([](Settings& s) { s.prize = 1e9; }));
  EXPECT_TRUE(refused([](Settings& s) { s.locks = 0; }));
  EXPECT_TRUE(refused([](Settings& s) { s.in_flight = 10'000; }));
  EXPECT_TRUE(refused([](Settings& s) { s.traps = 2; }));
  EXPECT_TRUE(refused([](Settings& s) { s.hasty = -1; }));
}

TEST(Simulate, can_be_stopped) {
  const auto out = simulate(quick(), attacks().front(), [](std::uint64_t) { return false; });
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, base::Code::cancelled);
}

TEST(Picture, names_every_attack) {
  std::vector<Finding> findings{found(quick(), "lazy"), found(quick(), "silent")};
  const auto svg = picture(quick(), findings);
  EXPECT_TRUE(svg.starts_with("<svg "));
  for (const char* name : {">lazy<", ">silent<"}) EXPECT_NE(svg.find(name), std::string::npos) << name;
}

}  // namespace
}  // namespace koinon::market::simulate
