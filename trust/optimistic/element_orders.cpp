// argmax and topk, by counter-example: the twin of contracts/src/dispute/Orders.sol.
#include "trust/optimistic/element_reader.hpp"

namespace koinon::trust::optimistic {
namespace {

/// Whether element a of a line comes before element b: it is larger, or equal at a lower index.
Result<bool> before(const Around& at, const Line& line, Index a, Index b) {
  KOINON_TRY(const auto left, at.get(0, line.base + a * line.inner));
  KOINON_TRY(const auto right, at.get(0, line.base + b * line.inner));
  return left > right || (left == right && a < b);
}

Result<Index> hint_of(const Around& at, const Line& line) {
  if (at.element.hints.empty()) return fail(Code::out_of_range, "[element] a hint is missing");
  const auto hint = at.element.hints[0];
  if (hint >= line.n) return fail(Code::out_of_range, "[element] hint {} of {}", hint, line.n);
  return hint;
}

/// Without indices: whether the value is not the j-th largest of all.
Result<bool> rank_differs(const Around& at, const Line& line, Index j, Wide value) {
  Index larger = 0, equal = 0;
  for (Index i = 0; i < line.n; ++i) {
    KOINON_TRY(const auto x, at.get(0, line.base + i * line.inner));
    larger += x > value ? 1 : 0;
    equal += x == value ? 1 : 0;
  }
  return larger > j || larger + equal <= j;
}

/// Entry j > 0 with indices: out of order after entry j - 1, or one is missing between them.
Result<bool> follows_wrongly(const Around& at, const Line& line, Index index) {
  const auto& hints = at.element.hints;
  KOINON_TRY(const auto claimed, at.get(2, at.element.index - line.inner));
  if (claimed < 0 || claimed >= Wide{line.n}) return true;
  const auto previous = static_cast<Index>(claimed);
  KOINON_TRY(const auto ordered, before(at, line, previous, index));
  if (!ordered) return true;
  if (hints.empty()) return false;
  KOINON_TRY(const auto hint, hint_of(at, line));
  KOINON_TRY(const auto after, before(at, line, previous, hint));
  if (!after) return false;
  return before(at, line, hint, index);
}

}  // namespace

Line line_of(const Step& step, Index index, Index k) {
  const auto& x = step.operand_infos[0].shape;
  const auto axis = static_cast<std::size_t>(step.params[0]);
  const auto n = size_at(x, axis), inner = inner_of(x, axis);
  return {n, inner, index / inner / k * n * inner + index % inner};
}

Result<bool> argmax_differs(const Around& at) {
  const auto line = line_of(at.step, at.element.index, 1);
  KOINON_TRY(const auto best, at.get(1, at.element.index));
  if (best < 0 || best >= Wide{line.n}) return true;
  KOINON_TRY(const auto hint, hint_of(at, line));
  return before(at, line, hint, static_cast<Index>(best));
}

Result<bool> topk_differs(const Around& at) {
  const auto k = static_cast<Index>(at.step.params[1]);
  const auto line = line_of(at.step, at.element.index, k);
  const auto j = at.element.index / line.inner % k;
  KOINON_TRY(const auto value, at.get(1, at.element.index));
  if (at.step.outputs.size() == 1) return rank_differs(at, line, j, value);
  KOINON_TRY(const auto claimed, at.get(2, at.element.index));
  if (claimed < 0 || claimed >= Wide{line.n}) return true;
  const auto index = static_cast<Index>(claimed);
  const bool hinted = !at.element.hints.empty();
  if (!hinted) {
    KOINON_TRY(const auto stands, at.get(0, line.base + index * line.inner));
    if (value != stands) return true;
  }
  if (j != 0) return follows_wrongly(at, line, index);
  if (!hinted) return false;
  KOINON_TRY(const auto hint, hint_of(at, line));
  return before(at, line, hint, index);
}

}  // namespace koinon::trust::optimistic
