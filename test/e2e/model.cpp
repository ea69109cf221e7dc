#include "test/e2e/model.hpp"

#include "base/random.hpp"
#include "engine/program/builder.hpp"
#include "work/inference/inference.hpp"

namespace koinon::test::e2e {
namespace {

using engine::program::Builder;
using engine::tensor::DType;
using engine::tensor::IntTensor;

constexpr std::int8_t kLow = -60;
constexpr std::int8_t kHigh = 60;

Model finish(Builder& builder, const std::string& name) {
  Model out;
  out.program = builder.finish({name, "Koinon", "Apache-2.0", ""}).value();
  out.id = engine::program::program_id(out.program);
  out.file = engine::program::encode(out.program);
  return out;
}

}  // namespace

std::vector<base::Bytes> Model::input(std::uint64_t which) const {
  base::SeededRandom random(which);
  std::vector<base::Bytes> out;
  for (const auto& input : program.inputs) {
    auto tensor = IntTensor::zeros(input.info.dtype, input.info.shape);
    random.fill(tensor.bytes);
    for (auto& byte : tensor.bytes) byte = static_cast<std::uint8_t>(kLow + byte % (kHigh - kLow + 1));
    out.push_back(tensor.bytes);
  }
  return out;
}

work::Outcome Model::run(const std::vector<base::Bytes>& input) const {
  return work::Inference().run({id, file, input}, {}).value();
}

Model small_model() {
  Builder b;
  std::vector<std::int8_t> weights;
  for (int i = 0; i < 32; ++i) weights.push_back(static_cast<std::int8_t>(7 * i % 23 - 11));
  const auto x = b.input("x", {DType::i8, {1, 8}}, {}, kLow, kHigh);
  b.output("y", b.matmul(x, b.weight(IntTensor::of<std::int8_t>({4, 8}, weights))), {});
  return finish(b, "small");
}

Model wide_model() {
  Builder b;
  const auto x = b.input("x", {DType::i8, {10240, 8}}, {}, kLow, kHigh);
  b.output("y", b.add(x, x, DType::i8), {});
  return finish(b, "wide");
}

}  // namespace koinon::test::e2e
