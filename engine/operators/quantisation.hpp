#pragma once
#include "engine/operators/fixed.hpp"

// Parts of the operators that speak of ONNX's own quantised tensors: q stands for (q - zero point) * scale.
namespace koinon::engine::operators {

/// Scales and zero points of a tensor, one, or one for each place of an axis.
struct Grid {
  std::vector<double> scales;
  std::vector<std::int64_t> zeros;  ///< as many, or one
  std::size_t axis = 0;             ///< counts only with several

  [[nodiscard]] double scale(std::size_t i) const { return scales[scales.size() == 1 ? 0 : i]; }
  [[nodiscard]] std::int64_t zero(std::size_t i) const { return zeros[zeros.size() == 1 ? 0 : i]; }
};

/// Ties to even.
double round_even(double x);

/// Reads inputs `scale` and `zero` (or 0) of a call; each one number, or `size` of them along `axis`. Errors: unsupported when
/// they are not known, malformed.
Result<Grid> read_grid(const Call& call, std::size_t scale, std::size_t zero, std::size_t axis, std::int64_t size);
/// Their shapes alone, for inference.
Status check_grid(const Call& call, std::size_t scale, std::size_t zero, std::int64_t size);

/// x - zero point as integers of at most 16 bits where they can be, in ONNX's layout. Zero points are input `zero` if it is
/// there: one, or as many as the places of `axis` of x.
Result<Ref> centred(const Call& call, Lowering& to, std::size_t x, std::size_t zero, std::size_t axis);

/// clamp(round(acc * ratios) + zeros) in the output's element type, an exact integer; ratios and zeros of one, or along `axis`
/// of acc [shape].
Status quantise_to(const Call& call, Lowering& to, Ref acc, const Shape& shape, std::size_t axis,
                   const std::vector<double>& ratios, const std::vector<std::int64_t>& zeros);

}  // namespace koinon::engine::operators
