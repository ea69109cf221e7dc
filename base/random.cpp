#include "base/random.hpp"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>

#include "base/hash.hpp"

namespace koinon::base {

void SystemRandom::fill(std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const auto got = getrandom(out.data() + done, out.size() - done, 0);
    if (got > 0) done += static_cast<std::size_t>(got);
    KOINON_INVARIANT(got > 0 || errno == EINTR);
  }
}

void SeededRandom::fill(std::span<std::uint8_t> out) {
  for (std::size_t at = 0; at < out.size(); at += 32) {
    const auto block = keccak256({be64(seed_), be64(counter_++)});
    const auto n = std::min<std::size_t>(32, out.size() - at);
    std::copy_n(block.bytes.begin(), n, out.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

}  // namespace koinon::base
