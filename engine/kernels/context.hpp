#pragma once
#include <cstdint>
#include <functional>

#include "base/thread_pool.hpp"

namespace koinon::engine::kernels {

/// Instruction sets that kernels are written for. Results are the same bit for bit.
enum class Isa { ref, avx2, avx512 };  ///< avx512: with VNNI; it has all that avx2 has

constexpr bool has_avx2(Isa isa) { return isa != Isa::ref; }

/// The fastest one that this processor has, asked at run time.
Isa best_isa();

/// How a kernel runs. Work is split at fixed places, and integer sums are exact: neither field changes a result.
struct Context {
  base::ThreadPool* pool = nullptr;  ///< borrowed; null runs on the calling thread
  Isa isa = Isa::ref;

  /// Calls body(i) for i in [0, n).
  void parallel_for(std::int64_t n, const std::function<void(std::int64_t)>& body) const;
};

}  // namespace koinon::engine::kernels
