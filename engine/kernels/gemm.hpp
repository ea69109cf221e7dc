#pragma once
#include <functional>

#include "engine/kernels/array.hpp"
#include "engine/kernels/context.hpp"

namespace koinon::engine::kernels {

/// out[i][j] = bias[j] + sum over l of a[i][l] * b[j][l], for a [m, k] and b [n, k] of i8 or i16. The result is i32 or i64 and
/// fits its type; partial sums may wrap, which is exact modulo 2^32 and 2^64.
struct Gemm {
  std::int64_t m = 0, n = 0, k = 0;
  DType a_dtype = DType::i8;
  /// Writes a[row][first .. first + count) as i16. May be called from several threads at once.
  std::function<void(std::int64_t row, std::int64_t first, std::int64_t count, std::int16_t* to)> a_row;
  /// The same as i8, for an A of i8; may be empty.
  std::function<void(std::int64_t row, std::int64_t first, std::int64_t count, std::int8_t* to)> a_bytes;
  ConstArray b;     ///< rows of k elements, contiguous
  ConstArray bias;  ///< n elements, or data null
  Array out;
  std::int64_t out_stride = 0;  ///< elements between rows of out
};

void gemm(const Context& context, const Gemm& job);
void gemm_ref(const Gemm& job);

/// Widens `count` elements of an i8 or i16 array to i16.
void widen(ConstArray from, std::int64_t first, std::int64_t count, std::int16_t* to);

/// The product of `batch` pairs of row-major matrices, a [m, k] by b [n, k] (one b for all when `shared_b`).
struct Matmul {
  std::int64_t batch = 1, m = 0, n = 0, k = 0;
  bool shared_b = true;
  ConstArray a, b, bias;
  Array out;
};

void matmul(const Context& context, const Matmul& job);
void matmul_ref(const Matmul& job);

}  // namespace koinon::engine::kernels
