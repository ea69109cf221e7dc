#pragma once
#include <optional>
#include <utility>

#include "engine/program/bounds.hpp"
#include "engine/program/params.hpp"
#include "engine/program/program.hpp"

namespace koinon::engine::program {

/// Builds a program step by step. Every step is validated, and its range proved, when it is added. The first error is kept:
/// later calls do nothing and return an empty Ref, and finish returns the error.
///
///   Builder b;
///   Ref x = b.input("x", {DType::i8, {1, 784}}, scale, -127, 127);
///   Ref rows = b.weight(w), bias = b.weight(offsets);
///   Ref acc = b.matmul(x, rows, bias);
///   Ref m = b.weight(factors), s = b.weight(shifts);
///   b.output("y", b.requantise(acc, m, s, 0, 127, DType::i8), scale);
///   Result<Program> program = b.finish({.name = "mlp"});
///
/// Not two calls of the builder among the arguments of one: compilers differ in the order of arguments, hence in the ids.
///
/// Where `dtype` is absent, the narrowest type that holds the proved range is taken (at least i32 for matmul, conv and sums).
/// Elementwise operands broadcast as in NumPy.
class Builder {
 public:
  using Type = std::optional<DType>;

  Ref input(std::string name, TensorInfo info, Scale scale, std::int64_t low, std::int64_t high);
  /// Equal constants are stored once.
  Ref weight(IntTensor data);
  Ref table(IntTensor data);

  /// a [batch..., m, k] (i8 or i16) by b [n, k] or [batch..., n, k] (i8 or i16; transposed, so that both operands of an element
  /// are contiguous), plus bias [n] (i32 or narrower): out [batch..., m, n] (i32 or i64).
  Ref matmul(Ref a, Ref b, std::optional<Ref> bias = {}, Type dtype = {});
  /// x [n, h, w, c] by w [o, kh, kw, c / groups] plus bias [o]: out [n, oh, ow, o]. Also one or three spatial axes.
  Ref conv(Ref x, Ref w, const ConvParams& params, std::optional<Ref> bias = {}, Type dtype = {});
  Ref add(Ref a, Ref b, Type dtype = {});
  Ref sub(Ref a, Ref b, Type dtype = {});
  Ref mul(Ref a, Ref b, Type dtype = {});
  /// y = clamp((x*M + 2^(s-1)) >> s, low, high). M and s are weights that broadcast to x: M (i16) in [1, 2^15), s (i8) in [1,
  /// 62].
  Ref requantise(Ref x, Ref multiplier, Ref shift, std::int64_t low, std::int64_t high, Type dtype = {});
  /// y = table[x - low]; the range of x lies within [low, low + entries).
  Ref lookup(Ref x, Ref table, std::int64_t low);
  Ref reduce(Ref x, const ReduceParams& params, Type dtype = {});
  /// y[i] = x[0] + ... + x[i] along an axis.
  Ref prefix_sum(Ref x, std::size_t axis, Type dtype = {});
  /// Index of the largest element along an axis (kept with size 1), the lowest index at ties: i32.
  Ref argmax(Ref x, std::size_t axis);
  /// The k largest elements along an axis, largest first, the lower index first at ties, and their indices (i32). The smallest
  /// are those of 0 - x.
  std::pair<Ref, Ref> topk(Ref x, std::size_t axis, std::int64_t k);
  /// 1 where it holds, else 0: i8.
  Ref compare(Ref a, Ref b, CompareOp op);
  /// a where condition is not 0, else b; a, b and the result are of one type.
  Ref select(Ref condition, Ref a, Ref b);
  /// Rows of x along an axis: x [b..., o..., n, i...] by indices [b..., j...] in [0, n), where the first `batch` axes b are
  /// shared and batch <= axis: out [b..., o..., j..., i...]. x and the indices may be weights.
  Ref gather(Ref x, Ref indices, std::size_t axis, std::size_t batch = 0);
  /// x with the rows that gather would read replaced by `rows`, which has the type of x and the shape of gather's result. The
  /// indices of one batch are distinct: refused here when they are a weight, else by the run.
  Ref scatter(Ref x, Ref indices, Ref rows, std::size_t axis, std::size_t batch = 0);
  /// floor(a / b) and a - b * floor(a / b); b is positive.
  std::pair<Ref, Ref> divide(Ref a, Ref b);
  /// floor(a / b) alone.
  Ref quotient(Ref a, Ref b, Type dtype = {});
  /// floor(sqrt(x)); x is not negative.
  Ref isqrt(Ref x, Type dtype = {});
  /// x * 2^bits for bits >= 0, floor(x / 2^-bits) below; 0 changes the type alone. |bits| <= 62.
  Ref shift(Ref x, std::int64_t bits, Type dtype = {});
  Ref reshape(Ref x, Shape shape);
  /// Axis i of the result is axis order[i] of x.
  Ref transpose(Ref x, const std::vector<std::int64_t>& order);
  /// Element i of an axis of the result is element starts + i * strides of x; strides are not 0 and may be negative.
  Ref slice(Ref x, const std::vector<std::int64_t>& starts, const std::vector<std::int64_t>& strides, Shape sizes);
  Ref concat(const std::vector<Ref>& parts, std::size_t axis);
  Ref pad(Ref x, const std::vector<std::int64_t>& begin, const std::vector<std::int64_t>& end, std::int64_t value = 0);
  Ref broadcast(Ref x, Shape shape);

  void output(std::string name, Ref ref, Scale scale);

  /// Type and shape, and proved range, of a tensor. Precondition: ref was returned by this builder and is not empty.
  [[nodiscard]] const TensorInfo& info(Ref ref) const;
  [[nodiscard]] Range range(Ref ref) const;
  /// The first error, if any.
  [[nodiscard]] const std::optional<base::Error>& error() const { return error_; }

  /// The program. Constants that no step uses are dropped. Errors: the first error of any call; invalid_argument without
  /// outputs.
  base::Result<Program> finish(Metadata metadata);

 private:
  std::vector<Ref> step(StepKind kind, std::vector<Ref> operands, Params params, const std::vector<Type>& types);
  void refuse(base::Error error);
  Ref constant(Source source, IntTensor data);

  Program program_;
  std::vector<TensorInfo> values_;
  std::vector<Range> ranges_;
  std::vector<Range> weight_ranges_, table_ranges_;
  std::optional<base::Error> error_;
};

}  // namespace koinon::engine::program
