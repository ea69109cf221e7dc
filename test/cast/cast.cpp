#include "test/cast/cast.hpp"

#include <thread>

#include "base/hash.hpp"
#include "engine/program/inner.hpp"
#include "market/actor/sealing.hpp"
#include "work/parcel.hpp"

namespace koinon::test::cast {

using base::Bytes;
using base::Result;
using base::Status;

Result<base::ArtifactRef> HidingStore::put(base::ByteView bytes) {
  if (!hiding_()) return shown_.put(bytes);
  const base::ArtifactRef ref{base::Cid::of(bytes), bytes.size()};
  const std::lock_guard lock(mutex_);
  hidden_[ref.cid] = Bytes(bytes.begin(), bytes.end());
  return ref;
}

Result<Bytes> HidingStore::get(const base::Cid& cid) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto at = hidden_.find(cid); at != hidden_.end()) return at->second;
  }
  return shown_.get(cid);
}

bool HidingStore::has(const base::Cid& cid) {
  {
    const std::lock_guard lock(mutex_);
    if (hidden_.contains(cid)) return true;
  }
  return shown_.has(cid);
}

ActingSeller::ActingSeller(const market::Services& services, std::shared_ptr<Conduct> conduct)
    : Cover(services,
            [conduct] {
              const auto mood = conduct->seller.load();
              return mood == Mood::withholds || mood == Mood::keeps;
            }),
      Seller(Cover::own),
      conduct_(std::move(conduct)) {}

Status ActingSeller::work(const market::OrderView& order, std::stop_token stop) {
  while (conduct_->hold && !stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  if (conduct_->seller == Mood::mute) return {};
  return Seller::work(order, stop);
}

Status ActingSeller::reveal(const market::OrderView& order) {
  if (conduct_->seller == Mood::forgets) return {};
  return Seller::reveal(order);
}

Status ActingSeller::answer_output(const market::OrderView& order) {
  if (conduct_->seller == Mood::keeps) return {};
  return Seller::answer_output(order);
}

Status ActingSeller::appeal_own(const market::OrderView& order) {
  if (conduct_->seller != Mood::honest) return {};
  return Seller::appeal_own(order);
}

Result<work::Outcome> ActingSeller::run(const market::OrderView& order, const work::Parcel& input, std::stop_token stop) {
  while (conduct_->busy && !stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto mood = conduct_->seller.load();
  if (mood == Mood::copies) {
    for (const auto& seat : order.seats)
      if (seat.revealed)
        return work::Outcome{
            {}, {seat.claim.output_root, seat.claim.trace_root, base::keccak256(base::as_bytes("copied"))}, {}};
  }
  if (mood == Mood::slanders) return work::Outcome{{}, trust::bad_input_roots(), {}};
  auto ran = Seller::run(order, input, stop);
  if (!ran && ran.error().code == base::Code::rejected && mood == Mood::swallows) {
    const std::vector<Bytes> made_up = {Bytes(32, 7)};
    return work::Outcome{made_up,
                         {work::outputs_root(made_up), base::keccak256(base::as_bytes("no such trace")),
                          base::keccak256(base::as_bytes("no such witness"))},
                         {}};
  }
  KOINON_TRY(auto outcome, std::move(ran));
  const bool errs = mood == Mood::errs || mood == Mood::hides || mood == Mood::teases;
  if (errs && market::is_public(order.terms)) {
    KOINON_TRY(const auto wrong, wrong_run(order, input));
    const auto claim = wrong.claim();
    for (std::size_t i = 0; i < outcome.outputs.size(); ++i)
      outcome.outputs[i] = wrong.values[wrong.program.outputs[i].ref.index()].bytes;
    outcome.roots = {claim.outputs, claim.trace, base::keccak256(base::as_bytes("no such witness"))};
  }
  if (mood == Mood::slips) {
    constexpr std::size_t kNumber = 4;
    auto& first = outcome.outputs.at(0);
    first.at(first.size() / kNumber / 2 * kNumber) ^= 1;
    outcome.roots.output = work::outputs_root(outcome.outputs);
  }
  if (mood == Mood::lies) {
    for (auto& output : outcome.outputs)
      for (auto& byte : output) byte ^= 1;
    outcome.roots = {work::outputs_root(outcome.outputs), base::keccak256(base::as_bytes("no such trace")),
                     base::keccak256(base::as_bytes("no such witness"))};
  }
  return outcome;
}

namespace {

/// Shows every part of a wrong run.
class WrongTrace : public market::TraceSource {
 public:
  explicit WrongTrace(trust::optimistic::Provider run) : run_(std::move(run)), server_(run_.server()) {}
  Result<trust::optimistic::Answer> answer(const trust::optimistic::Demand& place) override {
    const std::lock_guard lock(mutex_);
    return server_.answer(place);
  }

 private:
  const trust::optimistic::Provider run_;
  std::mutex mutex_;
  trust::optimistic::TraceServer server_;  ///< guarded by mutex_
};

/// Shows the lists and nodes of a wrong run, on demand.
class TeasingTrace final : public WrongTrace {
 public:
  using WrongTrace::WrongTrace;
  /// Who asks its node may be kept waiting, so that `stop` can be asked for: it gets nothing.
  std::vector<Result<trust::optimistic::Answer>> answers(std::span<const trust::optimistic::Demand> places,
                                                         std::stop_token stop) override {
    std::vector<Result<trust::optimistic::Answer>> out;
    for (const auto& place : places) {
      const bool shown = !stop.stop_possible() && place.kind != trust::optimistic::DemandKind::leaf;
      out.push_back(shown ? answer(place) : Result<trust::optimistic::Answer>(base::fail(base::Code::not_found, "not shown")));
    }
    return out;
  }
};

}  // namespace

/// The run of an order with one element deep inside changed, and one of its result where that is another value.
Result<trust::optimistic::Provider> ActingSeller::wrong_run(const market::OrderView& order, const work::Parcel& input) {
  KOINON_TRY(const auto* kind, s_.kinds->find(order.terms.kind));
  KOINON_TRY(auto artifact, s_.artifacts->get(base::Cid{order.terms.spec_digest}));
  KOINON_TRY(const auto job, kind->disputable({order.terms.spec, std::move(artifact), input.parts}));
  auto out = trust::optimistic::honest(*job->program, job->inputs);
  const auto made = out.values.size() - out.inputs.size();
  if (made == 0) return out;  // nothing to err in
  const auto asked = conduct_->wrong_value.load();
  auto wrong = out.inputs.size() + (asked < made ? asked : order.id % made);
  const auto inner = engine::program::inner_values(out.program);
  while (inner[wrong]) ++wrong;  // nothing is claimed about it; what reads it comes later
  auto& deep = out.values[wrong].bytes;
  deep[deep.size() / 2] ^= 1;
  const auto result = out.program.outputs.front().ref.index();
  if (result != wrong) out.values[result].bytes.front() ^= 1;
  return out;
}

Result<std::shared_ptr<market::TraceSource>> ActingSeller::trace(const market::OrderView& order) {
  const auto mood = conduct_->seller.load();
  if (mood == Mood::hides) return base::fail(base::Code::not_found, "nothing to show");
  if (mood != Mood::errs && mood != Mood::teases) return Seller::trace(order);
  KOINON_TRY(const auto input, known_input(order));
  KOINON_TRY(auto run, wrong_run(order, input));
  if (mood == Mood::teases) return std::shared_ptr<market::TraceSource>(std::make_shared<TeasingTrace>(std::move(run)));
  return std::shared_ptr<market::TraceSource>(std::make_shared<WrongTrace>(std::move(run)));
}

ActingBuyer::ActingBuyer(const market::Services& services, std::shared_ptr<Conduct> conduct)
    : Cover(services,
            [conduct] {
              const auto mood = conduct->buyer.load();
              return mood == BuyerMood::hides || mood == BuyerMood::keeps;
            }),
      Buyer(Cover::own),
      conduct_(std::move(conduct)) {}

Status ActingBuyer::publish(const market::OrderView& order) {
  if (conduct_->buyer == BuyerMood::mute) return {};
  own.endpoint = original.endpoint;  // known only once the node serves
  if (conduct_->buyer == BuyerMood::misleads && order.rounds[order.round()].role != trust::Role::quorum)
    return market::publish_parcel(own, order, work::Parcel{{}, {Bytes(10, 1)}});
  return Buyer::publish(order);
}

Status ActingBuyer::judge(const market::OrderView& order, const market::Parties& parties, std::stop_token stop) {
  if (conduct_->buyer == BuyerMood::absent) return {};
  return Buyer::judge(order, parties, std::move(stop));
}

Status ActingBuyer::answer_input(const market::OrderView& order) {
  if (conduct_->buyer == BuyerMood::keeps) return {};
  return Buyer::answer_input(order);
}

}  // namespace koinon::test::cast
