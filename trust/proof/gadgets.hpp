#pragma once
#include <bit>
#include <optional>
#include <span>

#include "engine/kernels/scan.hpp"
#include "engine/program/steps/rule.hpp"
#include "trust/proof/build.hpp"

namespace koinon::trust::proof {

__extension__ typedef __int128 Integer;  ///< wide enough for differences and products of two ranges

/// Constraints that several kinds of step share (docs/trust/proof.md, "Parts"). Each is exact over the integers as long as the
/// forms lie in the ranges that the caller gives, which the steps before have shown.

/// A range of a form, without overflow.
struct Span {
  Integer low = 0, high = 0;
  static Span of(const engine::program::Range& range) { return {range.low, range.high}; }
  Span operator-(const Span& other) const { return {low - other.high, high - other.low}; }
  /// Bits of high - low: x - low lies in [0, 2^bits).
  [[nodiscard]] unsigned bits() const;
};

/// Bits of a number that is not negative.
unsigned width(Integer number);

/// a - b.
Affine minus(const Affine& a, const Affine& b);

/// Sets a new cell of the witness (prover) and returns it.
Var cell(Circuit& circuit, Fp value);

/// Shows that a form lies in [low, high] over the integers. Precondition: bits() <= 62.
void within(Circuit& circuit, const Affine& form, const Span& span);

/// A cell that is 1 where form >= 0 and 0 elsewhere. Errors: unsupported when the span does not fit the field.
base::Result<Var> is_not_negative(Build& build, const Affine& form, const Span& span, std::optional<Var> bit = {});

/// A cell that is 1 where form is 0 and 0 elsewhere; `bit` names it when it is there already.
Var is_zero(Build& build, const Affine& form, std::optional<Var> bit = {});

/// Shows that y is the largest of the elements: each y - element lies in [0, 2^bits), and one of them is 0.
void largest(Circuit& circuit, std::span<const Affine> elements, const Affine& y, unsigned bits);

/// The lines of operand 0 along the axis that parameter 0 of the step names.
engine::kernels::Lines lines_of(const engine::program::Step& step);
/// Flat index of an element of a line.
inline std::size_t line_at(const engine::kernels::Lines& lines, std::int64_t length, std::int64_t line, std::int64_t i) {
  return static_cast<std::size_t>((line / lines.inner * length + i) * lines.inner + line % lines.inner);
}

}  // namespace koinon::trust::proof
