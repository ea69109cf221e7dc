// transpose, slice, concat, pad, gather, scatter: the twin of contracts/src/dispute/Movement.sol.
#include <optional>

#include "trust/optimistic/element_reader.hpp"

namespace koinon::trust::optimistic {
namespace {

/// The element of x for one of transpose, slice or pad; nothing when it is padding.
std::optional<Index> source_of(const Step& step, Index index) {
  const auto &x = step.operand_infos[0].shape, &y = step.outputs[0].shape;
  const auto rank = y.size();
  Index at = 0;
  for (auto a = rank; a > 0; --a) {
    auto place = static_cast<std::int64_t>(index % size_at(y, a - 1));
    index /= size_at(y, a - 1);
    const auto param = step.params[a - 1];
    if (step.kind == StepKind::transpose) {
      at += static_cast<Index>(place) * inner_of(x, static_cast<std::size_t>(param));
      continue;
    }
    place = step.kind == StepKind::slice ? param + place * step.params[rank + a - 1] : place - param;
    if (place < 0 || place >= x[a - 1]) return std::nullopt;
    at += static_cast<Index>(place) * inner_of(x, a - 1);
  }
  return at;
}

Result<Wide> concat(const Around& at) {
  const auto axis = static_cast<std::size_t>(at.step.params[0]);
  const auto& y = at.step.outputs[0].shape;
  const auto n = size_at(y, axis), inner = inner_of(y, axis), index = at.element.index;
  auto place = index / inner % n;
  for (std::size_t i = 0; i < at.operands(); ++i) {
    const auto size = size_at(at.shape(i), axis);
    if (place < size) return at.operand(i, (index / inner / n * size + place) * inner + index % inner);
    place -= size;
  }
  return fail(Code::out_of_range, "[element] place {} of a concat", place);
}

/// y[(outer * j + k) * inner + i] = x[(outer * n + indices[batch * j + k]) * inner + i]
Result<Wide> gather(const Around& at) {
  const auto [n, inner, rows] = rows_at(at.step);
  const auto place = at.element.index / inner, outer = place / rows;
  KOINON_TRY(const auto index, at.get(1, batch_of(at.step, outer) * rows + place % rows));
  if (index < 0 || index >= Wide{n})
    return fail(Code::out_of_range, "[element] index {} of {}", static_cast<std::int64_t>(index), n);
  return at.operand(0, (outer * n + static_cast<Index>(index)) * inner + at.element.index % inner);
}

Result<Wide> scatter(const Around& at) {
  const auto [n, inner, rows] = rows_at(at.step);
  const auto outer = at.element.index / inner / n;
  const auto first = batch_of(at.step, outer) * rows;
  const auto target = Wide{at.element.index / inner % n};
  const bool hinted = at.element.hints.size() == 1;
  for (Index row = hinted ? at.element.hints[0] : 0; row < rows; ++row) {
    KOINON_TRY(const auto index, at.get(1, first + row));
    if (index == target) return at.get(2, (outer * rows + row) * inner + at.element.index % inner);
    if (hinted) break;
  }
  if (hinted) return fail(Code::out_of_range, "[element] hint {} puts no row there", at.element.hints[0]);
  return at.get(0, at.element.index);
}

}  // namespace

RowsAt rows_at(const Step& step) {
  const auto axis = static_cast<std::size_t>(step.params[0]);
  const auto &x = step.operand_infos[0].shape, &indices = step.operand_infos[1].shape;
  RowsAt out{size_at(x, axis), inner_of(x, axis), 1};
  for (auto a = static_cast<std::size_t>(step.params[1]); a < indices.size(); ++a) out.rows *= size_at(indices, a);
  return out;
}

Index batch_of(const Step& step, Index outer) {
  for (auto a = step.params[0]; a > step.params[1]; --a)
    outer /= size_at(step.operand_infos[0].shape, static_cast<std::size_t>(a - 1));
  return outer;
}

Result<Wide> moved_value(const Around& at) {
  switch (at.step.kind) {
    case StepKind::gather: return gather(at);
    case StepKind::scatter: return scatter(at);
    case StepKind::concat: return concat(at);
    default: break;
  }
  const auto source = source_of(at.step, at.element.index);
  if (!source) return Wide{at.step.params.back()};
  return at.operand(0, *source);
}

Result<bool> scatter_repeated(const Around& at) {
  const auto a = at.element.hints[0], b = at.element.hints[1], rows = rows_at(at.step).rows;
  if (a == b || a / rows != b / rows)
    return fail(Code::out_of_range, "[element] indices {} and {} of batches of {}", a, b, rows);
  KOINON_TRY(const auto left, at.get(1, a));
  KOINON_TRY(const auto right, at.get(1, b));
  return left == right;
}

}  // namespace koinon::trust::optimistic
