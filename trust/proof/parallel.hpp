#pragma once
#include <algorithm>
#include <functional>

#include "base/thread_pool.hpp"

namespace koinon::trust::proof {

/// Calls body(chunk, begin, end) for consecutive parts of [0, n) of `size` each, on the pool when there is one. The split does
/// not depend on the number of threads.
inline void in_chunks(base::ThreadPool* pool, std::size_t n, std::size_t size,
                      const std::function<void(std::size_t, std::size_t, std::size_t)>& body) {
  const std::size_t chunks = (n + size - 1) / size;
  const auto run = [&](std::size_t i) { body(i, i * size, std::min(n, (i + 1) * size)); };
  if (pool != nullptr && chunks > 1)
    pool->parallel_for(chunks, run);
  else
    for (std::size_t i = 0; i < chunks; ++i) run(i);
}

}  // namespace koinon::trust::proof
