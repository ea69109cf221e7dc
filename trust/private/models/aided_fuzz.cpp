// Decoder of clients' halves: what decodes encodes to the bytes it came from.
#include <cstdlib>

#include "engine/program/builder.hpp"
#include "trust/private/models/aided.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace koinon;
  const base::ByteView bytes(data, size);
  const auto aided = trust::fhe::decode_aided(bytes);
  if (aided && trust::fhe::encode(*aided) != base::Bytes(bytes.begin(), bytes.end())) std::abort();
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  using namespace koinon;
  using engine::tensor::IntTensor;
  engine::program::Builder b;
  auto x = b.input("x", {engine::tensor::DType::i8, {1, 2}}, {}, -1, 1);
  const auto w = b.weight(IntTensor::of<std::int8_t>({2, 2}, {1, -1, 2, 1}));
  const auto table = b.table(IntTensor::of<std::int8_t>({7}, {3, 1, 2, 0, 1, 1, 2}));
  x = b.matmul(x, w);
  x = b.matmul(b.lookup(x, table, -3), w);
  b.output("y", x, {});
  return {trust::fhe::encode(*trust::fhe::compile_aided(*b.finish({})))};
}
