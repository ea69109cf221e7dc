// reduce and prefix_sum: the twin of contracts/src/dispute/Folds.sol.
#include <algorithm>

#include "trust/optimistic/element_reader.hpp"

namespace koinon::trust::optimistic {
namespace {

constexpr std::int64_t kSum = 1, kMax = 2;

/// Element `number` of a window.
Index element_at(const Window& window, Index number, Index& rest) {
  auto index = window.first;
  for (auto a = window.count.size(); a > 0; --a) {
    index += number % window.count[a - 1] * window.step[a - 1];
    number /= window.count[a - 1];
  }
  rest = number;
  return index;
}

}  // namespace

Result<Window> window_of(const Step& step, Index index) {
  const auto &x = step.operand_infos[0].shape, &y = step.outputs[0].shape;
  const auto rank = x.size();
  Window out{0, std::vector<Index>(rank), std::vector<Index>(rank)};
  Index stride = 1;
  for (auto a = rank; a > 0; --a) {
    const auto dilation = step.params[2 * rank + a];
    auto place = static_cast<std::int64_t>(index % size_at(y, a - 1)) * step.params[rank + a] - step.params[3 * rank + a];
    auto many = step.params[a];
    index /= size_at(y, a - 1);
    if (place < 0) {
      const auto skipped = (dilation - 1 - place) / dilation;
      place += skipped * dilation;
      many -= skipped;
    }
    many = std::min(many, (x[a - 1] - place + dilation - 1) / dilation);
    if (many < 1) return fail(Code::out_of_range, "[element] an empty window");
    out.first += static_cast<Index>(place) * stride;
    out.count[a - 1] = static_cast<Index>(many);
    out.step[a - 1] = static_cast<Index>(dilation) * stride;
    stride *= size_at(x, a - 1);
  }
  return out;
}

Result<Wide> reduce_value(const Around& at) {
  const auto op = at.step.params[0];
  KOINON_TRY(const auto window, window_of(at.step, at.element.index));
  Index all = 1, rest = 0;
  for (const auto count : window.count) all *= count;
  Wide best = 0;
  for (Index i = 0; i < all; ++i) {
    KOINON_TRY(const auto x, at.operand(0, element_at(window, i, rest)));
    best = op == kSum ? best + x : i == 0 ? x : op == kMax ? std::max(best, x) : std::min(best, x);
  }
  return best;
}

Result<bool> reduce_beaten(const Around& at, Wide claimed) {
  KOINON_TRY(const auto window, window_of(at.step, at.element.index));
  Index rest = 0;
  const auto index = element_at(window, at.element.hints[0], rest);
  if (rest != 0 || at.step.params[0] == kSum)
    return fail(Code::out_of_range, "[element] hint {} is no element of the window", at.element.hints[0]);
  KOINON_TRY(const auto x, at.get(0, index));
  return at.step.params[0] == kMax ? x > claimed : x < claimed;
}

Result<Wide> prefix_sum_value(const Around& at) {
  const auto axis = static_cast<std::size_t>(at.step.params[0]);
  const auto inner = inner_of(at.shape(0), axis), index = at.element.index;
  KOINON_TRY(auto sum, at.get(0, index));
  if (index / inner % size_at(at.shape(0), axis) != 0) {
    KOINON_TRY(const auto before, at.get(1, index - inner));
    sum += before;
  }
  return sum;
}

}  // namespace koinon::trust::optimistic
