#include "market/watch/match.hpp"

#include <gtest/gtest.h>

#include "engine/program/builder.hpp"
#include "market/actor/sealing.hpp"
#include "trust/optimistic/liar.hpp"
#include "trust/quorum/optimistic.hpp"
#include "work/disputable.hpp"

namespace koinon::market {
namespace {

using base::ArtifactRef;
using base::Bytes;
using base::Code;
using base::fail;
using engine::program::DType;
using engine::tensor::IntTensor;
using trust::optimistic::KeptRun;
using trust::optimistic::Provider;

constexpr std::uint32_t kSelf = 2, kProvider = 3;
constexpr std::int64_t kDeadline = 1'000;  ///< seconds

Status untaken() { return fail(Code::unsupported, "no part of this test"); }

/// A ledger that shows what stands on it and takes nothing.
class Ledger final : public MarketLedger {
 public:
  [[nodiscard]] trust::OrderContext context(std::uint64_t order) const override { return {31337, {}, order}; }
  Result<std::uint64_t> place(const Terms&) override { return fail(untaken().error()); }
  Status draw(std::uint64_t) override { return untaken(); }
  Status draw_audit(std::uint64_t) override { return untaken(); }
  Status advance(std::uint64_t) override { return untaken(); }
  Status settle(std::uint64_t) override { return untaken(); }
  Status confirm(std::uint64_t) override { return untaken(); }
  Status publish_input(std::uint64_t, std::uint8_t, std::uint32_t, const Hash&, std::uint64_t, const std::string&) override {
    return untaken();
  }
  Status demand_input(std::uint64_t, std::uint32_t, std::uint32_t) override { return untaken(); }
  Status answer_input(std::uint64_t, base::ByteView, const std::vector<Hash>&) override { return untaken(); }
  Status commit(std::uint64_t, std::uint8_t, std::uint32_t, const Hash&) override { return untaken(); }
  Status reveal(std::uint64_t, std::uint8_t, const trust::Claim&, const Hash&, std::uint64_t, const Hash&) override {
    return untaken();
  }
  Status appeal(std::uint64_t, std::uint32_t) override { return untaken(); }
  Status offer(std::uint32_t, std::uint8_t, std::uint8_t) override { return untaken(); }
  Status demand_output(std::uint64_t, std::uint32_t, std::uint32_t, std::uint32_t) override { return untaken(); }
  Status answer_output(std::uint64_t, base::ByteView, const std::vector<Hash>&, std::uint64_t, std::uint64_t,
                       const std::vector<Hash>&) override {
    return untaken();
  }
  Status refute_output(std::uint64_t, const Hash&, std::uint64_t, std::uint64_t, const std::vector<Hash>&) override {
    return untaken();
  }
  Result<Bytes> posted(const PostedBytes&) override { return stands; }
  Result<Now> now(std::uint64_t) override { return Now{Phase::standing, kDeadline, 0}; }

  Bytes stands;
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

class NoPeers final : public Fetcher {
 public:
  Result<Bytes> fetch(const std::string&, const ArtifactRef&, std::int64_t, std::stop_token) override {
    return fail(Code::network, "nobody there");
  }
};

/// One program, whatever the artifact is.
class OneProgram final : public work::Kind {
 public:
  explicit OneProgram(const Provider& truth)
      : program_(std::make_shared<engine::program::Program>(truth.program)), inputs_(truth.inputs) {}
  [[nodiscard]] std::uint8_t code() const override { return 8; }
  [[nodiscard]] std::string_view name() const override { return "one program"; }
  Result<work::Outcome> run(const work::Job&, const work::Means&) const override { return fail(untaken().error()); }
  Result<std::shared_ptr<const engine::program::Program>> disputable_program(const work::Job& job) const override {
    if (job.artifact.empty()) return fail(Code::rejected, "no program");
    return std::shared_ptr<const engine::program::Program>(program_);
  }
  Result<std::shared_ptr<const work::Disputable>> disputable(const work::Job& job) const override {
    auto out = std::make_shared<work::Disputable>(work::Disputable{program_, inputs_});
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (job.inputs.at(i).size() != inputs_[i].bytes.size()) return fail(Code::rejected, "an input of another length");
      out->inputs[i].bytes = job.inputs[i];
    }
    return std::shared_ptr<const work::Disputable>(std::move(out));
  }

 private:
  std::shared_ptr<const engine::program::Program> program_;
  std::vector<IntTensor> inputs_;
};

/// Keeps what it is sent.
class Disputes final : public DisputeLedger {
 public:
  Result<DisputeTerms> dispute_terms() override { return DisputeTerms{40, 20, 10, 16, base::Wei{1}}; }
  Status challenge(std::uint64_t, std::uint32_t, const Hash& commitment) override {
    if (poor) return fail(Code::ledger, "[rpc] reverted: InsufficientBalance(account: 2, free: \"1\", needed: \"4\")");
    commitments.push_back(commitment);
    return {};
  }
  Status prove(std::uint64_t, std::uint32_t number, std::uint8_t, const Bytes&, const Hash&) override {
    proven.push_back(number);
    return {};
  }
  Status demand_trace(std::uint64_t, std::uint32_t, const trust::optimistic::Demand&) override { return untaken(); }
  Status answer_trace(std::uint64_t, std::uint32_t demander, std::uint32_t, const trust::optimistic::Answer&) override {
    answered.push_back(demander);
    return {};
  }
  Status condemn(std::uint64_t, std::uint32_t) override { return untaken(); }
  Status collect(std::uint64_t, std::uint32_t) override { return untaken(); }
  Status reclaim(std::uint64_t, std::uint32_t) override { return untaken(); }
  Result<trust::optimistic::Answer> trace_answer(const TraceAnswerAt&) override {
    ++read;
    return fail(Code::internal, "cannot be");
  }

  bool poor = false;
  int read = 0;
  std::vector<Hash> commitments;
  std::vector<std::uint32_t> proven, answered;
};

Provider doubling() {
  engine::program::Builder b;
  const auto x = b.input("x", {DType::i16, {8}}, engine::program::Scale{}, -5, 500);
  b.output("y", b.add(x, x, DType::i16), engine::program::Scale{});
  return trust::optimistic::honest(b.finish({}).value(), {IntTensor::zeros(DType::i16, {8})});
}

struct MatchTest : testing::Test {
  Provider truth = doubling();
  Ledger ledger;
  Disputes disputes;
  Notes notes;
  Shelf shelf;
  NoPeers nobody;
  base::ManualClock clock{(kDeadline - 100) * 1000};
  base::SeededRandom random{7};
  work::KindSet kinds;
  Services services;
  OrderView order;
  Bytes envelope;

  void SetUp() override {
    ASSERT_TRUE(kinds.add(std::make_unique<OneProgram>(truth)));
    services.ledger = &ledger;
    services.disputes = &disputes;
    services.journal = &notes;
    services.artifacts = &shelf;
    services.fetcher = &nobody;
    services.clock = &clock;
    services.random = &random;
    services.kinds = &kinds;
    services.account = kSelf;
    const auto artifact = shelf.put(Bytes(50, 9)).value();
    order.id = 7;
    order.phase = Phase::standing;
    order.deadline = kDeadline;
    order.terms.kind = 8;
    order.terms.check = trust::OptimisticCheck::kCode;
    order.terms.spec = truth.claim().program;
    order.terms.spec_digest = artifact.cid.digest;
    order.terms.spec_size = artifact.size;
    order.rounds.emplace_back();
  }

  /// The order binds this input; its buyer publishes it and names the address of a file of that name.
  void publish(const IntTensor& x, const base::Cid& cid) {
    const work::Parcel parcel{{}, {x.bytes}};
    envelope = parcel.encode();
    order.terms.input_root = bound_root(order.terms, parcel);
    order.terms.input_size = envelope.size();
    order.rounds.back().published.push_back(
        {1, base::byte_tree_root(base::Domain::envelope, envelope), envelope.size(), Locator{"http://peer:1", cid}.text()});
  }
  void claim(const Hash& outputs, const Hash& trace) {
    Seat seat;
    seat.account = kProvider;
    seat.revealed = true;
    seat.claim.output_root = outputs;
    order.seats = {seat};
    order.verdict = StandingVerdict{outputs, trace, {}, 1, 0};
  }
  Status play(std::uint64_t head = 5, std::uint64_t depth = 1) {
    WatchOptions options;
    options.depth = depth;
    return Match(services).play(order, "", head, options, {});
  }
  /// A claim about an input that the program refuses, which a proof refutes.
  void false_claim() {
    auto outside = truth.inputs;
    outside[0].set(3, 501);
    publish(outside[0], base::Cid::of(base::as_bytes("another file")));
    const auto parcel = work::Parcel{{}, {outside[0].bytes}}.encode();
    order.rounds.back().published.back().locator = Locator{"http://peer:1", shelf.put(parcel).value().cid}.text();
    const auto own = KeptRun::until_refused(truth.program, outside, {}).value();
    claim(own.output_root(), own.trace_root());
  }
  void claim_without_a_trace();
  /// A result of an input that the program does not take.
  void claim_of_longer_input() {
    auto longer = truth.inputs[0];
    longer.bytes.push_back(0);
    publish(longer, base::Cid::of(base::as_bytes("another file")));
    const auto parcel = work::Parcel{{}, {longer.bytes}}.encode();
    order.rounds.back().published.back().locator = Locator{"http://peer:1", shelf.put(parcel).value().cid}.text();
    claim(truth.claim().outputs, truth.claim().trace);
  }
  std::optional<GameStage> stage() {
    const auto note = Match(services).note(order).value();
    return note ? std::optional(note->stage) : std::nullopt;
  }
};

TEST_F(MatchTest, runs_on_the_input_that_stands_on_the_ledger_whatever_the_locator_says) {
  publish(truth.inputs[0], base::Cid::of(base::as_bytes("another file")));
  claim(truth.claim().outputs, truth.claim().trace);
  EXPECT_EQ(play().error().code, Code::network) << "nobody serves it";
  ledger.stands = envelope;
  PostedBytes posted;
  posted.envelope_root = order.rounds.back().published.back().envelope_root;
  order.posted.push_back(posted);
  ASSERT_TRUE(play());
  EXPECT_EQ(stage(), GameStage::agreed);
}

TEST_F(MatchTest, agrees_to_no_claim_about_an_input_that_the_program_refuses) {
  false_claim();
  ASSERT_TRUE(play());
  EXPECT_EQ(stage(), GameStage::found);
}

TEST_F(MatchTest, shows_a_proof_when_its_commitment_is_deep_or_half_of_its_time_is_over) {
  constexpr std::uint64_t kBlock = 100, kDepth = 12;
  constexpr std::int64_t kProve = 40;
  false_claim();
  ASSERT_TRUE(play());
  ASSERT_EQ(stage(), GameStage::found);
  ASSERT_TRUE(play(kBlock - 1, kDepth));
  ASSERT_EQ(disputes.commitments.size(), 1U);
  const auto now_s = clock.now_ms() / 1000;
  order.dispute.challenges.push_back({kSelf, disputes.commitments[0], {}, kBlock, now_s + kProve, false, false});

  ASSERT_TRUE(play(kBlock, 1));
  ASSERT_TRUE(play(kBlock + kDepth - 2, kDepth));
  EXPECT_TRUE(disputes.proven.empty()) << "not in its block, and not before it is deep";
  ASSERT_TRUE(play(kBlock + kDepth - 1, kDepth));
  EXPECT_EQ(disputes.proven.size(), 1U) << "deep";
  clock.advance(kProve / 2 * 1000);
  ASSERT_TRUE(play(kBlock + 1, kDepth));
  EXPECT_EQ(disputes.proven.size(), 2U) << "half of the time is over";
  EXPECT_EQ(disputes.commitments.size(), 1U) << "committed once";
  order.dispute.challenges[0].proven = true;
  ASSERT_TRUE(play(kBlock + kDepth, kDepth));
  EXPECT_EQ(disputes.proven.size(), 2U);
}

TEST_F(MatchTest, defends_a_right_claim_once_only_half_of_the_window_is_left_however_late_that_is) {
  publish(truth.inputs[0], base::Cid::of(base::as_bytes("another file")));
  const auto parcel = work::Parcel{{}, {truth.inputs[0].bytes}}.encode();
  order.rounds.back().published.back().locator = Locator{"http://peer:1", shelf.put(parcel).value().cid}.text();
  claim(truth.claim().outputs, truth.claim().trace);
  ASSERT_TRUE(play());
  ASSERT_EQ(stage(), GameStage::agreed);
  TraceDemandView demand;
  demand.open = true;
  demand.place = {trust::optimistic::ClaimTree::trace, trust::optimistic::DemandKind::summit, 0, 0, 0};
  demand.opened_ms = clock.now_ms();
  demand.deadline = clock.now_ms() / 1000 + 300;  // behind a flood of others
  order.dispute.demands[9] = demand;
  clock.advance(285'000);
  ASSERT_TRUE(play());
  EXPECT_TRUE(disputes.answered.empty()) << "the provider's time";
  clock.advance(7'000);
  ASSERT_TRUE(play());
  EXPECT_EQ(disputes.answered, std::vector<std::uint32_t>{9});
}

TEST_F(MatchTest, shows_a_claim_about_an_input_of_another_length_wrong) {
  claim_of_longer_input();
  ASSERT_TRUE(play());
  ASSERT_EQ(stage(), GameStage::found);
  EXPECT_EQ(Match(services).note(order).value()->fraud, 11);
  ASSERT_TRUE(play());
  EXPECT_EQ(disputes.commitments.size(), 1U);
}

TEST_F(MatchTest, says_of_a_claim_about_no_program_that_nobody_can_show_it_wrong) {
  claim_of_longer_input();
  const auto nothing = shelf.put(Bytes{}).value();
  order.terms.spec_digest = nothing.cid.digest;
  order.terms.spec_size = nothing.size;
  ASSERT_TRUE(play());
  EXPECT_EQ(stage(), GameStage::stuck);
  EXPECT_EQ(Match(services).note(order).value()->text, "an input of another length");
}

TEST_F(MatchTest, remembers_a_lie_that_it_cannot_dispute_until_it_can) {
  false_claim();
  ASSERT_TRUE(play());
  disputes.poor = true;
  const auto refused = play();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(is_too_poor(refused.error()));
  ASSERT_TRUE(Match(services).set_trouble(order, "12 more are needed"));
  EXPECT_EQ(Match(services).note(order).value()->trouble, "12 more are needed");
  EXPECT_EQ(stage(), GameStage::found) << "with its proof";
  order.phase = Phase::settled;
  EXPECT_EQ(Match(services).note(order).value()->trouble, "12 more are needed") << "after its end too";
  order.phase = Phase::standing;
  disputes.poor = false;
  ASSERT_TRUE(play());
  EXPECT_EQ(disputes.commitments.size(), 1U);
  ASSERT_TRUE(Match(services).set_trouble(order, {}));
  EXPECT_EQ(Match(services).note(order).value()->trouble, "");
}

/// A wrong result of which nobody shows anything.
void MatchTest::claim_without_a_trace() {
  publish(truth.inputs[0], base::Cid::of(base::as_bytes("another file")));
  const auto parcel = work::Parcel{{}, {truth.inputs[0].bytes}}.encode();
  order.rounds.back().published.back().locator = Locator{"http://peer:1", shelf.put(parcel).value().cid}.text();
  claim(base::keccak256(base::as_bytes("another result")), base::keccak256(base::as_bytes("another trace")));
}

TEST_F(MatchTest, remembers_a_lie_before_it_has_a_proof) {
  claim_without_a_trace();
  EXPECT_EQ(play().error().code, Code::network) << "nobody shows it yet";
  ASSERT_EQ(stage(), GameStage::differs);
  clock.advance(200'000);
  EXPECT_TRUE(play()) << "too late for a demand";
  EXPECT_EQ(stage(), GameStage::differs);
}

TEST_F(MatchTest, gives_up_a_search_that_fails_by_its_own_fault_and_says_so) {
  claim_without_a_trace();
  auto& demand = order.dispute.demands[kSelf];
  demand.answers.push_back({{trust::optimistic::ClaimTree::trace, trust::optimistic::DemandKind::summit, 0, 0, 0}, 9, {}, 0});
  demand.deadline = kDeadline;
  Match match(services);
  for (int tries = 0; tries < 10; ++tries) {
    if (match.play(order, "", 5, {}, {})) break;
    EXPECT_EQ(stage(), GameStage::differs);
  }
  ASSERT_EQ(stage(), GameStage::stuck);
  EXPECT_NE(match.note(order).value()->text.find("a fault of this program: cannot be"), std::string::npos);
  const auto read = disputes.read;
  EXPECT_EQ(read, 3);
  EXPECT_TRUE(match.play(order, "", 5, {}, {}));
  EXPECT_EQ(disputes.read, read) << "for good";
}

TEST(GameNote, says_what_it_said_and_reads_those_of_versions_without_trouble) {
  GameNote note;
  note.stage = GameStage::differs;
  note.trouble = "money";
  const auto text = note.to_json();
  EXPECT_EQ(GameNote::from_json(text).value().to_json(), text);
  auto old = text;
  const std::string field = R"(,"trouble":"money")";
  const auto at = old.find(field);
  ASSERT_NE(at, std::string::npos) << old;
  old.erase(at, field.size());
  EXPECT_EQ(GameNote::from_json(old).value().trouble, "");
  auto unknown = text;
  unknown.replace(unknown.find(R"("stage":4)"), 9, R"("stage":5)");
  EXPECT_FALSE(GameNote::from_json(unknown));
}

TEST(Match, knows_a_refusal_that_says_that_another_was_first) {
  EXPECT_TRUE(another_was_first({Code::ledger, "condemn: eth_estimateGas: [rpc] reverted: WrongPhase(orderId: 3)"}));
  EXPECT_FALSE(another_was_first({Code::ledger, "demandTrace: reverted: InsufficientBalance(account: 1)"}));
  EXPECT_FALSE(another_was_first({Code::network, "WrongPhase"}));
}

}  // namespace
}  // namespace koinon::market
