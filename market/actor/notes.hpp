#pragma once
#include <optional>

#include "market/actor/ports.hpp"
#include "work/parcel.hpp"

namespace koinon::market {

/// What a provider must not lose between commit and settlement: without the salt a commitment cannot be revealed.
struct JobNote {
  trust::Claim claim;
  Hash witness;
  Hash result_digest;
  std::uint64_t result_size = 0;
  Hash salt;
  base::ArtifactRef roots = {};  ///< of all values, 32 bytes each, of an optimistic order; size 0: not kept

  [[nodiscard]] std::string to_json() const;
  static Result<JobNote> from_json(std::string_view text);
};

/// What a buyer must not lose from before the order is placed until its receipt is issued.
struct PurchaseNote {
  Terms terms;
  base::ArtifactRef input;  ///< the parcel, sealed to our own key
  std::string model;        ///< name for people
  bool has_expected = false;
  trust::Roots expected;  ///< of our own run, for orders that we can check ourselves

  [[nodiscard]] std::string to_json() const;
  static Result<PurchaseNote> from_json(std::string_view text);
};

/// Binds the placing transaction and the round: after a reorganisation another order may have the number of this one.
std::string job_key(const OrderView& order, std::uint8_t round);
std::string purchase_key(std::uint64_t nonce);
std::string result_key(std::uint64_t order);

/// "http://host:port/artifacts/CID": where an envelope is fetched.
struct Locator {
  std::string base;
  base::Cid cid;
  [[nodiscard]] std::string text() const { return base + "/artifacts/" + cid.text(); }
  /// Errors: malformed.
  static Result<Locator> parse(std::string_view text);
};

}  // namespace koinon::market
