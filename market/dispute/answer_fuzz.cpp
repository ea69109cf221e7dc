#include "market/dispute/answer_bytes.hpp"

/// What decodes encodes to the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const koinon::base::ByteView bytes(data, size);
  const auto answer = koinon::market::decode_answer(bytes);
  if (!answer) return 0;
  const auto again = koinon::market::encode_answer(*answer);
  if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) __builtin_trap();
  return 0;
}
