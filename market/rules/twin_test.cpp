#include <gtest/gtest.h>

#include <array>

#include "market/rules/market.hpp"
#include "market/rules/twin_chain.hpp"

namespace koinon::market::rules {
namespace {

constexpr std::uint32_t kWindow = 100'000;  // seconds; no test is so slow that one passes by itself
constexpr std::uint8_t kTier = 20;
constexpr std::uint32_t kProviders = 40;

base::Wei wei(Amount amount) {
  base::Hash word;
  for (std::size_t i = 0; i < 16; ++i) word.bytes[31 - i] = static_cast<std::uint8_t>(amount >> (8 * i));
  return base::Wei::from_word(word);
}

MarketConfig windows() {
  auto out = local_config();
  out.draw_window = out.input_window = out.reveal_window = out.appeal_window = out.deliver_window = kWindow;
  out.prove_window = out.answer_window = out.move_window = kWindow;
  out.max_commit_window = 10 * kWindow;
  out.min_stake = wei(lock_of(3, price(kTier)));
  return out;
}

/// The same random calls to the contracts and to their twin; both must take or refuse each, and stand alike after it.
class Twins {
 public:
  explicit Twins(std::uint64_t seed)
      : dice_(seed), chain_(windows()), registry_(lock_of(3, price(kTier))), market_(registry_, Config{}, chain_.context()) {
    for (std::uint32_t i = 0; i < kProviders + 4; ++i) open(i);
  }

  /// One order from its placement to its end.
  void order() {
    const auto before = chain_.market().order_count().value();
    Terms terms{kProviders + 1 + below(4), static_cast<std::uint8_t>(before % 6 == 1 || one_in(4) ? 1 : 0), 1, 1, kTier, 0};
    if (terms.check == 0) {
      terms.n = static_cast<std::uint8_t>(1 + below(5));
      terms.k = static_cast<std::uint8_t>(terms.n / 2 + 1 + below(terms.n - terms.n / 2));
      terms.audit_bps = static_cast<std::uint16_t>(one_in(2) ? 10'000 : below(5'000));
    }
    if (one_in(20)) terms.k = static_cast<std::uint8_t>(terms.n + 1);
    const auto sent = chain_.send(chain_.market().place(terms_of(terms)));
    const auto id = market_.place(terms);
    ASSERT_EQ(sent.has_value(), id.has_value());
    if (!id) return;
    ASSERT_EQ(*id, before + 1);
    id_ = *id;
    for (int step = 0; step < 60 && !is_final(here().phase) && !testing::Test::HasFailure(); ++step) {
      move();
      compare();
    }
    while (!is_final(here().phase) && !testing::Test::HasFailure()) expire();
    if (terms.check == 1) gather();
    ++ended_[static_cast<std::size_t>(here().phase == Phase::settled ? 8 : static_cast<int>(here().reason))];
    juries_ += here().juries;
    compare_accounts();
  }

  /// Offers again who was silent, with more stake for who lost its own.
  void mend() {
    for (std::uint32_t id = 1; id <= kProviders; ++id) {
      const auto& a = registry_.account(id);
      const auto lock = lock_of(3, price(kTier));
      if (a.stake < lock) {
        both(chain_.registry().deposit(id, wei(2 * lock)), [&] { return registry_.deposit(id, 2 * lock), true; });
        both(chain_.registry().stake(id, wei(2 * lock)), [&] { return registry_.stake(id, 2 * lock); });
      }
      if (a.suspended) {
        const auto tier = static_cast<std::uint8_t>(kTier - below(5));
        both(chain_.registry().set_offer(id, 0, tier, true), [&] { return registry_.offer(id, tier); });
      }
    }
  }

  [[nodiscard]] const std::array<int, 9>& ended() const { return ended_; }
  [[nodiscard]] int juries() const { return juries_; }

 private:
  void open(std::uint32_t i) {
    const auto id = registry_.open(0);
    ASSERT_TRUE(chain_.send(chain_.registry().open(chain_.self(), chain_.self())));
    const auto lock = lock_of(3, price(kTier));
    const Amount money = i < kProviders ? lock + dice_.u64() % static_cast<std::uint64_t>(4 * lock) : 1'000 * lock;
    both(chain_.registry().deposit(id, wei(money)), [&] { return registry_.deposit(id, money), true; });
    if (i >= kProviders) return;
    const auto staked = one_in(4) ? money : money - dice_.u64() % static_cast<std::uint64_t>(lock / 2);
    both(chain_.registry().stake(id, wei(staked)), [&] { return registry_.stake(id, staked); });
    const auto tier = static_cast<std::uint8_t>(kTier - below(5));
    both(chain_.registry().set_offer(id, 0, tier, true), [&] { return registry_.offer(id, tier); });
  }

  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(dice_.u64() % n); }
  bool one_in(std::uint32_t n) { return below(n) == 0; }
  [[nodiscard]] const Order& here() const { return market_.order(id_); }

  template <class Twin>
  std::optional<ledger::Receipt> both(const base::Result<ledger::TxRequest>& request, Twin twin) {
    auto receipt = chain_.send(request);
    EXPECT_EQ(receipt.has_value(), twin()) << request->label << ", order " << id_;
    return receipt;
  }

  static ledger::contracts::WorkMarket::Terms terms_of(const Terms& t) {
    static std::uint64_t nonce = 0;
    ledger::contracts::WorkMarket::Terms out;
    out.buyer = t.buyer;
    out.check = t.check;
    out.n = t.n;
    out.k = t.k;
    out.max_tier = t.max_tier;
    out.audit_bps = t.audit_bps;
    out.commit_window = kWindow;
    out.nonce = ++nonce;
    out.spec.bytes[0] = out.input_root.bytes[0] = 1;
    out.input_size = 784;
    return out;
  }

  void expire() {
    chain_.pass(2 * kWindow);
    both(chain_.market().advance(id_), [&] { return market_.expire(id_); });
  }

  void move() {
    switch (here().phase) {
      case Phase::draw: return draw();
      case Phase::input: return input();
      case Phase::commit: return commit();
      case Phase::reveal: return reveal();
      case Phase::audit_draw: return audit();
      default: return here().terms.check == 1 ? dispute() : stand();
    }
  }

  /// The seed of the draw is known when it is over; so the contract goes first.
  void draw() {
    if (id_ % 16 == 7 || one_in(24)) return expire();
    const auto receipt = chain_.send(chain_.market().draw(id_));
    ASSERT_TRUE(receipt);
    for (const auto& log : receipt->logs)
      if (const auto drawn = ledger::contracts::WorkMarket::Drawn::decode(log)) {
        EXPECT_TRUE(market_.draw(id_, drawn->seed));
        std::vector<std::uint32_t> seats;
        for (const auto& c : here().facts.claims) seats.push_back(c.claim.account);
        EXPECT_TRUE(seats.size() >= drawn->accounts.size() &&
                    std::equal(drawn->accounts.rbegin(), drawn->accounts.rend(), seats.rbegin()))
            << "the same seats, order " << id_;
      }
  }

  void audit() {
    if (one_in(6)) return expire();
    const auto receipt = chain_.send(chain_.market().draw_audit(id_));
    ASSERT_TRUE(receipt);
    for (const auto& log : receipt->logs)
      if (const auto drawn = ledger::contracts::WorkMarket::AuditDrawn::decode(log))
        EXPECT_TRUE(market_.draw_audit(id_, drawn->seed));
  }

  void publish(std::uint32_t who) {
    const base::Hash root{{1}};
    both(chain_.market().publish_input(id_, round(), who, root, 200'000, "http://127.0.0.1/"),
         [&] { return market_.publish(id_, who); });
  }

  void input() {
    if (one_in(24)) return expire();
    if (round() != 0 && one_in(3)) {
      chain_.pass(kWindow * 3 / 4);
      publish(here().facts.claims[below(static_cast<std::uint32_t>(here().members.size()))].claim.account);
      if (here().phase == Phase::input) expire();  // refused, and the window is nearly over
      return;
    }
    publish(here().terms.buyer);
  }

  [[nodiscard]] std::uint8_t round() const { return static_cast<std::uint8_t>(here().facts.rounds.size() - 1); }

  trust::Claim claim(std::size_t seat) {
    const auto& facts = here().facts;
    trust::Claim out = facts.claims[seat].claim;
    // The numbers of orders see to it that each end happens. What a seat says depends on the seat alone, so that it can be said
    // again when the commitment is opened.
    const auto what = (id_ * 7 + seat * 13 + out.account) % 16;
    const bool bad_order = id_ % 7 == 3, liars = id_ % 5 == 1;
    const auto secret = base::Hash{{static_cast<std::uint8_t>(what == 1 ? 9 : 8)}};
    unsigned jury = 0;
    for (std::size_t r = 0; r < facts.claims[seat].round; ++r) jury += facts.rounds[r].role == trust::Role::jury ? 1 : 0;
    const bool juror = facts.rounds[facts.claims[seat].round].role == trust::Role::jury;
    out.mark = juror ? trust::witness_link(facts.context, secret, jury)
                     : trust::tag(facts.context, out.account, trust::witness_link(facts.context, secret, 0));
    if (bad_order && what < 13) {
      out.output_root = trust::bad_input_roots().output;
      if (juror && what < 2) out.mark = out.output_root;
    } else if (what == 2) {
      out.output_root = trust::unserved_roots().output;
    } else {
      out.output_root = base::Hash{{static_cast<std::uint8_t>(liars && !juror && what < 11 ? 5 : what == 0 ? 6 : 4)}};
      out.trace_root = base::Hash{{3}};
    }
    return out;
  }

  void commit() {
    if (here().demand_open) {
      if (one_in(2)) return expire();
    } else if (one_in(6)) {
      const auto who = any_seat();
      both(chain_.market().demand_input(id_, who, 0), [&] { return market_.demand_input(id_, who); });
      return;
    }
    for (std::size_t i = 0; i < here().members.size() && here().phase == Phase::commit; ++i) {
      if ((id_ % 8 == 5 || one_in(9)) || (here().acting >> i & 1) == 0) continue;
      const auto said = claim(i);
      const auto bound = trust::commitment(here().facts.context, here().facts.claims[i].round, said, {}, 99, {});
      both(chain_.market().commit(id_, round(), said.account, bound), [&] { return market_.commit(id_, said.account); });
    }
    if (here().phase == Phase::commit) expire();
  }

  void reveal() {
    for (std::size_t i = 0; i < here().members.size() && here().phase == Phase::reveal; ++i) {
      if (one_in(9) || (here().acting >> i & 1) == 0) continue;
      const auto said = claim(i);
      both(chain_.market().reveal(id_, here().facts.claims[i].round, said.account, said.output_root, said.trace_root, said.mark,
                                  {}, 99, {}),
           [&] { return market_.reveal(id_, said.account, said.output_root, said.trace_root, said.mark); });
    }
    if (here().phase == Phase::reveal) expire();
  }

  std::uint32_t any_seat() {
    const auto& claims = here().facts.claims;
    return claims.empty() || one_in(5) ? anybody() : claims[below(static_cast<std::uint32_t>(claims.size()))].claim.account;
  }
  std::uint32_t anybody() { return 1 + below(registry_.count()); }

  void demand_output() {
    if (here().members.empty()) return;
    const auto who = here().facts.claims[below(static_cast<std::uint32_t>(here().members.size()))].claim.account;
    both(chain_.market().demand_output(id_, who, 0, 0), [&] { return market_.demand_output(id_, who); });
  }

  void stand() {
    if (here().demand_open) return expire();
    switch (below(6)) {
      case 0:
      case 1:
      case 2: {
        const auto who = one_in(2) ? any_seat() : anybody();
        both(chain_.market().appeal(id_, who), [&] { return market_.appeal(id_, who); });
        return;
      }
      case 3: return demand_output();
      case 4: both(chain_.market().confirm(id_), [&] { return market_.confirm(id_); }); return;
      default: return expire();
    }
  }

  void dispute() {
    if (id_ % 6 == 2 && !here().condemned && !here().demand_open) {
      const auto demander = kProviders + 1;
      if (here().demands.empty()) {
        both(chain_.disputes().demand_trace(id_, demander, {1, 1, 0, 0, 0}),
             [&] { return market_.demand_trace(id_, demander); });
      } else {
        chain_.pass(2 * kWindow);
        both(chain_.disputes().condemn(id_, demander), [&] { return market_.condemn(id_, demander); });
      }
      return;
    }
    const auto who = anybody();
    const auto number = below(3);
    switch (below(9)) {
      case 0:
      case 1: {
        const std::uint32_t mine = static_cast<std::uint32_t>(here().challenges.size());
        const auto bound = chain_.disputes().challenge_of(id_, who, 0, proof_hash(), salt(mine)).value();
        both(chain_.disputes().challenge(id_, who, bound), [&] { return market_.challenge(id_, who); });
        return;
      }
      case 2:
      case 3:
        both(chain_.disputes().prove(id_, number, 0, {1}, salt(number)), [&] { return market_.prove(id_, number); });
        return;
      case 4:
      case 5:
        both(chain_.disputes().demand_trace(id_, who, {1, 1, 0, 0, 0}), [&] { return market_.demand_trace(id_, who); });
        return;
      case 6: return demand_output();
      case 7: both(chain_.market().confirm(id_), [&] { return market_.confirm(id_); }); return;
      default: break;
    }
    if (here().demands.empty() && !here().condemned && one_in(2)) {
      both(chain_.disputes().demand_trace(id_, who, {1, 1, 0, 0, 0}), [&] { return market_.demand_trace(id_, who); });
      return;
    }
    if (here().demands.empty() || here().condemned || one_in(4)) return expire();
    chain_.pass(2 * kWindow);
    const auto demander = here().demands.front().account;
    both(chain_.disputes().condemn(id_, demander), [&] { return market_.condemn(id_, demander); });
  }

  static base::Hash proof_hash() { return base::keccak256(base::Bytes{1}); }
  static base::Hash salt(std::uint32_t number) { return base::Hash{{static_cast<std::uint8_t>(number + 1)}}; }

  /// What is left to fetch when an optimistic order is over.
  void gather() {
    for (std::uint32_t i = 0; i < here().challenges.size() + 1; ++i)
      both(chain_.disputes().reclaim(id_, i), [&] { return market_.reclaim(id_, i); });
    for (std::size_t i = 0; i < here().demands.size(); ++i) {
      const auto who = here().demands[i].account;
      both(chain_.disputes().collect(id_, who), [&] { return market_.collect(id_, who); });
    }
  }

  void compare() {
    const auto there = chain_.market().get_order(id_).value();
    const auto& o = here();
    const auto where = ::testing::Message() << "order " << id_ << ", round " << o.facts.rounds.size();
    ASSERT_EQ(there.phase, static_cast<std::uint8_t>(o.phase)) << where;
    ASSERT_EQ(there.rounds, o.facts.rounds.size()) << where;
    ASSERT_EQ(there.juries, o.juries) << where;
    ASSERT_EQ(there.committed, o.committed) << where;
    ASSERT_EQ(there.revealed, o.revealed) << where;
    ASSERT_EQ(there.accepted, o.accepted) << where;
    ASSERT_EQ(there.rejected, o.rejected) << where;
    ASSERT_EQ(there.silent, o.silent) << where;
    ASSERT_EQ(there.excused, o.excused) << where;
    if (!is_final(o.phase)) ASSERT_EQ(there.acting, o.acting) << where;
  }

  /// What an order was, where it differs.
  [[nodiscard]] std::string story() const {
    const auto& o = here();
    return fmt::format(
        "order {}: check {}, {} in {}, {} rounds, reason {}, committed {:x}, revealed {:x}, accepted {:x}, rejected {:x}, "
        "silent {:x}, excused {:x}, {} challenges, {} demands",
        id_, o.terms.check, o.terms.k, o.terms.n, o.facts.rounds.size(), static_cast<int>(o.reason), o.committed, o.revealed,
        o.accepted, o.rejected, o.silent, o.excused, o.challenges.size(), o.demands.size());
  }

  void compare_accounts() {
    SCOPED_TRACE(story());
    EXPECT_EQ(chain_.registry().held().value(), wei(registry_.held())) << "order " << id_;
    EXPECT_EQ(chain_.registry().burned_total().value(), wei(registry_.burned())) << "order " << id_;
    EXPECT_EQ(chain_.registry().slashed_total().value(), wei(registry_.slashed())) << "order " << id_;
    if (id_ % 4 != 0 && id_ < 96) return;  // money that went astray is still astray then
    for (std::uint32_t id = 1; id <= registry_.count(); ++id) {
      const auto there = chain_.registry().get_account(id).value();
      const auto& a = registry_.account(id);
      const auto who = ::testing::Message() << "account " << id << " after order " << id_;
      ASSERT_EQ(there.free, wei(a.free)) << who;
      ASSERT_EQ(there.stake, wei(a.stake)) << who;
      ASSERT_EQ(there.locked, wei(a.locked)) << who;
      ASSERT_EQ(there.points, wei(a.points)) << who;
      ASSERT_EQ(there.streak, a.streak) << who;
      ASSERT_EQ(there.accepted, a.accepted) << who;
      ASSERT_EQ(there.rejected, a.rejected) << who;
      ASSERT_EQ(there.silent, a.silent) << who;
      ASSERT_EQ(chain_.registry().get_offer(id, 0).value().weight, a.weight) << who;
    }
    EXPECT_TRUE(registry_.solvent());
  }

  base::SeededRandom dice_;
  TwinChain chain_;
  Registry registry_;
  Market market_;
  std::uint64_t id_ = 0;
  std::array<int, 9> ended_{};
  int juries_ = 0;
};

TEST(RulesTwin, random_orders_move_the_same_money_as_the_contracts) {
  Twins twins(7);
  for (int i = 0; i < 100 && !HasFailure(); ++i) {
    twins.order();
    twins.mend();
  }
  const char* ends[] = {"undrawn",   "no providers", "no input", "silence", "undecided",
                        "bad input", "refuted",      "withheld", "settled"};
  for (std::size_t i = 0; i < twins.ended().size(); ++i) std::printf("%-13s %d\n", ends[i], twins.ended()[i]);
  for (const std::size_t i : {0U, 2U, 3U, 4U, 5U, 6U, 7U, 8U}) EXPECT_GT(twins.ended()[i], 0) << ends[i] << " never happened";
  EXPECT_GT(twins.juries(), 10);
}

TEST(RulesTwin, prices_and_locks_are_those_of_the_contracts) {
  TwinChain chain(windows());
  for (std::uint8_t tier = 0; tier < Registry::kTiers; ++tier)
    EXPECT_EQ(chain.registry().price(tier).value(), wei(price(tier)));
  for (std::uint8_t n = 1; n <= 5; ++n) {
    const auto cost = chain.market().cost(n, kTier).value();
    EXPECT_EQ(cost.lock, wei(lock_of(n, price(kTier))));
    EXPECT_EQ(cost.escrow, wei(price(kTier) * (n + 1U)));
    EXPECT_EQ(cost.bond, wei(price(kTier) * n / 10));
  }
}

}  // namespace
}  // namespace koinon::market::rules
