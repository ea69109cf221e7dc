#pragma once
#include "engine/operators/lowering.hpp"

// Sums of many terms as sums of parts, each short enough that a contract can recompute one of its elements in a transaction
// (trust/optimistic, disputable.hpp). The integers are the same, whatever the parts.
namespace koinon::engine::operators {

/// Terms that one step adds up at most. Two rows of as many elements of 16 bits are 64 KiB of a proof, which has 124.
inline constexpr std::int64_t kMostTerms = std::int64_t{1} << 14;

/// Builder::matmul of a [..., m, k] by the rows of a weight [n, k].
Ref long_matmul(Lowering& to, Ref a, const IntTensor& rows, std::optional<Ref> bias = {});
/// Builder::matmul of two values, a [..., m, k] by b [..., n, k].
Ref long_matmul(Lowering& to, Ref a, Ref b);
/// Builder::conv by a weight [o, taps..., c / groups]; the channels are what is divided, so groups of one stay whole.
Ref long_conv(Lowering& to, Ref x, const IntTensor& filters, const program::ConvParams& params, std::optional<Ref> bias = {});
/// Builder::conv by a value of that shape.
Ref long_conv(Lowering& to, Ref x, Ref filters, const program::ConvParams& params, std::optional<Ref> bias = {});
/// Builder::reduce, one axis after the other where a window has more elements, and a whole axis in stretches. A sliding window
/// that is longer along one axis stays whole.
Ref long_reduce(Lowering& to, Ref x, const program::ReduceParams& params);
/// The same over whole axes of a tensor of `shape`, which are kept with size 1.
Ref long_reduce(Lowering& to, Ref x, program::ReduceOp op, const Shape& shape, const std::vector<std::size_t>& axes);

}  // namespace koinon::engine::operators
