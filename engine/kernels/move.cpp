#include "engine/kernels/move.hpp"

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

}  // namespace

void copy_box(const Context& context, std::size_t size, const Shape& shape, const std::uint8_t* from,
              const std::vector<std::int64_t>& from_strides, std::uint8_t* to, const std::vector<std::int64_t>& to_strides) {
  const Box box = merge(shape, from_strides, to_strides);
  const std::size_t last = box.shape.size() - 1;
  const std::int64_t n = box.shape[last], lines = tensor::element_count(box.shape) / n;
  const std::int64_t group = n >= 4096 ? 1 : 4096 / n;
  const auto width = static_cast<std::int64_t>(size);
  context.parallel_for((lines + group - 1) / group, [&](std::int64_t task) {
    for (std::int64_t at = task * group; at < lines && at < (task + 1) * group; ++at) {
      std::int64_t rest = at, a = 0, b = 0;
      for (std::size_t axis = last; axis-- > 0;) {
        a += rest % box.shape[axis] * box.from[axis];
        b += rest % box.shape[axis] * box.to[axis];
        rest /= box.shape[axis];
      }
      const std::uint8_t* source = from + a * width;
      std::uint8_t* target = to + b * width;
      switch (size) {
        case 1: line<std::uint8_t>(source, box.from[last], target, box.to[last], n); break;
        case 2: line<std::uint16_t>(source, box.from[last], target, box.to[last], n); break;
        case 4: line<std::uint32_t>(source, box.from[last], target, box.to[last], n); break;
        default: line<std::uint64_t>(source, box.from[last], target, box.to[last], n); break;
      }
    }
  });
}

}  // namespace koinon::engine::kernels
