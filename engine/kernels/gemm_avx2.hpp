#pragma once
#include "engine/kernels/gemm.hpp"

namespace koinon::engine::kernels {

/// gemm with AVX2. Where the target has no AVX2 this is gemm_ref.
void gemm_avx2(const Context& context, const Gemm& job);

}  // namespace koinon::engine::kernels
