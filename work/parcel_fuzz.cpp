#include <algorithm>

#include "work/parcel.hpp"

using koinon::work::Delivery;
using koinon::work::Parcel;

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  return {Parcel{.salt = {}, .parts = {{1, 2, 3}, {}}}.encode(),
          Delivery{.outputs = {{4}}, .output_root = {}, .trace_root = {}, .signature = {}}.encode()};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const koinon::base::ByteView bytes(data, size);
  // One object has one encoding: whatever decodes encodes to the same bytes.
  if (const auto parcel = Parcel::decode(bytes); parcel && !std::ranges::equal(parcel->encode(), bytes)) __builtin_trap();
  if (const auto delivery = Delivery::decode(bytes); delivery && !std::ranges::equal(delivery->encode(), bytes))
    __builtin_trap();
  return 0;
}
