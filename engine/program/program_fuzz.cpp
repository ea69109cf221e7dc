// The decoder of .koinon files: whatever it accepts encodes to the same bytes.
#include "engine/program/builder.hpp"

namespace {

using namespace koinon::engine::program;
namespace base = koinon::base;

base::Bytes small_program() {
  Builder b;
  const Ref x = b.input("x", {DType::i8, {1, 4, 4, 2}}, Scale{1, -7}, -127, 127);
  std::vector<std::int8_t> weights(3 * 3 * 2 * 3);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<std::int8_t>(i * 7 % 31) - 15;
  const Ref w = b.weight(IntTensor::of<std::int8_t>({3, 3, 3, 2}, weights));
  const Ref acc = b.conv(x, w, {1, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
  const Ref m = b.weight(IntTensor::of<std::int16_t>({3}, {9, 8, 7})), s = b.weight(IntTensor::of<std::int8_t>({1}, {10}));
  const Ref y = b.requantise(acc, m, s, -8, 7, DType::i8);
  const Ref t = b.lookup(y, b.table(IntTensor::of<std::int8_t>({16}, std::vector<std::int8_t>(16, 3))), -8);
  ReduceParams window{ReduceOp::max, {1, 2, 2, 1}, {1, 2, 2, 1}, {1, 1, 1, 1}, {0, 0, 0, 0}, {0, 0, 0, 0}};
  const Ref pooled = b.reshape(b.reduce(t, window), {1, 12});
  const auto [largest, order] = b.topk(b.prefix_sum(pooled, 1, DType::i16), 1, 5);
  const Ref rows = b.gather(largest, b.argmax(largest, 1), 1, 1);
  b.output("y", b.scatter(largest, b.weight(IntTensor::of<std::int8_t>({1}, {2})), rows, 1), Scale{3, -9});
  b.output("order", order, Scale{});
  return encode(b.finish({"fuzz", "", "", ""}).value());
}

}  // namespace

std::vector<koinon::base::Bytes> koinon_fuzz_seeds() {
  const auto open = small_program();
  return {open, encode(decode(open).value(), false)};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const koinon::base::ByteView bytes(data, size);
  const auto program = decode(bytes);
  if (!program) return 0;
  const auto again = encode(*program);
  if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) __builtin_trap();
  return 0;
}
