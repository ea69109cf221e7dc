#include "engine/train/arith/lanes.hpp"

#include "engine/train/arith/lanes_tables.hpp"

namespace koinon::engine::train {

const Lanes& lanes(kernels::Isa isa) {
#if defined(__x86_64__)
  static const bool fused = __builtin_cpu_supports("fma") != 0;
  return kernels::has_avx2(isa) && fused ? lanes_avx2() : lanes_ref();
#else
  return kernels::has_avx2(isa) ? lanes_avx2() : lanes_ref();
#endif
}

}  // namespace koinon::engine::train
