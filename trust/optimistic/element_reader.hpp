#pragma once
#include <cstring>

#include "trust/optimistic/element.hpp"

namespace koinon::trust::optimistic {

using base::Code;
using base::fail;
using base::Result;
using engine::program::Step;
using engine::program::StepKind;
using engine::program::TensorInfo;
using engine::tensor::Shape;
using Index = std::uint64_t;

inline Index size_at(const Shape& shape, std::size_t axis) { return static_cast<Index>(shape[axis]); }
inline Index elements_of(const TensorInfo& info) { return static_cast<Index>(engine::tensor::element_count(info.shape)); }
inline Index width_of(const TensorInfo& info) { return engine::tensor::dtype_size(info.dtype); }
/// Elements behind an axis.
inline Index inner_of(const Shape& shape, std::size_t axis) {
  Index out = 1;
  for (auto a = axis + 1; a < shape.size(); ++a) out *= size_at(shape, a);
  return out;
}

/// The little-endian integer of `width` bytes. Precondition: 1, 2, 4 or 8, and as many bytes.
inline std::int64_t load(const std::uint8_t* from, Index width) {
  std::uint64_t word = 0;
  std::memcpy(&word, from, width);
  const auto unused = static_cast<unsigned>(64 - 8 * width);
  return static_cast<std::int64_t>(word << unused) >> unused;
}

/// A step, and the tensors around it by element.
struct Around {
  const Step& step;
  const Element& element;
  Tensors& tensors;
  std::vector<TensorInfo> infos;

  [[nodiscard]] const Shape& shape(std::size_t tensor) const { return infos[tensor].shape; }
  [[nodiscard]] std::size_t operands() const { return step.operands.size(); }
  [[nodiscard]] Result<Wide> get(std::size_t tensor, Index index) const {
    const auto& info = infos[tensor];
    if (index >= elements_of(info)) return fail(Code::out_of_range, "[element] {} of {}", index, elements_of(info));
    const auto width = width_of(info);
    KOINON_TRY(const auto at, tensors.bytes(tensor, index * width, width));
    return Wide{load(at.data(), width)};
  }
  /// An element of an operand; where that is inner, recomputed.
  [[nodiscard]] Result<Wide> operand(std::size_t number, Index index) const;
};

// The kinds, each the twin of the library of the contracts that it names.
Result<Wide> matmul_value(const Around& at);  // Linear
Result<Wide> conv_value(const Around& at);    // Linear
Result<Wide> reduce_value(const Around& at);  // Folds
Result<bool> reduce_beaten(const Around& at, Wide claimed);
Result<Wide> prefix_sum_value(const Around& at);
Result<Wide> moved_value(const Around& at);  // Movement: transpose, slice, pad, concat, gather, scatter
Result<bool> scatter_repeated(const Around& at);
Result<bool> argmax_differs(const Around& at);  // Orders
Result<bool> topk_differs(const Around& at);
Result<Wide> single_value(const Around& at);  // Elementwise

/// Elements of a reduction's window that lie inside x: count[a] of them along axis a, step[a] elements apart.
struct Window {
  Index first = 0;
  std::vector<Index> count, step;
};
Result<Window> window_of(const Step& step, Index index);

/// A line along the axis of an argmax or topk: element i is base + i * inner.
struct Line {
  Index n = 0, inner = 0, base = 0;
};
Line line_of(const Step& step, Index index, Index k);

/// Rows of a gather or scatter.
struct RowsAt {
  Index n = 0, inner = 0, rows = 0;
};
RowsAt rows_at(const Step& step);
/// The batch of what stands before the axis.
Index batch_of(const Step& step, Index outer);

}  // namespace koinon::trust::optimistic
