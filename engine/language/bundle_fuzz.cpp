// A bundle of a language model: whatever it accepts encodes to the same bytes.
#include "engine/language/bundle.hpp"
#include "engine/language/random_model.hpp"

namespace base = koinon::base;
namespace language = koinon::engine::language;

namespace {

base::Bytes small_bundle(std::int64_t chunk) {
  language::BuildOptions options;
  options.chunk = chunk;
  const language::Config config{"gpt2", 1, 4, 1, 1, 4, 4, 8, 260, 1e-5, 0, language::Activation::relu, false, false};
  return language::encode_bundle(language::random_folder(config, options, 1));
}

}  // namespace

std::vector<base::Bytes> koinon_fuzz_seeds() { return {small_bundle(1), small_bundle(2)}; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView bytes(data, size);
  const auto folder = language::decode_bundle(bytes);
  if (!folder) return 0;
  const auto again = language::encode_bundle(*folder);
  if (!std::ranges::equal(again, bytes)) __builtin_trap();
  return 0;
}
