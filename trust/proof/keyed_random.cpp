#include "trust/proof/keyed_random.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "trust/proof/keccak.hpp"

namespace koinon::trust::proof {

void KeyedRandom::fill(std::span<std::uint8_t> out) {
  constexpr std::string_view kLabel = "koinon.random";
  std::array<std::uint8_t, kLabel.size() + 40> message{};
  std::copy(kLabel.begin(), kLabel.end(), message.begin());
  std::copy(key_.bytes.begin(), key_.bytes.end(), message.begin() + kLabel.size());
  for (std::size_t at = 0; at < out.size(); at += 32) {
    const auto number = base::be64(counter_++);
    std::copy(number.begin(), number.end(), message.end() - 8);
    const auto block = keccak256_once(message);
    std::copy_n(block.bytes.begin(), std::min<std::size_t>(32, out.size() - at), out.begin() + static_cast<std::ptrdiff_t>(at));
  }
  base::wipe(message);
}

}  // namespace koinon::trust::proof
