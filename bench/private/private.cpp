#include <benchmark/benchmark.h>

#include "trust/private/field/ntt.hpp"

namespace koinon::trust::fhe {
namespace {

void transform(benchmark::State& state, const Kernels* k, bool forward) {
  const auto n = static_cast<std::size_t>(state.range(0));
  if (k == nullptr) return state.SkipWithError("not on this processor");
  const Ntt ntt(n, Modulus((*primes_below(50, 2 * n, 1, {}))[0]));
  std::vector<double> a(n);
  for (std::size_t i = 0; i < n; ++i) a[i] = static_cast<double>(i * 12345677);
  for (auto _ : state) {
    forward ? ntt.forward(a.data(), *k) : ntt.inverse(a.data(), *k);
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(transform, forward_avx2, avx2_kernels(), true)
    ->RangeMultiplier(2)
    ->Range(4096, 65536)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(transform, inverse_avx2, avx2_kernels(), false)
    ->RangeMultiplier(2)
    ->Range(4096, 65536)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(transform, forward_portable, &portable_kernels(), true)
    ->RangeMultiplier(2)
    ->Range(4096, 65536)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace koinon::trust::fhe
