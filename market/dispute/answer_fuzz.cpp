#include <algorithm>

#include "market/dispute/answer_bytes.hpp"

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  koinon::trust::optimistic::Answer answer;
  answer.length = 3;
  answer.hashes.resize(2);
  answer.data = {1, 2, 3};
  answer.siblings.resize(1);
  answer.count = 9;
  answer.list.resize(4);
  return {koinon::market::encode_answer(answer), koinon::market::encode_answer({})};
}

/// What decodes encodes to the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const koinon::base::ByteView bytes(data, size);
  const auto answer = koinon::market::decode_answer(bytes);
  if (!answer) return 0;
  const auto again = koinon::market::encode_answer(*answer);
  if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) __builtin_trap();
  return 0;
}
