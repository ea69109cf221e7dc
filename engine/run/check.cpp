#include "engine/run/check.hpp"

#include "engine/run/layout.hpp"

namespace koinon::engine::run {
namespace {

using base::Code;
using base::fail;
using base::Status;
using tensor::IntTensor;

Status check_input(const program::Input& want, const IntTensor& got) {
  if (got.dtype != want.info.dtype || got.shape != want.info.shape)
    return fail(Code::invalid_argument, "[run] input {} is {} {}: {} {} expected", want.name, dtype_name(got.dtype),
                tensor::shape_text(got.shape), dtype_name(want.info.dtype), tensor::shape_text(want.info.shape));
  if (got.bytes.size() != byte_size(want.info))
    return fail(Code::invalid_argument, "[run] input {} has {} bytes: {} expected", want.name, got.bytes.size(),
                byte_size(want.info));
  return tensor::with_dtype(got.dtype, [&](auto t) -> Status {
    const auto values = got.values<decltype(t)>();
    // Without a way out in the middle, many at once: a state of megabytes comes in with every token.
    auto least = values[0], most = values[0];
    for (auto v : values) {
      least = v < least ? v : least;
      most = v > most ? v : most;
    }
    if (least >= want.low && most <= want.high) return {};
    for (auto v : values)
      if (v < want.low || v > want.high)
        return fail(Code::out_of_range, "[run] input {} holds {}: {} to {} expected", want.name, static_cast<std::int64_t>(v),
                    want.low, want.high);
    return {};
  });
}

}  // namespace

Status check_inputs(const program::Program& program, std::span<const IntTensor> inputs) {
  if (!program.has_weights()) return fail(Code::invalid_argument, "[run] the program's weights are hidden");
  if (inputs.size() != program.inputs.size())
    return fail(Code::invalid_argument, "[run] {} inputs: {} expected", inputs.size(), program.inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) KOINON_CHECK(check_input(program.inputs[i], inputs[i]));
  return {};
}

}  // namespace koinon::engine::run
