#pragma once
#include "engine/kernels/filters.hpp"

namespace koinon::engine::kernels {

/// Filters of a depthwise convolution, one a channel, packed for one instruction set. The results of a line lie side by side,
/// and so do what the taps read for them: a register holds a block of 64 (quads) or 16 (pairs) of them, interleaved so that
/// each 32-bit lane has 4 or 2 taps of one channel. Within every 128 bits the lanes are in the order in which unpacking leaves
/// them, which packing undoes.
class ChannelFilters {
 public:
  /// What follows the sums of every channel; without it the result is i32.
  struct Shape {
    std::int64_t channels = 0, taps = 0;
    bool flat = false;  ///< neighbouring positions read neighbouring pixels (stride 1 along a line)
  };
  /// w [channels, taps] and bias [channels] (or data null), i8 or i16 x; `shifted` as for Filters. Precondition: isa is not
  /// ref.
  static ChannelFilters pack(Isa isa, const Shape& shape, ConstArray w, ConstArray bias, DType x_type, bool shifted,
                             const Epilogue* epilogue);

  [[nodiscard]] bool bytes() const { return quads_; }
  /// Bytes of memory that it takes.
  [[nodiscard]] std::size_t bytes_held() const {
    return weights_.size() + starts_.size() + factor_.size() + half_.size() + shift_.size();
  }

 private:
  friend class ChannelMultiplier;
  [[nodiscard]] std::int64_t block() const { return quads_ ? 64 : 16; }

  Shape shape_;
  bool quads_ = false, together_ = false;  // together: a line is cut into blocks, whatever the pixel
  std::int64_t groups_ = 0, patterns_ = 0;
  Buffer weights_;  // per pattern and group of taps one register for each quarter (half) of the block
  Buffer starts_, factor_, half_, shift_;
  bool requantised_ = false;
  std::int32_t low_ = 0, high_ = 0;
};

/// out[position][channel] over the windows' positions; windows.segments are the taps. out has `channels` elements a position.
struct ChannelProduct {
  const ChannelFilters* filters = nullptr;
  Windows windows;
  Array out;
  std::int32_t* sums = nullptr;  ///< where the sums go as well; null for nowhere. Needs filters with an epilogue
};

void channel_product(const Context& context, const ChannelProduct& job);

/// One line of positions, as the kernels take it.
struct ChannelLine {
  const std::uint8_t* x;
  std::int64_t step;  ///< bytes between the blocks or pixels of x
  const std::int64_t* taps;
  std::int64_t tap_count, groups;
  const std::int32_t *weights, *starts, *factor, *half, *shift;  ///< of the block's pattern; factor null for sums
  std::int32_t low, high;
  std::uint8_t* out;
  std::int64_t out_step;   ///< bytes
  std::int32_t* sums;      ///< like out, null for nowhere
  std::int64_t sums_step;  ///< elements
  DType type;
  std::int64_t blocks;  ///< how many follow one another
  std::int64_t count;   ///< results of each
  std::int64_t last;    ///< results of the last
};

void channel_line_avx512(const ChannelLine& line);
void channel_line_avx2(const ChannelLine& line);

}  // namespace koinon::engine::kernels
