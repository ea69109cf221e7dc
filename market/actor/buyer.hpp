#pragma once
#include "market/actor/notes.hpp"
#include "market/actor/seller.hpp"
#include "market/receipt/receipt.hpp"

namespace koinon::market {

/// What a buyer asks for, before the market's own fields are filled in.
struct Purchase {
  std::uint8_t kind = 0;
  std::uint8_t check = 0;
  std::uint8_t privacy = 0;
  std::uint8_t n = 3;
  std::uint8_t k = 2;
  Wei max_price;                      ///< of one member
  std::uint16_t audit_bps = 900;      ///< probability of an audit in 1/10000 (docs/economics.md)
  std::uint32_t commit_window = 120;  ///< seconds to run and commit
  Hash spec;
  base::ArtifactRef artifact;
  std::string model;                ///< name for people
  std::vector<base::Bytes> inputs;  ///< canonical parts
  /// Of the order, when the caller chose it: placing twice with one nonce orders once, whatever crashed in between.
  std::optional<std::uint64_t> nonce{};
  /// Of an order that asks for a proof: what it must be about (ProofLedger::subject).
  Hash subject;
  /// Of our own run: makes the order a trap for whoever is lazy or lies. Of an optimistic order: a claim of the same is
  /// confirmed at once.
  std::optional<trust::Roots> expected;
};

/// The buyer's side of orders: place, publish the input, fetch and judge the results, issue the receipt. Stateless but for its
/// notes.
class Buyer {
 public:
  explicit Buyer(const Services& services) : s_(services) {}
  virtual ~Buyer() = default;
  Buyer(const Buyer&) = delete;
  Buyer& operator=(const Buyer&) = delete;

  /// Notes the purchase, then places it. A crash in between leaves the note. Errors: invalid_argument, out_of_range (a price
  /// below the lowest, more bytes than providers take), those of the ledger (InsufficientBalance: deposit first).
  virtual Result<std::uint64_t> place(const Purchase& purchase);
  /// Encrypts the input to the members of the current round, serves it and publishes its root.
  virtual Status publish(const OrderView& order);
  /// Fetches results; then confirms, demands or appeals. An audited order that our own run does not confirm stands to its
  /// deadline, so that its members can compare tags. Safe to repeat.
  virtual Status judge(const OrderView& order, const Parties& parties, std::stop_token stop);
  /// Answers a demand for the envelope on the ledger.
  virtual Status answer_input(const OrderView& order);
  /// Issues the receipt of a settled order. Errors: not_found when no result was fetched.
  Result<Receipt> conclude(const OrderView& order, const Parties& parties);
  /// The outputs of an order, when its results were fetched.
  Result<work::Delivery> result(const OrderView& order);
  /// Our own note of an order, or nothing when it is not ours.
  Result<std::optional<PurchaseNote>> purchase(const OrderView& order);
  /// Every artifact that was made for an order, ours and others': envelopes, results, our sealed input.
  std::vector<base::Cid> artifacts(const OrderView& order);
  /// The input of our order.
  Result<work::Parcel> input(const OrderView& order);

 protected:
  const Services& s_;

 private:
  Status take_delivery(const OrderView& order, const Parties& parties, std::stop_token stop);
  Status judge_proof(const OrderView& order, const Parties& parties, std::stop_token stop);
  Status judge_public(const OrderView& order, const PurchaseNote& note, const Parties& parties, std::stop_token stop);
  Status fetch_results(const OrderView& order, const Parties& parties, std::stop_token stop);
  Result<work::Delivery> fetch_result(const Seat& seat, const Parties& parties, std::stop_token stop);
  Status take_from_ledger(const OrderView& order);
  bool exposes_a_cheat(const OrderView& order, const PurchaseNote& note) const;
  bool slandered(const OrderView& order, const PurchaseNote& note, std::stop_token stop);
};

/// Publishes `parcel` to the members of the current round; used by the buyer, and by members for audits and juries.
Status publish_parcel(const Services& services, const OrderView& order, const work::Parcel& parcel);

}  // namespace koinon::market
