// Speed of the kernels, against their scalar twins in the same run. A result that differs from the twin's is refused.
#include <benchmark/benchmark.h>

#include <random>

#include "engine/kernels/gemm.hpp"
#include "engine/kernels/requantise.hpp"

namespace {

using namespace koinon::engine::kernels;
using koinon::engine::tensor::IntTensor;

IntTensor random_tensor(DType dtype, Shape shape) {
  std::mt19937_64 random(1);
  IntTensor t = IntTensor::zeros(dtype, std::move(shape));
  for (auto& b : t.bytes) b = static_cast<std::uint8_t>(random());
  return t;
}

void matmul_bench(benchmark::State& state, DType a_type, DType b_type, DType type, bool check) {
  const std::int64_t n = state.range(0);
  const auto a = random_tensor(a_type, {n, n}), b = random_tensor(b_type, {n, n});
  auto y = IntTensor::zeros(type, {n, n});
  const Matmul job{1, n, n, n, true, {a_type, a.bytes.data()}, {b_type, b.bytes.data()}, {}, {type, y.bytes.data()}};
  for (auto _ : state) {
    matmul({nullptr, best_isa()}, job);
    benchmark::DoNotOptimize(y.bytes.data());
  }
  if (check) {
    auto want = IntTensor::zeros(type, {n, n});
    Matmul ref = job;
    ref.out = {type, want.bytes.data()};
    matmul_ref(ref);
    if (want != y) state.SkipWithError("differs from the scalar twin");
  }
  state.counters["GOP/s"] =
      benchmark::Counter(2e-9 * static_cast<double>(n * n * n), benchmark::Counter::kIsIterationInvariantRate);
}

void requantise_bench(benchmark::State& state, bool fast) {
  const std::int64_t n = 256, rows = 4096;
  const auto x = random_tensor(DType::i32, {rows, n});
  auto m = IntTensor::zeros(DType::i16, {n}), s = IntTensor::zeros(DType::i8, {n}), y = IntTensor::zeros(DType::i8, {rows, n});
  for (std::int64_t i = 0; i < n; ++i) m.set(i, 16384 + i);
  for (std::int64_t i = 0; i < n; ++i) s.set(i, 38);
  const Requantise job{{rows, n},
                       {DType::i32, x.bytes.data()},
                       {{DType::i16, m.bytes.data()}, {0, 1}},
                       {{DType::i8, s.bytes.data()}, {0, 1}},
                       -127,
                       127,
                       {DType::i8, y.bytes.data()}};
  for (auto _ : state) {
    if (fast)
      requantise({nullptr, best_isa()}, job);
    else
      requantise_ref(job);
    benchmark::DoNotOptimize(y.bytes.data());
  }
  state.counters["G/s"] =
      benchmark::Counter(1e-9 * static_cast<double>(n * rows), benchmark::Counter::kIsIterationInvariantRate);
}

BENCHMARK_CAPTURE(matmul_bench, i8_i8_i32, DType::i8, DType::i8, DType::i32, true)->Arg(256);
BENCHMARK_CAPTURE(matmul_bench, i8_i8_i32, DType::i8, DType::i8, DType::i32, false)->Arg(1024);
BENCHMARK_CAPTURE(matmul_bench, i16_i8_i32, DType::i16, DType::i8, DType::i32, false)->Arg(1024);
BENCHMARK_CAPTURE(matmul_bench, i16_i16_i64, DType::i16, DType::i16, DType::i64, true)->Arg(256);
BENCHMARK_CAPTURE(matmul_bench, i16_i16_i64, DType::i16, DType::i16, DType::i64, false)->Arg(1024);
BENCHMARK_CAPTURE(requantise_bench, fast, true);
BENCHMARK_CAPTURE(requantise_bench, ref, false);

}  // namespace
