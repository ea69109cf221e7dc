#include "ledger/transaction.hpp"

using namespace koinon::ledger;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds();

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  if (const auto tx = decode_transaction(bytes)) {
    KOINON_INVARIANT(tx->raw == Bytes(bytes.begin(), bytes.end()));
  }
  (void)parse_address(koinon::base::as_text(bytes));
  (void)Signature::from_bytes(bytes);
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  koinon::base::SeededRandom random(1);
  const auto key = Key::generate(random);
  const auto signed_tx = sign({31'337, 5, Wei(1), Wei(2), 21'000, key.address(), Wei(3), {1, 2, 3}}, key);
  return {signed_tx.raw, key.sign(signed_tx.hash).bytes()};
}
