// A transcript: whatever comes, one that is written as it was read, or an error.
#include <nlohmann/json.hpp>

#include "engine/language/transcript.hpp"

namespace base = koinon::base;
namespace language = koinon::engine::language;

std::vector<base::Bytes> koinon_fuzz_seeds() {
  language::Transcript t;
  t.prompt = {1, 2, 3};
  t.generated = {4};
  t.links.resize(2);
  t.links[1].states.resize(2);
  const auto text = language::to_json(t).dump();
  return {base::Bytes(text.begin(), text.end())};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = language::read_transcript({data, size});
  if (!read) return 0;
  const auto text = language::to_json(*read).dump();
  const auto again = language::read_transcript(base::as_bytes(text));
  if (!again || *again != *read) __builtin_trap();
  return 0;
}
