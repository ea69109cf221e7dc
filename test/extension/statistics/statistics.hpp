#pragma once
#include "test/extension/statistics/recipe.hpp"
#include "work/kind.hpp"

namespace koinon::test::extension {

/// Statistics of private samples: a second kind of work. The artifact is a Recipe, the spec its keccak256, the one input the
/// samples (decode_samples). It runs in stages, each of which the trace binds after the input:
///
///   0 order      i16 LE each: the samples, sorted
///   1 moments    i64 LE each: count, minimum, maximum, sum, sum of squares, floor of the mean, floor of the variance
///   2 histogram  u32 LE each: samples below low, in each bin, and from high on
///   3 quantiles  i16 LE each: by nearest rank
///
/// The outputs are the stages 1, 2 and 3. All integers: |x| <= 2^15 and n <= 2^16, so |sum| <= 2^31, the sum of squares is at
/// most 2^46, and n * squares - sum^2, the variance before its division by n^2, lies in [0, 2^62].
class Statistics final : public work::Kind {
 public:
  /// The first of the codes that work::KindCode leaves to extensions.
  static constexpr std::uint8_t kCode = 8;

  [[nodiscard]] std::uint8_t code() const override { return kCode; }
  [[nodiscard]] std::string_view name() const override { return "statistics"; }
  /// Errors: rejected (the artifact is no recipe or not the one ordered, or the input is not samples), cancelled.
  [[nodiscard]] base::Result<work::Outcome> run(const work::Job& job, const work::Means& means) const override;
};

}  // namespace koinon::test::extension
