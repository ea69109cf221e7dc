#pragma once
#include "engine/kernels/gemm.hpp"

namespace koinon::engine::kernels {

/// gemm with AVX-512 VNNI. Where the target has none this is gemm_ref.
void gemm_avx512(const Context& context, const Gemm& job);
/// The same for few rows: B is read where it lies. Precondition: i8 by i8 into i32, with a_bytes.
void few_rows_avx512(const Context& context, const Gemm& job);

}  // namespace koinon::engine::kernels
