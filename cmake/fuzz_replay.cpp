// Runs a fuzz target without libFuzzer: every seed, then a fixed number of deterministic mutations of the seeds. So each
// decoder is attacked in the ordinary tests, with any compiler. `program N` runs N mutations instead of the default.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

/// A target defines this to give its seeds: well-formed inputs from which mutations start.
std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds();
__attribute__((weak)) std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() { return {{}}; }

namespace {

struct Dice {
  std::uint64_t state;
  std::uint64_t roll(std::uint64_t sides) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return sides == 0 ? 0 : (state >> 33) % sides;
  }
};

void mutate(std::vector<std::uint8_t>& bytes, Dice& dice) {
  static constexpr std::uint8_t kEdges[] = {0, 1, 0x7f, 0x80, 0xff, 0xfe};
  for (auto changes = 1 + dice.roll(6); changes > 0; --changes) {
    const auto at = static_cast<std::ptrdiff_t>(dice.roll(bytes.size() + 1));
    const bool inside = at < static_cast<std::ptrdiff_t>(bytes.size());
    switch (dice.roll(6)) {
      case 0:
        if (inside) bytes[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1U << dice.roll(8));
        break;
      case 1:
        if (inside) bytes[static_cast<std::size_t>(at)] = kEdges[dice.roll(6)];
        break;
      case 2: bytes.insert(bytes.begin() + at, static_cast<std::uint8_t>(dice.roll(256))); break;
      case 3:
        if (inside) bytes.erase(bytes.begin() + at);
        break;
      case 4: bytes.resize(static_cast<std::size_t>(at)); break;
      default:
        if (inside)
          bytes.insert(
              bytes.end(), bytes.begin() + at,
              bytes.begin() + at + static_cast<std::ptrdiff_t>(dice.roll(bytes.size() - static_cast<std::size_t>(at)) % 512));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto seeds = koinon_fuzz_seeds();
  const auto rounds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20'000ULL;
  for (const auto& seed : seeds) LLVMFuzzerTestOneInput(seed.data(), seed.size());
  Dice dice{1};
  for (std::uint64_t i = 0; i < rounds; ++i) {
    auto bytes = seeds[dice.roll(seeds.size())];
    mutate(bytes, dice);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::printf("%zu seeds and %llu mutations\n", seeds.size(), static_cast<unsigned long long>(rounds));
}
