// Decoders of plans of sums and of their ciphertexts: what decodes encodes to the bytes it came from.
#include <cstdlib>

#include "work/encrypted/sum_plan.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace koinon;
  const base::ByteView bytes(data, size);
  const base::Bytes given(bytes.begin(), bytes.end());
  const auto plan = work::SumPlan::decode(bytes);
  if (plan && plan->encode() != given) std::abort();
  const auto ciphers = work::SumCiphers::decode(bytes);
  if (ciphers && ciphers->encode() != given) std::abort();
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  using namespace koinon;
  return {work::SumPlan::make(10, 3, 1.5)->encode(), work::SumCiphers{2, {1, 2, 3}}.encode()};
}
