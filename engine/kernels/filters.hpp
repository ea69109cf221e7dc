#pragma once
#include <optional>
#include <span>
#include <vector>

#include "engine/kernels/array.hpp"
#include "engine/kernels/buffer.hpp"
#include "engine/kernels/context.hpp"

namespace koinon::engine::kernels {

/// What is done with the sums of a product before they are stored: y = clamp((sum * M + 2^(s-1)) >> s, low, high), M and s one
/// a column.
///
/// The lanes of a vector hold 32 bits, so M is taken times 2^t, with s + t >= 33: then only the upper half h of the 64-bit
/// product counts, and y = (h + 2^(s+t-33)) >> (s + t - 32), which is exact because what is added has no bits below.
struct Epilogue {
  std::vector<std::int32_t> factor, half, shift;  ///< one a column, then neutral ones up to a multiple of 64
  std::int32_t low = 0, high = 0;

  /// Nothing when a shift is below 17, which 32-bit lanes do not hold, or when low and high do not fit an i32.
  static std::optional<Epilogue> of(const std::vector<std::int64_t>& multipliers, const std::vector<std::int64_t>& shifts,
                                    std::int64_t low, std::int64_t high);
  /// That of some of the columns.
  [[nodiscard]] Epilogue part(std::int64_t first, std::int64_t count) const;
};

/// The same for sums of 64 bits: (sum * M + 2^(s-1)) fits 64 bits.
struct WideEpilogue {
  std::vector<std::int64_t> factor, half, shift;  ///< one a column, then neutral ones up to a multiple of 64
  std::int64_t low = 0, high = 0;

  static WideEpilogue of(const std::vector<std::int64_t>& multipliers, const std::vector<std::int64_t>& shifts,
                         std::int64_t low, std::int64_t high);
  /// That of some of the columns.
  [[nodiscard]] WideEpilogue part(std::int64_t first, std::int64_t count) const;
};

/// Constant rows of weights, packed once for one instruction set. Every row is cut into as many segments of equal length as the
/// windows that it is multiplied with (a row of a convolution's kernel, or a whole row of a matrix), and every segment into
/// 32-bit words, of four bytes (quads) or of two 16-bit numbers (pairs); the last word of a segment is filled up with zeros.
/// Columns of the result lie together in panels of at most 64:
///
///   word w of segment s of column j of a panel at [(s * words + w) * columns of the panel + j]
///
/// Wide filters are those whose sums need 64 bits. A weight is 256 * high + low there, both at most 128 in size, as two pairs
/// of 16-bit numbers, so that sums of 480 products of each fit 32 bits:
///
///   high parts of word w of segment s of column j of a panel at [2 * (s * words + w) * columns of the panel + j], the low ones
///   `columns of the panel` behind
class Filters {
 public:
  struct Shape {
    std::int64_t columns = 0, segments = 1, elements = 0;  ///< rows of w; segments of each, and elements of a segment
  };
  /// w has `columns` rows of segments * elements. x_type is that of the windows. With `shifted`, windows of i8 hold x + 128 as
  /// u8, which is taken off here. Precondition: isa is not ref.
  static Filters pack(Isa isa, const Shape& shape, ConstArray w, ConstArray bias, DType x_type, bool shifted);
  /// The same for i16 by i16 into sums of 64 bits. Precondition: isa is avx512.
  static Filters pack_wide(const Shape& shape, ConstArray w, ConstArray bias);

  /// True when windows are read as bytes (u8); else they must hold i16.
  [[nodiscard]] bool bytes() const { return quads_; }
  /// True when sums have 64 bits.
  [[nodiscard]] bool wide() const { return wide_; }
  [[nodiscard]] std::int64_t columns() const { return shape_.columns; }
  /// Bytes of memory that it takes.
  [[nodiscard]] std::size_t bytes_held() const { return panels_.size() + starts_.size(); }

 private:
  friend class Multiplier;
  Isa isa_ = Isa::ref;
  bool quads_ = false, wide_ = false;
  Shape shape_;
  std::int64_t words_ = 0;  // of a segment
  Buffer panels_;           // i32
  Buffer starts_;           // i32 (i64 when wide), one a column: the bias less what the shift of x adds
};

/// Where the rows of the left matrix lie: windows (b, z, y, x), counted row-major, each `segments` stretches of memory.
struct Windows {
  const std::uint8_t* data = nullptr;
  std::int64_t counts[4] = {1, 1, 1, 1};
  std::int64_t strides[4] = {0, 0, 0, 0};           ///< bytes
  std::span<const std::int64_t> segments = kWhole;  ///< bytes from the window's begin; borrowed
  [[nodiscard]] std::int64_t rows() const { return counts[0] * counts[1] * counts[2] * counts[3]; }

 private:
  static constexpr std::int64_t kWhole[1] = {0};
};

/// out[row][column] = epilogue(bias[column] + sum over segments and elements of window[row] * w[column]). Without epilogue the
/// result is i32, else i8, i16 or i32. Sums fit i32; those of wide filters are i64, and so is a result without epilogue. Up to
/// three bytes behind each segment are read (and multiplied by zero).
struct Product {
  const Filters* filters = nullptr;
  Windows windows;
  const Epilogue* epilogue = nullptr;
  const WideEpilogue* wide_epilogue = nullptr;  ///< instead, for wide filters
  Array out;
  std::int64_t out_stride = 0;   ///< elements between rows of out
  std::uint8_t* sums = nullptr;  ///< where the sums go as well, in rows like out's; null for nowhere. Needs an epilogue
};

void product(const Context& context, const Product& job);

/// How windows read x: as it is, as u8 shifted by 128, or widened to i16.
enum class Staging { plain, shifted, widened };

/// x [batch, depth, height, width * channels] into a larger box with zeros around, so that windows need no bounds. Sizes are
/// elements; `to` has (before + width + after) elements a line.
struct Stage {
  std::int64_t batch = 1, depth = 1, height = 1, line = 1;
  std::int64_t front = 0, back = 0, top = 0, bottom = 0, left = 0, right = 0;  ///< planes, lines, elements of zeros
  Staging staging = Staging::plain;
  ConstArray x;
  std::uint8_t* to = nullptr;

  [[nodiscard]] std::int64_t element() const {
    return staging == Staging::widened ? 2 : static_cast<std::int64_t>(tensor::dtype_size(x.dtype));
  }
  [[nodiscard]] std::int64_t line_bytes() const { return (left + line + right) * element(); }
  [[nodiscard]] std::int64_t plane_bytes() const { return (top + height + bottom) * line_bytes(); }
  [[nodiscard]] std::int64_t box_bytes() const { return (front + depth + back) * plane_bytes(); }
};

void stage(const Context& context, const Stage& job);

}  // namespace koinon::engine::kernels
