#include "engine/kernels/context.hpp"

namespace koinon::engine::kernels {

Isa best_isa() {
#if defined(__x86_64__)
  static const Isa best = [] {
    if (__builtin_cpu_supports("avx2") == 0) return Isa::ref;
    const bool wide = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
                      __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
                      __builtin_cpu_supports("avx512vnni") != 0;
    return wide ? Isa::avx512 : Isa::avx2;
  }();
  return best;
#else
  return Isa::ref;
#endif
}

void Context::parallel_for(std::int64_t n, const std::function<void(std::int64_t)>& body) const {
  if (pool == nullptr || n < 2) {
    for (std::int64_t i = 0; i < n; ++i) body(i);
    return;
  }
  pool->parallel_for(static_cast<std::size_t>(n), [&](std::size_t i) { body(static_cast<std::int64_t>(i)); });
}

}  // namespace koinon::engine::kernels
