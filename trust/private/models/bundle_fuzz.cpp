// Decoder of bundles: what decodes encodes to the bytes it came from.
#include <cstdlib>

#include "engine/program/builder.hpp"
#include "trust/private/models/bundle.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace koinon;
  const base::ByteView bytes(data, size);
  const auto bundle = trust::fhe::decode_bundle(bytes);
  if (bundle && trust::fhe::encode(*bundle) != base::Bytes(bytes.begin(), bytes.end())) std::abort();
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  using namespace koinon;
  using engine::program::Builder;
  using engine::tensor::IntTensor;
  const auto seed = [](bool network) {
    Builder b;
    auto x = b.input("x", {engine::tensor::DType::i8, {1, 2}}, {}, -1, 1);
    const auto w = b.weight(IntTensor::of<std::int8_t>({2, 2}, {1, -1, 2, 1}));
    x = b.matmul(x, w);
    const auto table = b.table(IntTensor::of<std::int8_t>({7}, {3, 1, 2, 0, 1, 1, 2}));
    if (network) x = b.matmul(b.lookup(x, table, -3), w);
    b.output("y", x, {});
    return trust::fhe::encode((*trust::fhe::compile(*b.finish({}))).bundle);
  };
  Builder b;
  const auto x = b.input("x", {engine::tensor::DType::i32, {1, 2}}, {}, -(1 << 30), 1 << 30);
  const auto limits = b.weight(IntTensor::of<std::int8_t>({1, 2}, {5, -9}));
  const auto bits = b.compare(x, limits, engine::program::CompareOp::less);
  const auto w = b.weight(IntTensor::of<std::int8_t>({2, 2}, {1, -1, 2, 1}));
  b.output("y", b.matmul(bits, w), {});
  const auto cuts = trust::fhe::encode((*trust::fhe::compile(*b.finish({}))).bundle);
  return {seed(false), seed(true), cuts};
}
