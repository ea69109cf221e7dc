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
  Result<std::shared_ptr<const work::Disputable>> disputable(const work::Job& job) const override {
    auto out = std::make_shared<work::Disputable>(work::Disputable{program_, inputs_});
    for (std::size_t i = 0; i < inputs_.size(); ++i) out->inputs[i].bytes = job.inputs.at(i);
    return std::shared_ptr<const work::Disputable>(std::move(out));
  }

 private:
  std::shared_ptr<const engine::program::Program> program_;
  std::vector<IntTensor> inputs_;
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
  Status play() { return Match(services).play(order, "", 5, {}, {}); }
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
  auto outside = truth.inputs;
  outside[0].set(3, 501);
  publish(outside[0], base::Cid::of(base::as_bytes("another file")));
  const auto parcel = work::Parcel{{}, {outside[0].bytes}}.encode();
  order.rounds.back().published.back().locator = Locator{"http://peer:1", shelf.put(parcel).value().cid}.text();
  const auto own = KeptRun::until_refused(truth.program, outside, {}).value();
  claim(own.output_root(), own.trace_root());
  ASSERT_TRUE(play());
  EXPECT_EQ(stage(), GameStage::found);
}

}  // namespace
}  // namespace koinon::market
