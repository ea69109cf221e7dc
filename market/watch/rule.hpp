#pragma once
#include "market/book/book.hpp"

namespace koinon::market {

/// Which claims of others a watcher runs again, by what is at risk: all whose highest price is `full_price` or more, of the
/// others each with the probability price / full_price. So what a liar may hope to gain on unchecked orders is bounded by
/// full_price, however many small ones it takes.
struct WatchRule {
  Wei full_price;  ///< wei; zero: every claim

  /// Whether the lot of an order says that it is checked. `secret` is the watcher's own, so that nobody knows beforehand which.
  /// Pure.
  [[nodiscard]] bool takes(const OrderView& order, const trust::OrderContext& context, const Hash& secret) const;
};

}  // namespace koinon::market
