#include "market/actor/seller.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/hash.hpp"
#include "market/actor/buyer.hpp"
#include "market/actor/duties.hpp"
#include "market/actor/sealing.hpp"
#include "trust/quorum/optimistic.hpp"

namespace koinon::market {
namespace {

using base::ArtifactRef;
using base::Bytes;
using base::Code;
using base::fail;

constexpr std::uint32_t kBuyer = 1;
constexpr std::uint32_t kSelf = 2;
constexpr std::uint32_t kEarlier = 3;
constexpr std::int64_t kDeadline = 1'000;  ///< seconds
constexpr std::uint32_t kWindow = 100;

/// A ledger that takes commits, appeals and confirmations, and nothing else.
class Ledger final : public MarketLedger {
 public:
  [[nodiscard]] trust::OrderContext context(std::uint64_t order) const override { return {31337, {}, order}; }
  Result<std::uint64_t> place(const Terms&) override { return fail(Code::unsupported, "place"); }
  Status draw(std::uint64_t) override { return fail(Code::unsupported, "draw"); }
  Status draw_audit(std::uint64_t) override { return fail(Code::unsupported, "draw_audit"); }
  Status advance(std::uint64_t) override { return fail(Code::unsupported, "advance"); }
  Status settle(std::uint64_t) override { return fail(Code::unsupported, "settle"); }
  Status confirm(std::uint64_t) override {
    ++confirms;
    return {};
  }
  Status publish_input(std::uint64_t, std::uint8_t, std::uint32_t, const Hash&, std::uint64_t, const std::string&) override {
    return fail(Code::unsupported, "publish_input");
  }
  Status demand_input(std::uint64_t, std::uint32_t, std::uint32_t) override { return fail(Code::unsupported, "demand_input"); }
  Status answer_input(std::uint64_t, base::ByteView, const std::vector<Hash>&) override {
    return fail(Code::unsupported, "answer_input");
  }
  Status commit(std::uint64_t, std::uint8_t, std::uint32_t, const Hash&) override {
    ++commits;
    return {};
  }
  Status reveal(std::uint64_t, std::uint8_t, const trust::Claim&, const Hash&, std::uint64_t, const Hash&) override {
    return fail(Code::unsupported, "reveal");
  }
  Status appeal(std::uint64_t, std::uint32_t) override {
    ++appeals;
    return {};
  }
  Status offer(std::uint32_t, std::uint8_t, std::uint8_t) override { return fail(Code::unsupported, "offer"); }
  Status demand_output(std::uint64_t, std::uint32_t, std::uint32_t, std::uint32_t) override {
    return fail(Code::unsupported, "demand_output");
  }
  Status answer_output(std::uint64_t, base::ByteView, const std::vector<Hash>&, std::uint64_t, std::uint64_t,
                       const std::vector<Hash>&) override {
    return fail(Code::unsupported, "answer_output");
  }
  Status refute_output(std::uint64_t, const Hash&, std::uint64_t, std::uint64_t, const std::vector<Hash>&) override {
    return fail(Code::unsupported, "refute_output");
  }
  Result<Bytes> posted(const PostedBytes&) override { return fail(Code::not_found, "posted"); }
  Result<Now> now(std::uint64_t) override { return Now{Phase::commit, kDeadline, 0}; }

  int commits = 0, appeals = 0, confirms = 0;
};

class Notes final : public Journal {
 public:
  Status put(const std::string& key, const std::string& json) override {
    kept[key] = json;
    return {};
  }
  Result<std::optional<std::string>> get(const std::string& key) override {
    const auto at = kept.find(key);
    return at == kept.end() ? std::optional<std::string>{} : std::optional(at->second);
  }
  std::map<std::string, std::string> kept;
};

class Shelf final : public base::ArtifactStore {
 public:
  Result<ArtifactRef> put(base::ByteView bytes) override {
    const ArtifactRef ref{base::Cid::of(bytes), bytes.size()};
    kept[ref.cid] = Bytes(bytes.begin(), bytes.end());
    return ref;
  }
  Result<Bytes> get(const base::Cid& cid) override {
    const auto at = kept.find(cid);
    if (at == kept.end()) return fail(Code::not_found, "{} is not here", cid.text());
    return at->second;
  }
  bool has(const base::Cid& cid) override { return kept.contains(cid); }
  std::map<base::Cid, Bytes> kept;
};

/// Peers that have what `shelf` has; what comes is kept in `to`.
class Peers final : public Fetcher {
 public:
  Peers(Shelf& shelf, Shelf& to) : shelf_(shelf), to_(to) {}
  Result<Bytes> fetch(const std::string&, const ArtifactRef& ref, std::int64_t most_ms, std::stop_token) override {
    ++asked;
    longest_ms = std::max(longest_ms, most_ms);
    KOINON_TRY(auto bytes, shelf_.get(ref.cid));
    KOINON_TRY([[maybe_unused]] const auto kept, to_.put(bytes));
    return bytes;
  }
  int asked = 0;
  std::int64_t longest_ms = 0;

 private:
  Shelf& shelf_;
  Shelf& to_;
};

/// Gives its inputs back; the spec kEndless has it run until it is stopped.
class Echo final : public work::Kind {
 public:
  static constexpr Hash kEndless{{0xee}};
  [[nodiscard]] std::uint8_t code() const override { return 8; }
  [[nodiscard]] std::string_view name() const override { return "echo"; }
  Result<work::Outcome> run(const work::Job& job, const work::Means& means) const override {
    while (job.spec == kEndless && !means.stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (means.stop.stop_requested()) return fail(Code::cancelled, "stopped");
    work::Outcome out;
    out.outputs = job.inputs;
    out.roots.output = work::outputs_root(out.outputs);
    return out;
  }
};

struct SellerTest : testing::Test {
  Ledger ledger;
  Notes notes;
  Shelf mine, theirs;
  Peers peers{theirs, mine};
  base::ManualClock clock{(kDeadline - kWindow) * 1000};
  base::SeededRandom random{7};
  work::KindSet kinds;
  BoxPair box = BoxPair::generate();
  BoxPair buyer_box = BoxPair::generate();
  Services services;
  work::Parcel parcel{{}, {Bytes(10, 1)}};
  OrderView order;
  Seller seller{services};

  void SetUp() override {
    ASSERT_TRUE(kinds.add(std::make_unique<Echo>()));
    services.ledger = &ledger;
    services.journal = &notes;
    services.artifacts = &mine;
    services.fetcher = &peers;
    services.clock = &clock;
    services.random = &random;
    services.kinds = &kinds;
    services.box = &box;
    services.sign = [](const Hash&) { return base::FixedBytes<65>{}; };
    services.account = kSelf;
    const auto artifact = theirs.put(Bytes(50, 9)).value();
    order.id = 7;
    order.phase = Phase::commit;
    order.deadline = kDeadline;
    order.terms.buyer = kBuyer;
    order.terms.kind = 8;
    order.terms.commit_window = kWindow;
    order.terms.spec_digest = artifact.cid.digest;
    order.terms.spec_size = artifact.size;
    order.terms.input_root = parcel.root();
    order.terms.input_size = parcel.encode().size();
    order.terms.buyer_key = buyer_box.public_key();
    order.rounds.emplace_back();
    Seat seat;
    seat.account = kSelf;
    order.seats.push_back(seat);
  }

  /// Puts an envelope with `content` on the peers' shelf and publishes it.
  void publish(std::uint32_t account, const work::Parcel& content) {
    const auto envelope = seal(content.encode(), {box.public_key()}).value();
    const auto ref = theirs.put(envelope).value();
    order.rounds.back().published.push_back(
        {account, base::byte_tree_root(base::Domain::envelope, envelope), ref.size, Locator{"http://peer:1", ref.cid}.text()});
  }
  work::Parcel rubbish() const { return {{}, {Bytes(10, 2)}}; }
  bool claims(const trust::Roots& roots) {
    const auto note = JobNote::from_json(notes.kept.at(job_key(order, order.round()))).value();
    return note.claim.output_root == roots.output;
  }
  bool claims_bad_input() { return claims(trust::bad_input_roots()); }
  bool claims_unserved() { return claims(trust::unserved_roots()); }
  void last_quarter() { clock.advance(std::int64_t{kWindow} * 760); }
};

TEST_F(SellerTest, runs_on_what_was_gathered_and_asks_no_peer_then) {
  publish(kBuyer, parcel);
  EXPECT_EQ(seller.work(order, {}).error().code, Code::network) << "nothing is here yet";
  EXPECT_EQ(peers.asked, 0);
  ASSERT_TRUE(seller.gather(order, {}));
  EXPECT_FALSE(seller.has_claim(order));
  const auto asked = peers.asked;
  ASSERT_TRUE(seller.work(order, {}));
  EXPECT_EQ(peers.asked, asked);
  EXPECT_EQ(ledger.commits, 1);
  EXPECT_FALSE(claims_bad_input());
}

TEST_F(SellerTest, gives_peers_no_time_beyond_the_last_quarter) {
  publish(kBuyer, parcel);
  ASSERT_TRUE(seller.gather(order, {}));
  EXPECT_LE(peers.longest_ms, std::int64_t{kWindow} * 750);
  EXPECT_GT(peers.longest_ms, std::int64_t{kWindow} * 700);
}

TEST_F(SellerTest, claims_unserved_when_nothing_came_by_the_last_quarter) {
  publish(kBuyer, parcel);
  theirs.kept.clear();
  EXPECT_EQ(seller.gather(order, {}).error().code, Code::network);
  EXPECT_FALSE(seller.has_claim(order));
  last_quarter();
  ASSERT_TRUE(seller.gather(order, {}));
  EXPECT_TRUE(claims_unserved());
  ASSERT_TRUE(seller.work(order, {}));
  EXPECT_EQ(ledger.commits, 1);
}

TEST_F(SellerTest, claims_unserved_when_the_run_does_not_end_by_the_last_quarter) {
  order.terms.spec = Echo::kEndless;
  publish(kBuyer, parcel);
  ASSERT_TRUE(seller.gather(order, {}));
  clock.advance(std::int64_t{kWindow} * 750 - 50);
  std::jthread world([this](const std::stop_token& ended) {  // its clock goes on while the run does
    for (int i = 0; i < 100 && !ended.stop_requested(); ++i, clock.advance(1))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  ASSERT_TRUE(seller.work(order, {}));
  EXPECT_TRUE(claims_unserved());
  EXPECT_EQ(ledger.commits, 1);
}

TEST_F(SellerTest, a_run_that_is_cancelled_claims_nothing) {
  order.terms.spec = Echo::kEndless;
  publish(kBuyer, parcel);
  ASSERT_TRUE(seller.gather(order, {}));
  std::stop_source stop;
  std::jthread hand([&] { std::this_thread::sleep_for(std::chrono::milliseconds(20)), stop.request_stop(); });
  EXPECT_EQ(seller.work(order, stop.get_token()).error().code, Code::cancelled);
  EXPECT_FALSE(seller.has_claim(order));
}

TEST_F(SellerTest, says_which_limit_an_order_exceeds_and_fetches_nothing) {
  publish(kBuyer, parcel);
  services.appetite.spec = 49;
  ASSERT_TRUE(seller.gather(order, {}));
  EXPECT_EQ(peers.asked, 0);
  EXPECT_TRUE(claims_unserved());
  notes.kept.clear();
  services.appetite = {};
  services.appetite.input = order.terms.input_size - 1;
  ASSERT_TRUE(seller.gather(order, {}));
  EXPECT_EQ(peers.asked, 0);
  EXPECT_TRUE(claims_unserved());
}

TEST_F(SellerTest, buyer_is_told_before_it_pays_for_what_no_provider_takes) {
  Buyer buyer(services);
  Purchase wanted;
  wanted.max_price = tier_price(40);
  wanted.inputs = {Bytes(10, 1)};
  wanted.artifact = {base::Cid{order.terms.spec_digest}, (std::uint64_t{1} << 30) + 1};
  EXPECT_EQ(buyer.place(wanted).error().code, Code::out_of_range);
  wanted.artifact.size = 50;
  wanted.inputs = {Bytes(std::size_t{64} << 20, 1)};
  EXPECT_EQ(buyer.place(wanted).error().code, Code::out_of_range);
  wanted.inputs = {Bytes(10, 1)};
  EXPECT_EQ(buyer.place(wanted).error().code, Code::unsupported) << "it gets as far as this test's ledger";
}

TEST_F(SellerTest, fetches_no_envelope_that_is_larger_than_the_input_needs) {
  publish(kBuyer, parcel);
  order.rounds.back().published[0].envelope_size = 100u << 20;
  ASSERT_TRUE(seller.gather(order, {}));
  EXPECT_EQ(peers.asked, 0);
  EXPECT_TRUE(claims_bad_input());
}

TEST_F(SellerTest, quorum_member_claims_bad_input_of_rubbish_at_once) {
  publish(kBuyer, rubbish());
  ASSERT_TRUE(seller.gather(order, {}));
  EXPECT_TRUE(claims_bad_input());
}

TEST_F(SellerTest, what_it_worked_on_is_known_by_its_root_whatever_the_locator_says) {
  publish(kBuyer, parcel);
  ASSERT_TRUE(seller.gather(order, {}));
  EXPECT_TRUE(seller.known_input(order));
  // Another file of ours stands at the address that the buyer names: it is not taken for the input.
  const auto other = mine.put(Bytes(40, 3)).value();
  order.rounds.back().published.back().locator = Locator{"http://peer:1", other.cid}.text();
  EXPECT_EQ(seller.known_input(order).error().code, Code::not_found);
}

TEST_F(SellerTest, claims_bad_input_of_what_it_could_not_defend_in_a_dispute) {
  order.terms.check = trust::OptimisticCheck::kCode;  // of work that is no run of a program
  order.terms.input_root = parcel.public_root();
  const auto bytes = parcel.encode();
  const auto ref = theirs.put(bytes).value();
  order.rounds.back().published.push_back(
      {kBuyer, base::byte_tree_root(base::Domain::envelope, bytes), ref.size, Locator{"http://peer:1", ref.cid}.text()});
  ASSERT_TRUE(seller.gather(order, {}));
  ASSERT_TRUE(seller.work(order, {}));
  EXPECT_TRUE(claims_bad_input());
}

TEST_F(SellerTest, juror_asked_about_an_accusation_looks_at_the_envelopes_of_the_quorum) {
  const auto accuse = [&] {
    publish(kBuyer, parcel);  // sealed at random: not by the rule, whatever it holds
    order.seats[0].account = 50;
    order.seats[0].revealed = true;
    order.seats[0].claim.output_root = trust::bad_input_roots().output;
    order.terms.k = 1;
    order.rounds.emplace_back().role = trust::Role::jury;
    order.rounds.back().appealed = true;
    Seat juror;
    juror.account = kSelf;
    juror.round = 1;
    order.seats.push_back(juror);
    publish(kBuyer, parcel);
  };
  accuse();
  ASSERT_TRUE(seller.gather(order, {}));
  ASSERT_TRUE(seller.work(order, {}));
  EXPECT_TRUE(claims_bad_input());
  notes.kept.clear();
  order.seats[0].key = box.public_key();
  const auto sealed = seal_input(order, 0, parcel, order.terms.buyer_key).value();
  order.rounds[0].published[0].envelope_root = base::byte_tree_root(base::Domain::envelope, sealed);
  order.rounds[0].published[0].envelope_size = sealed.size();
  ASSERT_TRUE(seller.work(order, {}));
  EXPECT_FALSE(claims_bad_input());
}

TEST_F(SellerTest, juror_waits_for_somebody_who_publishes_the_true_input) {
  order.rounds.back().role = trust::Role::jury;
  publish(kBuyer, rubbish());
  EXPECT_EQ(seller.gather(order, {}).error().code, Code::conflict);
  EXPECT_FALSE(seller.has_claim(order));
  publish(kEarlier, parcel);
  ASSERT_TRUE(seller.gather(order, {}));
  ASSERT_TRUE(seller.work(order, {}));
  EXPECT_FALSE(claims_bad_input());
}

TEST_F(SellerTest, juror_claims_bad_input_in_the_last_quarter) {
  order.rounds.back().role = trust::Role::jury;
  publish(kBuyer, rubbish());
  last_quarter();
  ASSERT_TRUE(seller.gather(order, {}));
  EXPECT_TRUE(claims_bad_input());
}

/// An order that we worked on, whose verdict stands: account 3 audited it and found the same.
struct AuditedTest : SellerTest {
  void SetUp() override {
    SellerTest::SetUp();
    publish(kBuyer, parcel);
    ASSERT_TRUE(seller.gather(order, {}));
    ASSERT_TRUE(seller.work(order, {}));
    const auto note = JobNote::from_json(notes.kept.at(job_key(order, 0))).value();
    order.phase = Phase::standing;
    order.rounds.emplace_back().role = trust::Role::audit;
    Seat auditor;
    auditor.account = kEarlier;
    auditor.round = 1;
    order.seats.push_back(auditor);
    for (auto& seat : order.seats) {
      seat.revealed = true;
      seat.verdict = Standing::accepted;
      seat.claim = note.claim;
      seat.claim.account = seat.account;
      seat.claim.mark = mark_of(order, ledger.context(order.id), seat.account, seat.round, note.witness);
    }
    order.verdict = StandingVerdict{note.claim.output_root, note.claim.trace_root, {}, 3, 0};
  }
  [[nodiscard]] bool must_judge() const {
    return std::ranges::any_of(duties(order, kSelf, 60), [](const Duty& d) { return d.kind == DutyKind::judge; });
  }
};

TEST_F(AuditedTest, member_leaves_an_auditor_alone_that_ran_the_program) {
  EXPECT_TRUE(must_judge());
  ASSERT_TRUE(seller.appeal_own(order));
  EXPECT_EQ(ledger.appeals, 0);
}

TEST_F(AuditedTest, member_appeals_against_an_auditor_whose_tag_shows_no_run) {
  order.seats[1].claim.mark = base::keccak256(base::as_bytes("made up"));
  ASSERT_TRUE(seller.appeal_own(order));
  EXPECT_EQ(ledger.appeals, 1);
  order.juries = 1;  // which judges all tags
  EXPECT_FALSE(must_judge());
  ASSERT_TRUE(seller.appeal_own(order));
  EXPECT_EQ(ledger.appeals, 1);
}

TEST_F(AuditedTest, member_without_a_run_of_its_own_cannot_tell) {
  notes.kept.clear();
  order.seats[1].claim.mark = {};
  ASSERT_TRUE(seller.appeal_own(order));
  EXPECT_EQ(ledger.appeals, 0);
}

TEST_F(AuditedTest, member_whose_claim_does_not_stand_has_nothing_to_compare_with) {
  order.seats[1].claim.mark = {};
  order.seats[0].claim.output_root = base::keccak256(base::as_bytes("another"));
  ASSERT_TRUE(seller.appeal_own(order));
  EXPECT_EQ(ledger.appeals, 0);
}

TEST_F(AuditedTest, buyer_lets_an_audited_verdict_stand_unless_its_own_run_confirms_it) {
  const auto judged = [&](bool ran) {
    Buyer buyer(services);
    Purchase wanted;
    wanted.max_price = tier_price(40);
    wanted.inputs = parcel.parts;
    wanted.nonce = ran ? 1 : 2;
    const auto note = JobNote::from_json(notes.kept.at(job_key(order, 0))).value();
    if (ran) wanted.expected = trust::Roots{note.claim.output_root, note.claim.trace_root, note.witness};
    services.account = kBuyer;
    EXPECT_EQ(buyer.place(wanted).error().code, Code::unsupported) << "its note is what is needed";
    order.terms.nonce = *wanted.nonce;
    order.seats[0].result_digest = note.result_digest;  // sealed to the member itself too
    order.seats[0].result_size = note.result_size;
    EXPECT_TRUE(buyer.judge(order, Parties(Book(), order, kBuyer), {}));
    EXPECT_TRUE(buyer.result(order)) << "the result is here in any case";
    services.account = kSelf;
  };
  judged(false);
  EXPECT_EQ(ledger.confirms, 0);
  judged(true);
  EXPECT_EQ(ledger.confirms, 1);
  order.seats.pop_back();
  order.rounds.pop_back();
  judged(false);
  EXPECT_EQ(ledger.confirms, 2) << "nobody is left to compare with";
}

TEST(JobNote, says_what_it_said_and_reads_those_of_versions_that_kept_no_roots) {
  JobNote note;
  note.claim.account = 3;
  note.result_size = 9;
  note.roots = {base::Cid::of(base::as_bytes("roots")), 64};
  const auto again = JobNote::from_json(note.to_json()).value();
  EXPECT_EQ(again.to_json(), note.to_json());
  EXPECT_EQ(again.roots, note.roots);
  auto text = note.to_json();
  const auto begin = text.find("\"roots_digest\""), end = text.find("\"salt\"");
  ASSERT_LT(begin, end);
  text.erase(begin, end - begin);
  EXPECT_EQ(JobNote::from_json(text).value().roots.size, 0U);
  EXPECT_EQ(JobNote::from_json(text).value().result_size, 9U);
}

}  // namespace
}  // namespace koinon::market
