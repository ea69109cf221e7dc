#include "engine/kernels/move.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

namespace koinon::engine::kernels {
namespace {

// Axes of the copy with those merged that lie together in both layouts.
struct Box {
  Shape shape;
  std::vector<std::int64_t> from, to;
};

Box merge(const Shape& shape, const std::vector<std::int64_t>& from, const std::vector<std::int64_t>& to) {
  Box box;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    if (!box.shape.empty() && box.from.back() == from[i] * shape[i] && box.to.back() == to[i] * shape[i]) {
      box.shape.back() *= shape[i];
      box.from.back() = from[i];
      box.to.back() = to[i];
    } else {
      box.shape.push_back(shape[i]);
      box.from.push_back(from[i]);
      box.to.push_back(to[i]);
    }
  }
  if (box.shape.empty()) box = Box{{1}, {1}, {1}};
  return box;
}

template <class T>
void line(const std::uint8_t* from, std::int64_t from_stride, std::uint8_t* to, std::int64_t to_stride, std::int64_t n) {
  if (from_stride == 1 && to_stride == 1) {
    std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(T));
    return;
  }
  const T* a = reinterpret_cast<const T*>(from);
  T* b = reinterpret_cast<T*>(to);
  for (std::int64_t i = 0; i < n; ++i) b[i * to_stride] = a[i * from_stride];
}

// Elements whose rows lie together in `from` and whose columns lie together in `to`: element (row, column) is at
// from[column * from_stride + row] and goes to to[row * to_stride + column].
struct Plane {
  std::int64_t rows, columns, from_stride, to_stride;
};

template <class T>
void one_by_one(const Plane& p, std::int64_t first_row, std::int64_t first_column, const T* from, T* to) {
  for (std::int64_t i = first_row; i < p.rows; ++i)
    for (std::int64_t j = first_column; j < p.columns; ++j) to[i * p.to_stride + j] = from[j * p.from_stride + i];
}

// N columns that lie one behind the other in `to`, such as the colours of a picture.
template <std::int64_t N, class T>
void interleave(const Plane& p, const T* __restrict from, T* __restrict to) {
  for (std::int64_t i = 0; i < p.rows; ++i)
    for (std::int64_t j = 0; j < N; ++j) to[i * N + j] = from[j * p.from_stride + i];
}

// The same backwards.
template <std::int64_t N, class T>
void part(const Plane& p, const T* __restrict from, T* __restrict to) {
  for (std::int64_t j = 0; j < p.columns; ++j)
    for (std::int64_t i = 0; i < N; ++i) to[i * p.to_stride + j] = from[j * N + i];
}

template <class T>
using Lanes [[gnu::vector_size(16)]] = T;
template <class T>
inline constexpr std::int64_t kLanes = 16 / sizeof(T);

// a0 b0 a1 b1 and so on, of the lower halves or the upper ones.
template <bool Upper, class T, std::size_t... I>
inline Lanes<T> zip(Lanes<T> a, Lanes<T> b, std::index_sequence<I...>) {
  constexpr std::size_t kAll = sizeof...(I), kFirst = Upper ? kAll / 2 : 0;
  return __builtin_shufflevector(a, b, (I % 2 * kAll + kFirst + I / 2)...);
}

// A square of as many rows as a register has lanes: each round puts register k and the one half the square behind it together.
template <class T>
void square(const T* from, std::int64_t from_stride, T* to, std::int64_t to_stride) {
  constexpr std::int64_t n = kLanes<T>;
  using Order = std::make_index_sequence<static_cast<std::size_t>(n)>;
  Lanes<T> r[n], t[n];
  for (std::int64_t j = 0; j < n; ++j) std::memcpy(&r[j], from + j * from_stride, sizeof r[j]);
  for (std::int64_t done = 1; done < n; done *= 2) {
    for (std::int64_t k = 0; k < n / 2; ++k) {
      t[2 * k] = zip<false, T>(r[k], r[k + n / 2], Order{});
      t[2 * k + 1] = zip<true, T>(r[k], r[k + n / 2], Order{});
    }
    std::copy(t, t + n, r);
  }
  for (std::int64_t i = 0; i < n; ++i) std::memcpy(to + i * to_stride, &r[i], sizeof r[i]);
}

template <class T>
void transpose(const Plane& p, const std::uint8_t* source, std::uint8_t* target) {
  const T* from = reinterpret_cast<const T*>(source);
  T* to = reinterpret_cast<T*>(target);
  constexpr std::int64_t n = kLanes<T>;
  if (p.columns == p.to_stride && p.columns == 3) return interleave<3>(p, from, to);
  if (p.columns == p.to_stride && p.columns == 4) return interleave<4>(p, from, to);
  if (p.rows == p.from_stride && p.rows == 3) return part<3>(p, from, to);
  if (p.rows == p.from_stride && p.rows == 4) return part<4>(p, from, to);
  const std::int64_t rows = p.rows / n * n, columns = p.columns / n * n;
  for (std::int64_t i = 0; i < rows; i += n)
    for (std::int64_t j = 0; j < columns; j += n)
      square(from + j * p.from_stride + i, p.from_stride, to + i * p.to_stride + j, p.to_stride);
  one_by_one(p, rows, 0, from, to);
  one_by_one(Plane{rows, p.columns, p.from_stride, p.to_stride}, 0, columns, from, to);
}

// Places of the lines (or planes) of a box, walked in order.
class Places {
 public:
  Places(const Box& box, const std::vector<std::size_t>& axes, std::int64_t first) : box_(box), axes_(axes), at_(axes.size()) {
    for (std::size_t i = axes.size(); i-- > 0; first /= box.shape[axes[i]]) {
      at_[i] = first % box.shape[axes[i]];
      from += at_[i] * box.from[axes[i]];
      to += at_[i] * box.to[axes[i]];
    }
  }
  void next() {
    for (std::size_t i = axes_.size(); i-- > 0;) {
      from += box_.from[axes_[i]];
      to += box_.to[axes_[i]];
      if (++at_[i] < box_.shape[axes_[i]]) return;
      from -= at_[i] * box_.from[axes_[i]];
      to -= at_[i] * box_.to[axes_[i]];
      at_[i] = 0;
    }
  }
  std::int64_t from = 0, to = 0;  // elements

 private:
  const Box& box_;
  const std::vector<std::size_t>& axes_;
  std::vector<std::int64_t> at_;
};

// The axis whose elements lie together in `from` when those of the last lie together in `to` only; none for lines.
std::optional<std::size_t> crossed(const Box& box) {
  const std::size_t last = box.shape.size() - 1;
  if (box.to[last] != 1 || box.from[last] == 1 || box.from[last] == 0) return std::nullopt;
  for (std::size_t axis = 0; axis < last; ++axis)
    if (box.from[axis] == 1 && box.to[axis] > 1) return axis;
  return std::nullopt;
}

template <class T>
void copy(const Context& context, const Box& box, const std::uint8_t* from, std::uint8_t* to) {
  constexpr std::int64_t kTask = 1 << 13, kSize = sizeof(T);  // elements in a parallel piece
  const std::size_t last = box.shape.size() - 1;
  const auto across = crossed(box);
  std::vector<std::size_t> axes;
  for (std::size_t axis = 0; axis < last; ++axis)
    if (axis != across) axes.push_back(axis);
  const std::int64_t columns = box.shape[last], rows = across ? box.shape[*across] : 1;
  const std::int64_t whole = tensor::element_count(box.shape), each = rows * columns, places = whole / each;
  // A large plane is cut along its rows, small ones are taken together.
  const std::int64_t cut = std::max<std::int64_t>(1, kTask / columns / 16) * 16, cuts = (rows + cut - 1) / cut;
  const std::int64_t group = std::max<std::int64_t>(1, kTask / each);
  const auto piece = [&](std::int64_t task) {
    const std::int64_t first = task / cuts * group, end = std::min(places, first + group), row = task % cuts * cut;
    Places at(box, axes, first);
    for (std::int64_t place = first; place < end; ++place, at.next()) {
      const auto* source = from + at.from * kSize;
      auto* target = to + at.to * kSize;
      if (!across) {
        line<T>(source, box.from[last], target, box.to[last], columns);
        continue;
      }
      const std::int64_t stride = box.to[*across];
      transpose<T>({std::min(cut, rows - row), columns, box.from[last], stride}, source + row * kSize,
                   target + row * stride * kSize);
    }
  };
  const std::int64_t tasks = (places + group - 1) / group * cuts;
  if (whole < 4 * kTask) {
    for (std::int64_t task = 0; task < tasks; ++task) piece(task);
  } else {
    context.parallel_for(tasks, piece);
  }
}

}  // namespace

void copy_box(const Context& context, std::size_t size, const Shape& shape, const std::uint8_t* from,
              const std::vector<std::int64_t>& from_strides, std::uint8_t* to, const std::vector<std::int64_t>& to_strides) {
  const Box box = merge(shape, from_strides, to_strides);
  switch (size) {
    case 1: return copy<std::uint8_t>(context, box, from, to);
    case 2: return copy<std::uint16_t>(context, box, from, to);
    case 4: return copy<std::uint32_t>(context, box, from, to);
    default: return copy<std::uint64_t>(context, box, from, to);
  }
}

}  // namespace koinon::engine::kernels
