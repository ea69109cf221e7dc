#include "engine/kernels/elementwise.hpp"

#include <algorithm>

#if defined(__x86_64__)
#define KOINON_AVX2 __attribute__((target("avx2")))
#else
#define KOINON_AVX2
#endif
#define KOINON_INLINE inline __attribute__((always_inline))

namespace koinon::engine::kernels {
namespace {

constexpr std::int64_t kChunk = 256;
constexpr std::int64_t kTask = 1 << 15;  // elements in a parallel piece

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  const std::int64_t q = a / b;
  return q - (a % b < 0 ? 1 : 0);
}

KOINON_INLINE std::int64_t apply(Function f, std::int64_t a, std::int64_t b, std::int64_t c) {
  switch (f) {
    case Function::add: return a + b;
    case Function::sub: return a - b;
    case Function::mul: return a * b;
    case Function::quotient: return floor_div(a, b);
    case Function::remainder: return a - b * floor_div(a, b);
    case Function::equal: return a == b;
    case Function::less: return a < b;
    case Function::less_equal: return a <= b;
    case Function::select: return a != 0 ? b : c;
    case Function::isqrt: return integer_sqrt(a);
    case Function::shift_left: return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) << b);
    case Function::shift_right: return a >> b;
  }
  return 0;
}

template <class T>
KOINON_INLINE void load_as(const std::uint8_t* data, std::int64_t at, std::int64_t stride, std::int64_t n, std::int64_t* out) {
  const T* from = reinterpret_cast<const T*>(data) + at;
  if (stride == 0) {
    std::fill(out, out + n, static_cast<std::int64_t>(*from));
  } else if (stride == 1) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = from[i];
  } else {
    for (std::int64_t i = 0; i < n; ++i) out[i] = from[i * stride];
  }
}

KOINON_INLINE void load(const ConstArray& a, std::int64_t at, std::int64_t stride, std::int64_t n, std::int64_t* out) {
  switch (a.dtype) {
    case DType::i8: return load_as<std::int8_t>(a.data, at, stride, n, out);
    case DType::i16: return load_as<std::int16_t>(a.data, at, stride, n, out);
    case DType::i32: return load_as<std::int32_t>(a.data, at, stride, n, out);
    case DType::i64: return load_as<std::int64_t>(a.data, at, stride, n, out);
  }
}

template <class T>
KOINON_INLINE void store_as(std::uint8_t* data, std::int64_t at, std::int64_t n, const std::int64_t* values) {
  T* to = reinterpret_cast<T*>(data) + at;
  for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<T>(values[i]);
}

KOINON_INLINE void store(const Array& a, std::int64_t at, std::int64_t n, const std::int64_t* values) {
  switch (a.dtype) {
    case DType::i8: return store_as<std::int8_t>(a.data, at, n, values);
    case DType::i16: return store_as<std::int16_t>(a.data, at, n, values);
    case DType::i32: return store_as<std::int32_t>(a.data, at, n, values);
    case DType::i64: return store_as<std::int64_t>(a.data, at, n, values);
  }
}

// One loop for each function, so that each can be vectorised.
KOINON_INLINE void apply_all(Function f, std::int64_t (*v)[kChunk], std::int64_t n, std::int64_t* out) {
  switch (f) {
#define KOINON_CASE(name)                                                                           \
  case Function::name:                                                                              \
    for (std::int64_t i = 0; i < n; ++i) out[i] = apply(Function::name, v[0][i], v[1][i], v[2][i]); \
    return
    KOINON_CASE(add);
    KOINON_CASE(sub);
    KOINON_CASE(mul);
    KOINON_CASE(quotient);
    KOINON_CASE(remainder);
    KOINON_CASE(equal);
    KOINON_CASE(less);
    KOINON_CASE(less_equal);
    KOINON_CASE(select);
    KOINON_CASE(isqrt);
    KOINON_CASE(shift_left);
    KOINON_CASE(shift_right);
#undef KOINON_CASE
  }
}

// The loop nest with axes merged where every operand allows it; the last one is the inner loop.
struct Nest {
  Shape shape;
  std::vector<std::vector<std::int64_t>> strides;  // one list an operand
};

Nest merge_axes(const Shape& shape, std::span<const Stretched> operands) {
  Nest nest;
  nest.strides.resize(operands.size());
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] == 1) continue;
    bool merge = !nest.shape.empty();
    for (std::size_t i = 0; merge && i < operands.size(); ++i)
      merge = nest.strides[i].back() == operands[i].strides[axis] * shape[axis];
    if (merge) {
      nest.shape.back() *= shape[axis];
    } else {
      nest.shape.push_back(shape[axis]);
    }
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (merge) {
        nest.strides[i].back() = operands[i].strides[axis];
      } else {
        nest.strides[i].push_back(operands[i].strides[axis]);
      }
    }
  }
  if (nest.shape.empty()) {
    nest.shape = {1};
    for (auto& s : nest.strides) s = {0};
  }
  return nest;
}

// Elements [first, last) of the result, whose places are counted in the merged nest.
KOINON_INLINE void piece(Function f, const Nest& nest, std::span<const Stretched> operands, Array out, std::int64_t first,
                         std::int64_t last) {
  std::int64_t buffer[3][kChunk] = {};
  std::int64_t result[kChunk];
  const std::int64_t inner = nest.shape.back();
  const std::size_t outer = nest.shape.size() - 1;
  for (std::int64_t at = first; at < last;) {
    const std::int64_t column = at % inner;
    const std::int64_t n = std::min({kChunk, inner - column, last - at});
    for (std::size_t i = 0; i < operands.size(); ++i) {
      std::int64_t offset = column * nest.strides[i][outer], rest = at / inner;
      for (std::size_t axis = outer; axis-- > 0;) {
        offset += rest % nest.shape[axis] * nest.strides[i][axis];
        rest /= nest.shape[axis];
      }
      load(operands[i].array, offset, nest.strides[i][outer], n, buffer[i]);
    }
    apply_all(f, buffer, n, result);
    store(out, at, n, result);
    at += n;
  }
}

void piece_plain(Function f, const Nest& nest, std::span<const Stretched> operands, Array out, std::int64_t first,
                 std::int64_t last) {
  piece(f, nest, operands, out, first, last);
}
KOINON_AVX2 void piece_avx2(Function f, const Nest& nest, std::span<const Stretched> operands, Array out, std::int64_t first,
                            std::int64_t last) {
  piece(f, nest, operands, out, first, last);
}

}  // namespace

std::int64_t integer_sqrt(std::int64_t x) {
  std::int64_t root = 0;
  for (std::int64_t bit = std::int64_t{1} << 30; bit != 0; bit >>= 1) {
    const std::int64_t next = root | bit;
    if (next * next <= x) root = next;
  }
  return root;
}

void elementwise(const Context& context, Function function, const Shape& shape, std::span<const Stretched> operands,
                 Array out) {
  if (context.isa == Isa::ref) return elementwise_ref(function, shape, operands, out);
  const Nest nest = merge_axes(shape, operands);
  const std::int64_t total = tensor::element_count(shape);
  context.parallel_for((total + kTask - 1) / kTask, [&](std::int64_t task) {
    const std::int64_t first = task * kTask, last = std::min(total, first + kTask);
    if (has_avx2(context.isa)) {
      piece_avx2(function, nest, operands, out, first, last);
    } else {
      piece_plain(function, nest, operands, out, first, last);
    }
  });
}

void elementwise_ref(Function function, const Shape& shape, std::span<const Stretched> operands, Array out) {
  const std::int64_t total = tensor::element_count(shape);
  for (std::int64_t at = 0; at < total; ++at) {
    std::int64_t v[3] = {0, 0, 0};
    for (std::size_t i = 0; i < operands.size(); ++i) {
      std::int64_t offset = 0, rest = at;
      for (std::size_t axis = shape.size(); axis-- > 0;) {
        offset += rest % shape[axis] * operands[i].strides[axis];
        rest /= shape[axis];
      }
      v[i] = operands[i].array.at(offset);
    }
    out.set(at, apply(function, v[0], v[1], v[2]));
  }
}

}  // namespace koinon::engine::kernels
