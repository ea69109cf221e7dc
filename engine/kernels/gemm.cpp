#include "engine/kernels/gemm.hpp"

#include <algorithm>
#include <vector>

#include "engine/kernels/gemm_avx2.hpp"
#include "engine/kernels/gemm_avx512.hpp"

namespace koinon::engine::kernels {

void widen(ConstArray from, std::int64_t first, std::int64_t count, std::int16_t* to) {
  if (from.dtype == DType::i8) {
    const auto* p = reinterpret_cast<const std::int8_t*>(from.data) + first;
    for (std::int64_t i = 0; i < count; ++i) to[i] = p[i];
  } else {
    KOINON_INVARIANT(from.dtype == DType::i16);
    std::memcpy(to, from.data + first * 2, static_cast<std::size_t>(count) * 2);
  }
}

void gemm_ref(const Gemm& job) {
  std::vector<std::int16_t> row(static_cast<std::size_t>(job.k));
  for (std::int64_t i = 0; i < job.m; ++i) {
    job.a_row(i, 0, job.k, row.data());
    for (std::int64_t j = 0; j < job.n; ++j) {
      // Wraps modulo 2^64, which is exact: the result is proved to fit.
      std::uint64_t sum = job.bias.data != nullptr ? static_cast<std::uint64_t>(job.bias.at(j)) : 0;
      for (std::int64_t l = 0; l < job.k; ++l)
        sum += static_cast<std::uint64_t>(row[static_cast<std::size_t>(l)] * job.b.at(j * job.k + l));
      job.out.set(i * job.out_stride + j, static_cast<std::int64_t>(sum));
    }
  }
}

void gemm(const Context& context, const Gemm& job) {
  // A few rows are as fast as B is read.
  const bool bytes = job.a_dtype == DType::i8 && job.b.dtype == DType::i8 && job.out.dtype == DType::i32 && job.a_bytes;
  if (context.isa == Isa::avx512 && job.m > 3) return gemm_avx512(context, job);
  if (context.isa == Isa::avx512 && bytes) return few_rows_avx512(context, job);
  if (has_avx2(context.isa)) return gemm_avx2(context, job);
  gemm_ref(job);
}

namespace {

template <class F>
void each_batch(const Matmul& job, F&& run) {
  const auto size = [](DType t) { return static_cast<std::int64_t>(tensor::dtype_size(t)); };
  for (std::int64_t i = 0; i < job.batch; ++i) {
    const ConstArray a{job.a.dtype, job.a.data + i * job.m * job.k * size(job.a.dtype)};
    Gemm g;
    g.m = job.m;
    g.n = job.n;
    g.k = job.k;
    g.a_dtype = job.a.dtype;
    g.a_row = [a, k = job.k](std::int64_t row, std::int64_t first, std::int64_t count, std::int16_t* to) {
      widen(a, row * k + first, count, to);
    };
    if (a.dtype == DType::i8)
      g.a_bytes = [a, k = job.k](std::int64_t row, std::int64_t first, std::int64_t count, std::int8_t* to) {
        std::memcpy(to, a.data + row * k + first, static_cast<std::size_t>(count));
      };
    g.b = {job.b.dtype, job.b.data + (job.shared_b ? 0 : i * job.n * job.k * size(job.b.dtype))};
    g.bias = job.bias;
    g.out = {job.out.dtype, job.out.data + i * job.m * job.n * size(job.out.dtype)};
    g.out_stride = job.n;
    run(g);
  }
}

}  // namespace

void matmul(const Context& context, const Matmul& job) {
  Matmul whole = job;
  if (job.shared_b) {
    whole.m *= whole.batch;
    whole.batch = 1;
  }
  each_batch(whole, [&](const Gemm& g) { gemm(context, g); });
}

void matmul_ref(const Matmul& job) {
  each_batch(job, [](const Gemm& g) { gemm_ref(g); });
}

}  // namespace koinon::engine::kernels
