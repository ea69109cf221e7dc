#pragma once
#include <atomic>
#include <map>
#include <mutex>

#include "market/actor/buyer.hpp"
#include "market/actor/seller.hpp"
#include "trust/optimistic/liar.hpp"

// Members of the network that can be told to misbehave.
namespace koinon::test::cast {

/// What a provider does.
enum class Mood {
  honest,
  lies,       ///< claims a result that it made up; all who lie make up the same
  slips,      ///< right but for one number in the middle of the first output, with the trace and witness of the right run
  copies,     ///< does not run: claims what others revealed, with a tag that it made up
  mute,       ///< never commits
  forgets,    ///< commits, never reveals
  withholds,  ///< right in everything, but serves no result; answers when it is demanded on the ledger
  keeps,      ///< as withholds, and answers no demand either
  slanders,   ///< gets the input and claims that it is bad
  stammers,   ///< commits and reveals what it did, but claims the wrong witness
  errs,    ///< where its claim stands alone, claims a run with a wrong element deep inside and another result, and shows all of
           ///< it
  hides,   ///< as errs, and shows nothing of its trace
  teases,  ///< as errs, and shows its trace on demand only, and there all but the bytes of values
  swallows,  ///< takes any input: where the program refuses it, claims a result that it made up
};

/// What a buyer does.
enum class BuyerMood {
  honest,
  mute,      ///< never publishes the input
  hides,     ///< publishes, but serves nothing; answers when it is demanded on the ledger
  keeps,     ///< as hides, and answers no demand either
  misleads,  ///< publishes something else than the input to audits and juries
  absent,    ///< looks at no claim once the input is published
};

/// How a member behaves now; set by the test, read by the member's threads.
struct Conduct {
  std::atomic<Mood> seller = Mood::honest;
  std::atomic<BuyerMood> buyer = BuyerMood::honest;
  std::atomic<bool> hold = false;  ///< work waits while it is set, so that a test can set the scene
  std::atomic<bool> busy = false;  ///< a run goes on while it is set, and holds its slot
  /// Of who errs: the first wrong value, beside the program's inputs; in the order with this number modulo their number when it
  /// is larger.
  std::atomic<std::size_t> wrong_value = SIZE_MAX;
};

/// Keeps what is put in while `hiding` away from the store that the node serves.
class HidingStore final : public base::ArtifactStore {
 public:
  HidingStore(base::ArtifactStore& shown, std::function<bool()> hiding) : shown_(shown), hiding_(std::move(hiding)) {}
  base::Result<base::ArtifactRef> put(base::ByteView bytes) override;
  base::Result<base::Bytes> get(const base::Cid& cid) override;
  bool has(const base::Cid& cid) override;

 private:
  base::ArtifactStore& shown_;
  std::function<bool()> hiding_;
  std::mutex mutex_;
  std::map<base::Cid, base::Bytes> hidden_;  ///< guarded by mutex_
};

/// The services of a member, with the store exchanged. A base class, so that it is there before the actor that uses it.
struct Cover {
  Cover(const market::Services& services, std::function<bool()> hiding)
      : original(services), store(*services.artifacts, std::move(hiding)), own(services) {
    own.artifacts = &store;
  }
  const market::Services& original;
  HidingStore store;
  market::Services own;
};

class ActingSeller final : private Cover, public market::Seller {
 public:
  ActingSeller(const market::Services& services, std::shared_ptr<Conduct> conduct);
  base::Status work(const market::OrderView& order, std::stop_token stop) override;
  base::Status reveal(const market::OrderView& order) override;
  base::Status answer_output(const market::OrderView& order) override;
  base::Status appeal_own(const market::OrderView& order) override;

 protected:
  base::Result<work::Outcome> run(const market::OrderView& order, const work::Parcel& input, std::stop_token stop) override;
  base::Result<std::shared_ptr<market::TraceSource>> trace(const market::OrderView& order) override;

 private:
  base::Result<trust::optimistic::Provider> wrong_run(const market::OrderView& order, const work::Parcel& input);

  std::shared_ptr<Conduct> conduct_;  ///< shared with the test
};

class ActingBuyer final : private Cover, public market::Buyer {
 public:
  ActingBuyer(const market::Services& services, std::shared_ptr<Conduct> conduct);
  base::Status publish(const market::OrderView& order) override;
  base::Status answer_input(const market::OrderView& order) override;
  base::Status judge(const market::OrderView& order, const market::Parties& parties, std::stop_token stop) override;

 private:
  std::shared_ptr<Conduct> conduct_;  ///< shared with the test
};

}  // namespace koinon::test::cast
