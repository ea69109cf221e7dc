#pragma once
#include "engine/kernels/gemm.hpp"

namespace koinon::engine::kernels {

/// gemm with AVX-512 VNNI. Where the target has none this is gemm_ref.
void gemm_avx512(const Context& context, const Gemm& job);

}  // namespace koinon::engine::kernels
