#include "trust/optimistic/hints.hpp"

#include <map>

#include "trust/optimistic/element_reader.hpp"

namespace koinon::trust::optimistic {
namespace {

using engine::tensor::IntTensor;
using Hints = std::vector<std::vector<std::uint64_t>>;

std::int64_t at(const IntTensor* tensor, Index index) { return tensor->at(static_cast<std::int64_t>(index)); }

/// The place in its window of the largest or smallest element; all of the window where the claim is beyond it.
Hints of_reduce(const Step& step, Index index, const IntTensor* x, const IntTensor* y) {
  const auto window = window_of(step, index);
  if (step.params[0] == 1 || !window || x == nullptr) return {{}};  // an inner one is recomputed whole
  const auto best = at(y, index);
  Index all = 1;
  for (const auto count : window->count) all *= count;
  for (Index number = 0; number < all; ++number) {
    auto place = window->first, rest = number;
    for (auto a = window->count.size(); a > 0; --a) {
      place += rest % window->count[a - 1] * window->step[a - 1];
      rest /= window->count[a - 1];
    }
    if (at(x, place) == best) return {{number}, {}};
  }
  return {{}};
}

/// The place among the indices of the one that puts a row there, if one does.
Hints of_scatter(const Step& step, Index index, const IntTensor* indices) {
  const auto [n, inner, rows] = rows_at(step);
  const auto first = batch_of(step, index / inner / n) * rows, target = index / inner % n;
  for (Index row = 0; row < rows; ++row)
    if (at(indices, first + row) == static_cast<std::int64_t>(target)) return {{row}};
  return {{}};
}

}  // namespace

Hints hints_for(const Step& step, std::uint64_t index, const std::vector<const IntTensor*>& operands,
                const std::vector<const IntTensor*>& outputs) {
  switch (step.kind) {
    case StepKind::reduce: return of_reduce(step, index, operands[0], outputs[0]);
    case StepKind::scatter: return of_scatter(step, index, operands[1]);
    case StepKind::argmax: return {{static_cast<std::uint64_t>(at(outputs[0], index))}};
    case StepKind::topk:
      if (outputs.size() == 1) return {{}};
      return {{}, {static_cast<std::uint64_t>(at(outputs[1], index))}};
    default: return {{}};
  }
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> repeated_places(const Step& step, const IntTensor& indices) {
  const auto rows = rows_at(step).rows, count = static_cast<Index>(indices.size());
  for (Index first = 0; first < count; first += rows) {
    std::map<std::int64_t, Index> seen;
    for (Index i = first; i < first + rows; ++i)
      if (const auto [before, fresh] = seen.emplace(at(&indices, i), i); !fresh) return std::pair(before->second, i);
  }
  return std::nullopt;
}

}  // namespace koinon::trust::optimistic
