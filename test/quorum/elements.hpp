#pragma once
#include <functional>

#include "engine/program/builder.hpp"
#include "engine/program/params.hpp"
#include "test/quorum/chain.hpp"
#include "test/quorum/openings.hpp"

namespace koinon::test::quorum {

using engine::program::Builder;
using engine::program::DType;
using engine::program::Ref;
using engine::program::Scale;
using engine::tensor::IntTensor;
using engine::tensor::Shape;

/// Any values that the type holds, the extremes often.
inline IntTensor fill(base::Random& random, DType type, const Shape& shape) {
  auto out = IntTensor::zeros(type, shape);
  random.fill(out.bytes);
  const auto width = engine::tensor::dtype_size(type);
  for (std::size_t at = 0; at + width <= out.bytes.size(); at += width) {
    const auto lot = random.u64() % 8;
    if (lot > 1) continue;
    for (std::size_t i = 0; i < width; ++i) out.bytes[at + i] = lot == 0 ? 0 : 0xff;
    out.bytes[at + width - 1] = lot == 0 ? 0x80 : 0x7f;  // the lowest, the highest
  }
  return out;
}

/// The same trace with another value of element `index` of the last tensor.
inline Trace falsified(Trace trace, std::uint64_t index, base::Random& random) {
  auto& out = trace.values.back();
  const auto width = engine::tensor::dtype_size(out.dtype);
  out.bytes[index * width + random.u64() % width] ^= static_cast<std::uint8_t>(1 + random.u64() % 255);
  return trace;
}

/// The contract that recomputes an element, on a ledger of its own.
class Elements : public ChainTest {
 protected:
  ElementChecks contract_ = deploy<ElementChecks>("ElementChecks");
  base::SeededRandom random_{11};

  base::Result<bool> refutes(const Trace& trace, std::size_t step, std::uint64_t index, std::uint8_t output = 0) {
    return contract_.refutes(trace.id(), trace.root(), open_element(trace, {step, index, output}));
  }

  /// A program of one step on random inputs of these shapes, which may be built with further constants.
  using Build = std::function<void(Builder&, const std::vector<Ref>&)>;
  Trace one_step(DType type, const std::vector<Shape>& shapes, const Build& build) {
    Builder b;
    const auto limit = std::int64_t{1} << (8 * engine::tensor::dtype_size(type) - 1);
    std::vector<IntTensor> inputs;
    std::vector<Ref> refs;
    for (const auto& shape : shapes) {
      inputs.push_back(fill(random_, type, shape));
      refs.push_back(b.input("x" + std::to_string(refs.size()), {type, shape}, Scale{}, -limit, limit - 1));
    }
    build(b, refs);
    auto program = b.finish({});
    KOINON_INVARIANT(program.has_value());
    return trace_of(*std::move(program), std::move(inputs));
  }

  base::Result<bool> refutes(const Trace& trace, const Where& where) {
    return contract_.refutes(trace.id(), trace.root(), open_element(trace, where));
  }

  /// Every output of the only step: no true element is refuted, a false one is.
  void expect_agreement(const Trace& trace, const std::string& name) {
    ASSERT_EQ(trace.program.steps.size(), 1U) << name;
    const auto& step = trace.program.steps[0];
    for (std::uint8_t output = 0; output < step.outputs.size(); ++output) {
      const auto at = step.first_output + output;
      const auto count = static_cast<std::uint64_t>(trace.values[at].size());
      for (int i = 0; i < 4; ++i) {
        const auto index = random_.u64() % count;
        const auto honest = refutes(trace, 0, index, output);
        ASSERT_TRUE(honest) << name << ": " << honest.error().text;
        ASSERT_FALSE(*honest) << name << ", element " << index << " of output " << int{output};
        auto lie = trace;
        auto& bytes = lie.values[at].bytes;
        const auto width = engine::tensor::dtype_size(lie.values[at].dtype);
        bytes[index * width + random_.u64() % width] ^= static_cast<std::uint8_t>(1 + random_.u64() % 255);
        ASSERT_TRUE(refutes(lie, 0, index, output).value()) << name << ", element " << index;
      }
    }
  }
};

}  // namespace koinon::test::quorum
