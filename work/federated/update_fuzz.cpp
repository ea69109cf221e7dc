#include <cstddef>

#include "work/federated/update.hpp"

using namespace koinon;

/// Updates of a model of three values: what decodes must encode to the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const base::ByteView view(bytes, size);
  if (const auto update = work::federated::decode_update(view, 3)) {
    const auto again = work::federated::encode_update(*update);
    KOINON_INVARIANT(base::Bytes(view.begin(), view.end()) == again);
  }
  return 0;
}

std::vector<base::Bytes> koinon_fuzz_seeds() {
  return {work::federated::encode_update(work::federated::Values{1, -2, 0.5F}), work::federated::encode_update({})};
}
