#include <algorithm>

#include "engine/program/steps/rule.hpp"

namespace koinon::engine::program::steps {

std::pair<Wide, Wide> row_reach(const Constant* weights, std::int64_t first, std::int64_t count, const Range& x,
                                const Range& w) {
  if (weights == nullptr) {
    const auto [low, high] = product(x, w);
    return {low * count, high * count};
  }
  return tensor::with_dtype(weights->info.dtype, [&](auto t) -> std::pair<Wide, Wide> {
    Wide positive = 0, negative = 0;
    for (std::int64_t i = first; i < first + count; ++i) {
      std::memcpy(&t, weights->data.data() + static_cast<std::size_t>(i) * sizeof t, sizeof t);
      (t < 0 ? negative : positive) += t;
    }
    return {positive * x.low + negative * x.high, positive * x.high + negative * x.low};
  });
}

Range bias_range(const Step& step, const Known& known, std::int64_t channel) {
  if (step.operands.size() < 3) return Range{0, 0};
  if (known.constants[2] == nullptr || channel < 0) return known.ranges[2];
  const std::int64_t value = constant_at(*known.constants[2], channel);
  return Range{value, value};
}

void widen(Reach& reach, const Range& range, std::int64_t channel) {
  const auto size = [](const Range& r) { return std::max(-r.low, r.high); };
  if (reach.range.low > reach.range.high) {
    reach = {range, channel};
    return;
  }
  if (size(range) > size(reach.range)) reach.channel = channel;
  reach.range = Range{std::min(reach.range.low, range.low), std::max(reach.range.high, range.high)};
}

}  // namespace koinon::engine::program::steps
