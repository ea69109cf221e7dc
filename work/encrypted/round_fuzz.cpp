// What a training client sends first: what decodes encodes to the bytes it came from, and a server outlives it.
#include <cstdlib>

#include "trust/private/models/bundle.hpp"
#include "work/encrypted/round_server.hpp"

namespace {
koinon::base::SystemRandom random_source;
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace koinon;
  const base::ByteView bytes(data, size);
  const auto sent = work::RowsSent::decode(bytes);
  if (!sent) return 0;
  if (sent->encode() != base::Bytes(bytes.begin(), bytes.end())) std::abort();
  work::RoundServer server({.training_bytes = 1 << 20, .sessions = 1}, random_source, nullptr);
  if (server.open(bytes)) return 0;
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  using namespace koinon;
  const trust::fhe::LogisticRule rule{.features = 2, .rows = 3, .feature_bound = 3, .weight_bound = 7};
  return {work::RowsSent{rule, {1, 2, 3}}.encode()};
}
