#pragma once
#include "trust/private/models/aggregate.hpp"

namespace koinon::work {

/// What parties, aggregator and owner of an encrypted sum agree on: how many numbers an update has, how many parties there are
/// at most, and how large a number is at most. Numbers travel as integers of one unit, the finest for which every sum is exact.
struct SumPlan {
  trust::fhe::AggregatePlan plan;
  double largest = 1;  ///< of a number's magnitude

  /// Errors: invalid_argument (a largest number that is none, or not positive), those of plan_aggregate.
  static base::Result<SumPlan> make(std::size_t length, std::size_t parties, double largest);
  [[nodiscard]] double unit() const { return largest / static_cast<double>(plan.bound); }

  /// An update's integers. Errors: invalid_argument (length), out_of_range beyond `largest`, naming the place.
  [[nodiscard]] base::Result<std::vector<std::int64_t>> integers(std::span<const double> update) const;
  /// Real values of sums.
  [[nodiscard]] std::vector<double> reals(std::span<const std::int64_t> sums) const;

  /// Canonical bytes: "KNSU", u16 version (1), u32 length, u32 parties, u64 bits of `largest` as IEEE 754.
  [[nodiscard]] base::Bytes encode() const;
  /// Errors: malformed, unsupported (another version).
  static base::Result<SumPlan> decode(base::ByteView bytes);
  friend bool operator==(const SumPlan&, const SumPlan&) = default;
};

/// Ciphertexts of an update or a sum, with how many updates they hold: "KNSC", u16 version (1), u32 updates, blob of the
/// ciphertexts.
struct SumCiphers {
  std::uint32_t updates = 1;
  base::Bytes ciphers;

  [[nodiscard]] base::Bytes encode() const;
  /// Errors: malformed, unsupported.
  static base::Result<SumCiphers> decode(base::ByteView bytes);
};

}  // namespace koinon::work
