// tokenizer.json: whatever comes, a tokeniser that gives back every text, or an error.
#include "engine/language/tokeniser.hpp"

namespace base = koinon::base;
namespace language = koinon::engine::language;

namespace {

/// All bytes, and a few merges.
std::string small_tokeniser(bool strings) {
  std::string vocabulary;
  int number = 0;
  const auto add = [&](const std::string& token) {
    vocabulary += (number == 0 ? "\"" : ",\"") + token + "\":" + std::to_string(number);
    ++number;
  };
  int extra = 0;
  for (int b = 0; b < 256; ++b) {
    const bool prints = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    const int code = prints ? b : 256 + extra++;
    if (code == '"' || code == '\\') {
      add(std::string("\\") + static_cast<char>(code));
    } else if (code < 128) {
      add(std::string(1, static_cast<char>(code)));
    } else {
      add({static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 63))});
    }
  }
  for (const char* token : {"th", "the", "\xc4\xa0the"}) add(token);
  const std::string merges = strings ? R"("t h","th e","\u0120 the")" : R"(["t","h"],["th","e"],["\u0120","the"])";
  return R"({"added_tokens":[{"id":259,"content":"<|endoftext|>"}],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel"},)"
         R"("model":{"type":"BPE","vocab":{)" +
         vocabulary + "},\"merges\":[" + merges + "]}}";
}

}  // namespace

std::vector<base::Bytes> koinon_fuzz_seeds() {
  std::vector<base::Bytes> out;
  for (bool strings : {false, true}) {
    const auto text = small_tokeniser(strings);
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
