#pragma once
#include "market/actor/ports.hpp"

namespace koinon::market {

/// The first bytes that nobody has brought to the ledger yet.
struct Gap {
  std::uint32_t tensor = 0;  ///< outputs only
  std::uint32_t subtree = 0;
  friend bool operator==(const Gap&, const Gap&) = default;
};

/// An envelope put together from what answers to demands posted, in whatever round: its root says whose part each is.
struct PostedEnvelope {
  base::Bytes bytes;  ///< whole and checked against its root when nothing is missing
  std::optional<Gap> missing;
};
/// Errors: those of MarketLedger; rejected when the whole does not hash to the published root.
Result<PostedEnvelope> posted_envelope(MarketLedger& ledger, const OrderView& order, const Publication& publication);

/// A member's outputs put together from what it posted.
struct PostedOutputs {
  std::vector<base::Bytes> parts;  ///< whole and checked against the claim when nothing is missing
  std::optional<Gap> missing;
};
/// Errors: those of MarketLedger; rejected when the whole does not hash to the claimed output root.
Result<PostedOutputs> posted_outputs(MarketLedger& ledger, const OrderView& order, const Seat& seat);

}  // namespace koinon::market
