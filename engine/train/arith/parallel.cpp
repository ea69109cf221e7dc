#include "engine/train/arith/parallel.hpp"

#include <algorithm>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace koinon::engine::train {

#if defined(__x86_64__)
namespace {
constexpr unsigned kPlain = 0x1f80;  // MXCSR: all exceptions masked, round to nearest, FTZ and DAZ off
}
FloatMode::FloatMode() : before_(_mm_getcsr()) {
  if ((before_ & ~0x3fU) != kPlain) _mm_setcsr(kPlain);
}
FloatMode::~FloatMode() {
  if ((before_ & ~0x3fU) != kPlain) _mm_setcsr(static_cast<unsigned>(before_));
}
#elif defined(__aarch64__)
// FPCR 0: round to nearest, subnormals kept, NaNs carried on, no traps.
FloatMode::FloatMode() {
  asm volatile("mrs %0, fpcr" : "=r"(before_));
  if (before_ != 0) asm volatile("msr fpcr, %0" ::"r"(std::uint64_t{0}));
}
FloatMode::~FloatMode() {
  if (before_ != 0) asm volatile("msr fpcr, %0" ::"r"(before_));
}
#else
FloatMode::FloatMode() : before_(0) {}
FloatMode::~FloatMode() = default;
#endif

void parallel(const Machine& machine, std::int64_t n, const std::function<void(std::int64_t)>& body) {
  machine.parallel_for(n, [&](std::int64_t i) {
    const FloatMode mode;
    body(i);
  });
}

void chunks(const Machine& machine, std::int64_t n, const std::function<void(std::int64_t, std::int64_t)>& body) {
  const auto count = (n + kChunk - 1) / kChunk;
  parallel(machine, count, [&](std::int64_t i) { body(i * kChunk, std::min(kChunk, n - i * kChunk)); });
}

}  // namespace koinon::engine::train
