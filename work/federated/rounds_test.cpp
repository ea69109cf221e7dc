#include "work/federated/rounds.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/hash.hpp"

namespace koinon::work::federated {
namespace {

using base::Code;
using Kind = Action::Kind;

Address account(std::uint32_t i) { return base::fixed<20>(base::keccak256(base::be64(i)).view().first(20)); }
Hash hash(std::uint64_t i) { return base::keccak256(base::be64(i)); }

Rules small() {
  Rules r;
  r.stake = Wei(1000);
  r.reward = Wei(400);
  r.voter_fee = Wei(10);
  r.rounds = 3;
  r.proposers = 3;
  r.voters = 5;
  r.least_voters = 3;
  return r;
}

/// Sums of money actions, for invariant 1.
struct Books {
  std::uint64_t in = 0, out = 0, burned = 0;
  void add(const Actions& actions) {
    for (const auto& a : actions) {
      const auto amount = *a.amount.to_u64();
      if (a.kind == Kind::take) in += amount;
      if (a.kind == Kind::pay) out += amount;
      if (a.kind == Kind::burn) burned += amount;
    }
  }
};

struct Machine {
  explicit Machine(const Rules& r, std::uint32_t people = 10) : rules(r), rounds(*Rounds::make(r)) {
    must(Fund{Wei(1'000'000)});
    for (std::uint32_t i = 0; i < people; ++i) must(Join{account(i)});
  }
  Actions must(const Event& event) {
    auto done = rounds.apply(event);
    EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().text);
    if (!done) return {};
    books.add(*done);
    EXPECT_EQ(books.in, books.out + books.burned + *rounds.held().to_u64());
    return *done;
  }
  Code refused(const Event& event) {
    const auto done = rounds.apply(event);
    EXPECT_FALSE(done.has_value());
    return done ? Code::internal : done.error().code;
  }
  void propose() {
    must(Begin{hash(100 + rounds.round())});
    const auto seats = rounds.proposers();
    for (std::size_t i = 0; i < seats.size(); ++i)
      must(CommitProposal{seats[i].who, proposal_commitment(rounds.round(), seats[i].who, hash(i), hash(7))});
    for (std::size_t i = 0; i < seats.size(); ++i) must(ShowProposal{seats[i].who, hash(i), hash(7)});
  }
  /// A whole round; votes[v][p], every voter the last given row when there are fewer.
  Actions play(const std::vector<std::vector<Vote>>& votes) {
    propose();
    const auto seats = rounds.voters();
    const auto row = [&](std::size_t v) { return votes[std::min(v, votes.size() - 1)]; };
    for (std::size_t v = 0; v < seats.size(); ++v)
      must(CommitVotes{seats[v].who, votes_commitment(rounds.round(), seats[v].who, row(v), hash(8))});
    Actions last;
    for (std::size_t v = 0; v < seats.size(); ++v) last = must(ShowVotes{seats[v].who, row(v), hash(8)});
    return last;
  }
  Rules rules;
  Rounds rounds;
  Books books;
};

TEST(Rounds, pays_by_score_and_blames_each_proposer_for_its_own) {
  Machine m(small());
  m.play({{30'000, -1'000'000, 10'000}});
  const auto& p = m.rounds.proposers();
  EXPECT_EQ(p[0].fate, Fate::paid);
  EXPECT_EQ(p[1].fate, Fate::refused);
  EXPECT_EQ(p[1].blame, -1'000'000);
  EXPECT_EQ(p[1].record, -25'000) << "one round, however hostile its voters, counts a third";
  EXPECT_EQ(p[2].fate, Fate::paid);
  EXPECT_EQ(p[0].paid, Wei(266));  // 3 in 4 of 400 would be 300: most is two equal shares, 266
  EXPECT_EQ(p[2].paid, Wei(100));
  EXPECT_EQ(m.books.burned, 0U);
  EXPECT_EQ(m.rounds.stakes().at(p[1].who), Wei(1000));
  EXPECT_EQ(m.rounds.stakes().at(p[0].who), Wei(1000));
}

TEST(Rounds, a_minority_of_voters_can_neither_slash_nor_pay) {
  Machine m(small());
  // Two of five voters damn the first, praise the second.
  m.play({{kUnusable, kMostVote, 10}, {kUnusable, kMostVote, 10}, {5000, -3000, 10}});
  const auto& p = m.rounds.proposers();
  EXPECT_EQ(p[0].fate, Fate::paid);
  EXPECT_EQ(p[0].score, 5000);
  EXPECT_EQ(p[0].blame, 0);
  EXPECT_NE(p[1].fate, Fate::paid);
  EXPECT_EQ(p[2].fate, Fate::useless);
  EXPECT_EQ(m.books.burned, 0U);
}

TEST(Rounds, harm_adds_up_over_three_rounds_or_more_whatever_the_votes) {
  auto rules = small();
  rules.rounds = 20;
  rules.harm = -30'000;
  Machine m(rules, 6);  // three propose, three vote
  std::map<Address, int> blamed;
  for (int i = 0; i < 20 && m.rounds.phase() != Phase::over; ++i) {
    m.play({{kUnusable, 0, 0}});
    const auto seat = m.rounds.proposers()[0];
    const auto times = ++blamed[seat.who];
    EXPECT_EQ(seat.fate, times < 3 ? Fate::refused : Fate::harmful);
    if (seat.fate != Fate::harmful) {
      EXPECT_GT(seat.record, rules.harm);
      continue;
    }
    EXPECT_LE(seat.record, rules.harm);
    EXPECT_EQ(m.books.burned, 250U);
    EXPECT_FALSE(m.rounds.stakes().contains(seat.who));  // out, with what is left of its stake
    return;
  }
  FAIL() << "nobody was slashed";
}

TEST(Rounds, refuses_what_does_not_fit) {
  Machine m(small());
  EXPECT_EQ(m.refused(Close{}), Code::conflict);
  EXPECT_EQ(m.refused(Join{account(0)}), Code::conflict);
  EXPECT_EQ(m.refused(Join{Address{}}), Code::invalid_argument);
  EXPECT_EQ(m.refused(Leave{account(99)}), Code::conflict);
  m.must(Begin{hash(1)});
  EXPECT_EQ(m.refused(Begin{hash(1)}), Code::conflict);
  const auto a = m.rounds.proposers()[0].who, b = m.rounds.proposers()[1].who, v = m.rounds.voters()[0].who;
  EXPECT_EQ(m.refused(CommitProposal{v, hash(1)}), Code::conflict);
  EXPECT_EQ(m.refused(ShowProposal{a, hash(1), hash(2)}), Code::conflict);
  m.must(CommitProposal{a, proposal_commitment(0, a, hash(1), hash(2))});
  EXPECT_EQ(m.refused(CommitProposal{a, hash(5)}), Code::conflict);
  m.must(CommitProposal{b, proposal_commitment(0, b, hash(1), hash(2))});
  m.must(Close{});
  EXPECT_EQ(m.refused(ShowProposal{a, hash(3), hash(2)}), Code::rejected);
  m.must(ShowProposal{a, hash(1), hash(2)});
  EXPECT_EQ(m.refused(ShowProposal{b, hash(1), hash(2)}), Code::rejected) << "the same work twice";
  m.must(Close{});
  const std::vector<Vote> votes = {7}, wild = {kMostVote + 1};
  m.must(CommitVotes{v, votes_commitment(0, v, votes, hash(3))});
  m.must(Close{});
  EXPECT_EQ(m.refused(ShowVotes{v, {7, 7}, hash(3)}), Code::rejected);
  EXPECT_EQ(m.refused(ShowVotes{v, {8}, hash(3)}), Code::rejected);
  EXPECT_EQ(m.refused(ShowVotes{v, wild, hash(3)}), Code::out_of_range);
  m.must(ShowVotes{v, votes, hash(3)});
}

TEST(Rounds, a_commitment_of_another_cannot_be_shown_as_ones_own) {
  Machine m(small());
  m.must(Begin{hash(1)});
  const auto a = m.rounds.proposers()[0].who, b = m.rounds.proposers()[1].who;
  const auto commitment = proposal_commitment(0, a, hash(1), hash(2));
  m.must(CommitProposal{a, commitment});
  m.must(CommitProposal{b, commitment});  // copied
  m.must(Close{});
  EXPECT_EQ(m.refused(ShowProposal{b, hash(1), hash(2)}), Code::rejected);
}

TEST(Rounds, ends_with_all_money_out_when_people_or_money_are_missing) {
  Machine poor(small(), 5);
  const auto end = poor.must(Begin{hash(1)});
  EXPECT_EQ(poor.rounds.phase(), Phase::over);
  EXPECT_EQ(end.back().kind, Kind::finished);
  EXPECT_TRUE(poor.rounds.held().is_zero());
  EXPECT_EQ(poor.books.in, poor.books.out);
  EXPECT_EQ(poor.refused(Begin{hash(1)}), Code::conflict);
}

TEST(Rounds, silent_seats_pay_a_small_fine_and_the_round_goes_on) {
  Machine m(small());
  m.must(Begin{hash(1)});
  const auto seat = m.rounds.proposers()[0].who;
  m.must(Close{});  // nobody committed: nothing to show, nothing to vote on
  EXPECT_EQ(m.rounds.phase(), Phase::idle);
  EXPECT_EQ(m.rounds.round(), 1U);
  EXPECT_EQ(m.rounds.stakes().at(seat), Wei(980));
}

TEST(Rounds, rules_out_of_range_are_named) {
  const auto wrong = [](auto change) {
    auto r = small();
    change(r);
    return Rounds::make(r).has_value();
  };
  EXPECT_TRUE(wrong([](Rules&) {}));
  EXPECT_FALSE(wrong([](Rules& r) { r.voters = 4; }));
  EXPECT_FALSE(wrong([](Rules& r) { r.harm = 0; }));
  EXPECT_FALSE(wrong([](Rules& r) { r.slash_bps = 10'001; }));
  EXPECT_FALSE(wrong([](Rules& r) { r.agree_bps = 4999; }));
  EXPECT_FALSE(wrong([](Rules& r) { r.stake = Wei(); }));
  EXPECT_FALSE(wrong([](Rules& r) { r.least_voters = 7; }));
  EXPECT_FALSE(wrong([](Rules& r) { r.rounds = 0; }));
  EXPECT_FALSE(wrong([](Rules& r) { r.worth = 0; }));
}

/// Orders of random events, most of them out of place: invariants 1 to 4 of rounds.hpp.
TEST(Rounds, keeps_its_invariants_under_random_events) {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 dice(seed);
    auto rules = small();
    rules.rounds = 4;
    const std::uint32_t people = 8 + dice() % 8;
    Machine m(rules, people);
    std::uint32_t closes = 0;
    for (int step = 0; step < 400 && m.rounds.phase() != Phase::over; ++step) {
      const auto before = m.rounds.round();
      const auto who = [&] { return account(static_cast<std::uint32_t>(dice() % people)); };
      const auto round = m.rounds.round();
      const auto root = hash(dice() % 8), salt = hash(3);
      std::vector<Vote> votes(m.rounds.shown().size(), static_cast<Vote>(dice() % 40'000) - 20'000);
      if (dice() % 20 == 0) votes.assign(votes.size(), kUnusable);
      const auto someone = who();
      Event event = Close{};
      switch (dice() % 12) {
        case 0: event = Begin{hash(dice())}; break;
        case 1: event = Leave{someone}; break;
        case 2: event = Join{someone}; break;
        case 3:
        case 4: event = CommitProposal{someone, proposal_commitment(round, someone, root, salt)}; break;
        case 5:
        case 6: event = ShowProposal{someone, root, salt}; break;
        case 7:
        case 8: event = CommitVotes{someone, votes_commitment(round, someone, votes, salt)}; break;
        case 9:
        case 10: event = ShowVotes{someone, votes, salt}; break;
        default: ++closes;
      }
      if (auto done = m.rounds.apply(event)) {
        m.books.add(*done);
        ASSERT_EQ(m.books.in, m.books.out + m.books.burned + *m.rounds.held().to_u64()) << "seed " << seed;
      }
      if (m.rounds.round() != before) closes = 0;
      if (m.rounds.phase() == Phase::idle) closes = 0;
      ASSERT_LE(closes, 4U) << "seed " << seed;
      std::set<Address> seats;
      for (const auto& s : m.rounds.proposers()) ASSERT_TRUE(seats.insert(s.who).second);
      for (const auto& s : m.rounds.voters()) ASSERT_TRUE(seats.insert(s.who).second);
    }
    for (int i = 0; i < 100 && m.rounds.phase() != Phase::over; ++i) {
      if (m.rounds.phase() == Phase::idle) m.must(Begin{hash(dice())});
      for (int c = 0; c < 4 && m.rounds.phase() != Phase::idle && m.rounds.phase() != Phase::over; ++c) m.must(Close{});
    }
    ASSERT_EQ(m.rounds.phase(), Phase::over);
    ASSERT_TRUE(m.rounds.held().is_zero());
  }
}

/// Invariant 2: whatever the hostile voters do, as long as agree_bps or fewer of the drawn are hostile and the honest ones find
/// no harm, a proposer that shows in time keeps its stake.
TEST(Rounds, an_honest_proposer_is_never_slashed_by_a_hostile_minority) {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    std::mt19937 dice(seed);
    auto rules = small();
    rules.voters = 7;
    rules.rounds = 5;
    rules.agree_bps = static_cast<std::uint32_t>(5000 + dice() % 4000);
    Machine m(rules, 16);
    const std::size_t hostile = dice() % (rules.voters * rules.agree_bps / 10'000 + 1);
    while (m.rounds.phase() != Phase::over) {
      m.propose();
      const auto seats = m.rounds.voters();
      const std::size_t bad = std::min(hostile, seats.size() * rules.agree_bps / 10'000);
      std::vector<std::vector<Vote>> votes;
      for (std::size_t v = 0; v < seats.size(); ++v) {
        std::vector<Vote> row(m.rounds.shown().size());
        for (auto& vote : row)
          vote = v < bad ? static_cast<Vote>(dice() % 2'000'001) - kMostVote : static_cast<Vote>(dice() % 9000);
        votes.push_back(row);
        if (v >= bad || dice() % 4 != 0)
          m.must(CommitVotes{seats[v].who, votes_commitment(m.rounds.round(), seats[v].who, row, hash(8))});
      }
      if (m.rounds.phase() == Phase::voting) m.must(Close{});
      for (std::size_t v = 0; v < seats.size(); ++v)
        if (m.rounds.voters()[v].commitment && (v >= bad || dice() % 4 != 0))
          m.must(ShowVotes{seats[v].who, votes[v], hash(8)});
      if (m.rounds.phase() == Phase::opening) m.must(Close{});
      for (const auto& seat : m.rounds.proposers()) {
        ASSERT_NE(seat.fate, Fate::harmful) << "seed " << seed;
        ASSERT_NE(seat.fate, Fate::refused) << "seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace koinon::work::federated
