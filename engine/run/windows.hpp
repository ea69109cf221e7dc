#pragma once
#include <optional>
#include <vector>

#include "engine/kernels/conv.hpp"
#include "engine/kernels/filters.hpp"
#include "engine/run/node.hpp"

namespace koinon::engine::run {

/// A matmul or conv step whose weights can be packed: i8 or i16 by constant i8 or i16 into i32, its bias constant, and padding
/// that is not much larger than x.
bool packable(const program::Step& step);
/// The same for i16 by i16 into i64 (kernels::Filters::pack_wide).
bool packable_wide(const program::Step& step, kernels::Isa isa);
/// A constant operand; data null beyond the last.
kernels::ConstArray constant_operand(const program::Program& program, const program::Step& step, std::size_t operand);
/// A matmul or conv step as a convolution; a matrix product is one of single elements.
kernels::Conv conv_of(const program::Step& step);
/// A requantise step as what follows the sums in registers; nothing when M or s differ along more than the last axis, or are
/// of a size that registers do not hold.
std::optional<kernels::Epilogue> epilogue_of(const program::Program& program, const program::Step& step);

/// The same for sums of 64 bits. Nothing when M or s differ along more than the last axis.
std::optional<kernels::WideEpilogue> wide_epilogue_of(const program::Program& program, const program::Step& step);

/// How a matmul or conv step reads its windows: where x lies, or from a copy with zeros around and in the kernels' form.
class WindowGeometry {
 public:
  /// Precondition: packable, or packable_wide.
  WindowGeometry(const Making& making, std::size_t step);
  WindowGeometry(const WindowGeometry&) = delete;
  WindowGeometry& operator=(const WindowGeometry&) = delete;

  kernels::Windows windows;      ///< data is null
  std::int64_t elements = 0;     ///< of a segment
  std::int64_t group_bytes = 0;  ///< from one group's channels to the next's

  /// True when windows hold x + 128 as u8.
  [[nodiscard]] bool shifted() const { return stage_.staging == kernels::Staging::shifted; }
  /// Bytes of scratch that begin() writes.
  [[nodiscard]] std::size_t scratch() const;
  /// Where the first window begins, after the copy when there is one.
  [[nodiscard]] const std::uint8_t* begin(const Frame& frame, program::Ref x) const;

 private:
  void place(const kernels::Conv& conv);

  std::vector<std::int64_t> segments_;  // windows.segments
  kernels::Stage stage_;
  bool staged_ = false;
};

}  // namespace koinon::engine::run
