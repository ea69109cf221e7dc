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
    // Blocks whose sums fit a narrow integer, so that the compiler can add many at once.
    using T = decltype(t);
    using Sum = std::conditional_t<sizeof(T) <= 2, std::int32_t, std::conditional_t<sizeof(T) == 4, std::int64_t, Wide>>;
    constexpr std::int64_t kBlock = 1 << 15;
    Wide positive = 0, all = 0;
    for (std::int64_t i = first; i < first + count; i += kBlock) {
      const std::int64_t n = std::min(kBlock, first + count - i);
      const auto* from = weights->data.data() + static_cast<std::size_t>(i) * sizeof t;
      Sum block = 0, above = 0;
      for (std::int64_t j = 0; j < n; ++j) {
        std::memcpy(&t, from + static_cast<std::size_t>(j) * sizeof t, sizeof t);
        block += t;
        above += std::max<T>(t, 0);
      }
      all += block;
      positive += above;
    }
    const Wide negative = all - positive;
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
