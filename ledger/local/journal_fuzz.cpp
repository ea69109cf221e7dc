#include "base/result.hpp"
#include "ledger/local/journal.hpp"

using namespace koinon::ledger;
using namespace koinon::ledger::local;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds();

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  const auto content = read_journal(bytes);
  if (!content) return 0;
  Bytes again;
  for (const auto& record : content->records) {
    const auto one = encode_record(record);
    again.insert(again.end(), one.begin(), one.end());
  }
  KOINON_INVARIANT(again == Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(content->whole)));
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  auto seed = encode_record(JournalRecord::transaction({1, 2, 3}));
  for (const auto& record : {JournalRecord::block(3, 9), JournalRecord::result({}, {})}) {
    const auto one = encode_record(record);
    seed.insert(seed.end(), one.begin(), one.end());
  }
  return {seed};
}
