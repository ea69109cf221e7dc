#include "trust/private/field/kernels.hpp"

namespace koinon::trust::fhe {

#if defined(__x86_64__)
const Kernels& avx2_kernels_unchecked();

const Kernels* avx2_kernels() {
  static const bool usable = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  return usable ? &avx2_kernels_unchecked() : nullptr;
}
#else
const Kernels* avx2_kernels() { return nullptr; }
#endif

const Kernels& kernels() {
  static const Kernels& chosen = avx2_kernels() != nullptr ? *avx2_kernels() : portable_kernels();
  return chosen;
}

}  // namespace koinon::trust::fhe
