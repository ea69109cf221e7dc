// Decoders of specs and of a buyer's keys: what decodes encodes to the bytes it came from.
#include <cstdlib>

#include "engine/program/builder.hpp"
#include "work/encrypted/buyer_keys.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace koinon;
  const base::ByteView bytes(data, size);
  const base::Bytes same(bytes.begin(), bytes.end());
  if (const auto spec = work::EncryptedSpec::decode(bytes); spec && spec->encode() != same) std::abort();
  if (const auto keys = work::BuyerKeys::decode(bytes); keys && keys->encode() != same) std::abort();
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  using namespace koinon;
  using engine::tensor::IntTensor;
  engine::program::Builder b;
  const auto x = b.input("x", {engine::tensor::DType::i8, {1, 2}}, {}, -1, 1);
  b.output("y", b.matmul(x, b.weight(IntTensor::of<std::int8_t>({2, 2}, {1, -1, 2, 1}))), {});
  base::SeededRandom random(1);
  const auto made = work::BuyerKeys::make(engine::program::encode(*b.finish({})), random, nullptr);
  if (!made) std::abort();
  return {made->spec.encode(), made->keys.encode()};
}
