#pragma once
#include "work/federated/update.hpp"

namespace koinon::work::federated {

/// How accepted updates become one. Every node gets the same bits: sums run in the order of the updates or of sorted values, in
/// float32 or double without fused operations, and -0 counts as 0.
enum class Combine : std::uint8_t {
  mean = 1,     ///< right when nobody lies
  median = 2,   ///< of each value (Yin et al., "Byzantine-robust distributed learning", ICML 2018)
  trimmed = 3,  ///< the mean of each value without the largest and smallest share (the same paper)
};

/// Square root of the sum of squares, added in order in double.
double norm(std::span<const float> update);

/// Scales each update whose norm is above `limit` down to it; 0: the median of their norms, so that no update counts for more
/// than the middle one. Returns the limit.
double clip_norms(std::vector<Values>& updates, double limit);

/// One update of many. `trim`: share cut off at each end of the sorted values, below 0.5. Errors: invalid_argument (none, or of
/// different sizes).
base::Result<Values> combine(const std::vector<Values>& updates, Combine how, double trim = 0.25);

/// to += factor * update, each value rounded once to float32. Precondition: the same sizes.
void add(Values& to, std::span<const float> update, double factor);

}  // namespace koinon::work::federated
