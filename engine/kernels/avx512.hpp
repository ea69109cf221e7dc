#pragma once
// What kernels of AVX-512 share: how functions are marked, and loops over registers.
#if defined(__x86_64__)
// g++-12 takes its own header's undefined registers for a mistake of ours (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#define KOINON_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
#define KOINON_INLINE inline __attribute__((always_inline))
// Loops over registers: rolled ones would keep the sums in memory.
#if defined(__clang__)
#define KOINON_UNROLL _Pragma("clang loop unroll(full)")
#else
#define KOINON_UNROLL _Pragma("GCC unroll 12")
#endif

namespace koinon::engine::kernels {

/// The 32 bits at p in every lane.
KOINON_AVX512 KOINON_INLINE __m512i spread(const std::uint8_t* p) {
  std::int32_t v = 0;
  std::memcpy(&v, p, 4);
  return _mm512_set1_epi32(v);
}

}  // namespace koinon::engine::kernels
#endif
