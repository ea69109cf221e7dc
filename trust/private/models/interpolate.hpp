#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace koinon::trust::fhe {

/// The plain modulus of table layers: a Fermat prime, with transforms of every length up to 65536 in the field itself.
inline constexpr std::uint32_t kTablePlain = 65537;

/// Coefficients of polynomials through given values at 0, 1, ..., points - 1, modulo 65537.
///
/// Newton's divided differences at consecutive integers are one product with exp(-x); the Newton form becomes coefficients by
/// halving (von zur Gathen and Gerhard, Modern Computer Algebra, section 10.2): O(n log^2 n) for n points. All 65536 points
/// need one transform, since a_k = -sum over the field of f(x) x^(-k).
class Interpolator {
 public:
  /// Precondition: `points` is a power of two, 2 to 65536.
  explicit Interpolator(std::size_t points);
  /// The `points` coefficients, in [0, t), of the polynomial through values[x] at x (any integers).
  [[nodiscard]] std::vector<std::uint32_t> through(std::span<const std::int32_t> values) const;

 private:
  [[nodiscard]] std::vector<std::uint32_t> whole_field(std::span<const std::int32_t> values) const;

  std::size_t points_;
  std::vector<std::uint32_t> inverse_factorial_;
  std::vector<std::uint32_t> signs_;  ///< transform of exp(-x)
  /// For nodes of 64, 128, ... points: transforms of the product of (x - i) over each node's lower half, x^half left out.
  std::vector<std::vector<std::uint32_t>> halves_;
};

/// f(x) modulo 65537 by Horner's rule, for checks.
std::uint32_t value_at(std::span<const std::uint32_t> coefficients, std::uint32_t x);

}  // namespace koinon::trust::fhe
