// Blocks of a chain compiled for AVX2 and AVX-512, and tables of bytes.
#include "engine/kernels/chain_block.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#define KOINON_AVX2 __attribute__((target("avx2")))
#define KOINON_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
#define KOINON_VBMI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi")))
#endif

namespace koinon::engine::kernels {

#if defined(__x86_64__)
namespace chain_block {

KOINON_AVX2 void avx2_narrow(const Block& block, Isa isa) { run<std::int32_t>(block, isa); }
KOINON_AVX2 void avx2_wide(const Block& block, Isa isa) { run<std::int64_t>(block, isa); }
KOINON_AVX512 void avx512_narrow(const Block& block, Isa isa) { run<std::int32_t>(block, isa); }
KOINON_AVX512 void avx512_wide(const Block& block, Isa isa) { run<std::int64_t>(block, isa); }

}  // namespace chain_block

namespace {

KOINON_VBMI void map_vbmi(const std::uint8_t* x, std::int64_t count, const std::uint8_t* table, std::uint8_t* y) {
  __m512i quarter[4];
  for (int i = 0; i < 4; ++i) quarter[i] = _mm512_loadu_si512(table + 64 * i);
  for (std::int64_t i = 0; i < count; i += 64) {
    const __mmask64 inside = count - i >= 64 ? ~__mmask64{0} : (__mmask64{1} << (count - i)) - 1;
    const __m512i at = _mm512_maskz_loadu_epi8(inside, x + i);
    const __m512i below = _mm512_permutex2var_epi8(quarter[0], at, quarter[1]);
    const __m512i above = _mm512_permutex2var_epi8(quarter[2], at, quarter[3]);
    _mm512_mask_storeu_epi8(y + i, inside, _mm512_mask_blend_epi8(_mm512_movepi8_mask(at), below, above));
  }
}

bool has_vbmi() {
  static const bool has = __builtin_cpu_supports("avx512vbmi") != 0;
  return has;
}

}  // namespace
#endif

void map_bytes([[maybe_unused]] Isa isa, const std::uint8_t* x, std::int64_t count, const std::uint8_t* table,
               std::uint8_t* y) {
#if defined(__x86_64__)
  if (isa == Isa::avx512 && has_vbmi()) return map_vbmi(x, count, table, y);
#endif
  for (std::int64_t i = 0; i < count; ++i) y[i] = table[x[i]];
}

}  // namespace koinon::engine::kernels
