#pragma once
#include "market/actor/duties.hpp"
#include "market/actor/notes.hpp"

namespace koinon::market {

/// The provider's side of orders: fetch, run, commit, reveal, answer. Stateless but for its notes, so that a restart at any
/// moment goes on where it was. Methods are virtual so that tests can build providers that cheat.
class Seller {
 public:
  explicit Seller(const Services& services) : s_(services) {}
  virtual ~Seller() = default;
  Seller(const Seller&) = delete;
  Seller& operator=(const Seller&) = delete;

  /// Runs the order's work and commits. When a note exists the work is not done again. Errors: those of the kind, of the
  /// ledger; network when the input cannot be fetched (the caller tries again, then demands it on the ledger).
  virtual Status work(const OrderView& order, std::stop_token stop);
  /// Opens the claim of the note.
  virtual Status reveal(const OrderView& order);
  /// Answers a demand for one of our outputs.
  virtual Status answer_output(const OrderView& order);
  /// Appeals when our own claim was rejected and we did the work. Errors: those of the ledger.
  virtual Status appeal_own(const OrderView& order);
  /// Demands the first part of the envelope that is not on the ledger yet: what is left when nobody serves it.
  Status demand(const OrderView& order);
  /// The input of an order that we once were given, to pass on to an auditor or a jury.
  Result<work::Parcel> known_input(const OrderView& order);

 protected:
  /// The input as published for the current round. Errors: network; rejected when it is not what the order binds.
  Result<work::Parcel> fetch_input(const OrderView& order, std::stop_token stop);
  /// Runs the kind. Overridden by providers that cheat.
  virtual Result<work::Outcome> run(const OrderView& order, const work::Parcel& input, std::stop_token stop);

  const Services& s_;

 private:
  Result<base::Bytes> fetch_envelope(const OrderView& order, const Publication& publication, std::stop_token stop);
  Result<work::Parcel> open_parcel(base::ByteView envelope, const OrderView& order);
  Result<base::Bytes> artifact_of(const OrderView& order, std::stop_token stop);
  Result<JobNote> claim_of(const OrderView& order, std::stop_token stop);
  bool last_moment(const OrderView& order);
  Result<JobNote> settle_claim(const OrderView& order, const work::Outcome& outcome);
  Result<std::optional<JobNote>> note(const OrderView& order);
};

}  // namespace koinon::market
