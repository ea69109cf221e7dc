// tokenizer.json: whatever comes, a tokeniser that gives back every text, or an error.
#include "engine/language/random_model.hpp"

namespace base = koinon::base;
namespace language = koinon::engine::language;

std::vector<base::Bytes> koinon_fuzz_seeds() {
  std::vector<base::Bytes> out;
  for (bool strings : {false, true}) {
    const auto text = language::byte_tokeniser(strings);
    out.emplace_back(text.begin(), text.end());
  }
  return out;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto tokeniser = language::read_bpe(base::as_text({data, size}));
  if (!tokeniser) return 0;
  const std::string text = "The other<|endoftext|> 12  \xc3\xa9\xff the ''ve";
  const auto tokens = (*tokeniser)->encode(text);
  if (!tokens) __builtin_trap();
  const auto back = (*tokeniser)->text(*tokens);
  if (back != text && back != " " + text && back.find(' ') == std::string::npos) __builtin_trap();
  return 0;
}
