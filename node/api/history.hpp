#pragma once
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "market/book/book.hpp"

namespace koinon::node::api {

/// What happened in a market over time, in steps of equal length: orders by the time they were placed, money by the time the
/// order was settled or refunded. Wei are exact.
class History {
 public:
  /// Of [from_ms, to_ms), in `points` steps. Precondition: from_ms < to_ms, points >= 1. `account`: whose earnings and spending
  /// are told; 0 for nobody's.
  History(std::int64_t from_ms, std::int64_t to_ms, std::size_t points, std::uint32_t account);

  /// Orders outside of the span count for nothing.
  void add(const market::OrderView& order);
  /// History of the document.
  [[nodiscard]] nlohmann::json told() const;

 private:
  struct Point {
    std::uint64_t orders = 0, settled = 0, refunded = 0;
    base::Wei paid, slashed, burned, earned, lost, spent;
  };
  [[nodiscard]] Point* at(std::int64_t time_ms);

  std::int64_t from_, step_;
  std::uint32_t account_;
  std::vector<Point> points_;
};

/// What the orders of one program that were checked in one way came to: how long they took and what they cost the buyer.
class CheckRecord {
 public:
  void add(const market::OrderView& order);
  /// CheckRecord of the document, without its check.
  [[nodiscard]] nlohmann::json told() const;
  /// Final orders taken in.
  [[nodiscard]] std::size_t size() const { return settled_ + refunded_; }

 private:
  std::size_t settled_ = 0, refunded_ = 0, disputed_ = 0;
  base::Wei cost_;                   ///< of the settled
  std::vector<std::int64_t> times_;  ///< ms, of the settled
};

/// What the buyer of a final order is without at its end: escrow and bond, less what came back.
base::Wei spent_on(const market::OrderView& order);

}  // namespace koinon::node::api
