#pragma once
#include "trust/proof/ntt.hpp"

namespace koinon::trust::proof {

/// True when the processor has AVX2, asked once.
bool has_avx2();

/// out[i] = a[i] * b[i]. Uses AVX2 where the processor has it.
void multiply(std::span<const Fp> a, std::span<const Fp> b, std::span<Fp> out);
/// The same in scalar code.
void multiply_ref(std::span<const Fp> a, std::span<const Fp> b, std::span<Fp> out);

}  // namespace koinon::trust::proof
