#include "engine/language/generate.hpp"

namespace koinon::engine::language {
namespace {

using base::Code;
using base::fail;
using base::Status;
using program::Program;
using program::TensorInfo;
using tensor::DType;

Status wrong(std::string_view what) { return fail(Code::malformed, "[language] not a language model's program: {}", what); }

TensorInfo info_of(const Program& p, const program::Output& output) {
  const auto index = output.ref.index();
  if (index < p.inputs.size()) return p.inputs[index].info;
  for (const auto& step : p.steps)
    if (index >= step.first_output && index < step.first_output + step.outputs.size())
      return step.outputs[index - step.first_output];
  return {};
}

/// The parts of a program that generate.cpp relies on.
Status check_program(const Program& p, std::int64_t taken) {
  static constexpr const char* kNames[] = {"tokens", "position", "coldness", "top_k", "top_p", "draw"};
  if (p.inputs.size() < kFirstState + 2 || p.outputs.size() != p.inputs.size() - kFirstState + kFirstStateOut)
    return wrong("the number of inputs and outputs");
  for (std::size_t i = 0; i < kFirstState; ++i) {
    if (p.inputs[i].name != kNames[i] || p.inputs[i].info != TensorInfo{DType::i32, {i == kTokens ? taken : 1}})
      return wrong(fmt::format("input {} is not '{}' as it must be", i, kNames[i]));
  }
  const auto within = [&](std::size_t i, std::int64_t low, std::int64_t high) {
    return p.inputs[i].low == low && p.inputs[i].high == high;
  };
  if (p.inputs[kTokens].low != 0 || p.inputs[kTokens].high < 1 || p.inputs[kPosition].low != 0 ||
      !within(kColdness, kColdnessLeast, kColdnessMost) || p.inputs[kTopK].low != 1 || !within(kTopP, 1, kShareOne) ||
      !within(kDraw, 0, (1 << kDrawBits) - 1))
    return wrong("the range of an input");
  if (p.outputs[kToken].name != "token" || info_of(p, p.outputs[kToken]) != TensorInfo{DType::i32, {1}} ||
      p.outputs[kLogits].name != "logits")
    return wrong("the first outputs are not 'token' and 'logits'");
  for (std::size_t i = kFirstState; i < p.inputs.size(); ++i) {
    const auto& output = p.outputs[i - kFirstState + kFirstStateOut];
    if (output.name != p.inputs[i].name || info_of(p, output) != p.inputs[i].info || p.inputs[i].low > 0 ||
        p.inputs[i].high < 0)
      return wrong(fmt::format("the state '{}' leaves in another form than it enters", p.inputs[i].name.substr(0, 40)));
  }
  return {};
}

}  // namespace

base::Result<Model> Model::from(Program decode, std::optional<Program> prefill) {
  KOINON_CHECK(check_program(decode, 1));
  Model out;
  out.programs.context = decode.inputs[kPosition].high + 1;
  out.programs.candidates = decode.inputs[kTopK].high;
  out.decode_id = program::program_id(decode);
  if (prefill) {
    if (prefill->inputs.empty() || prefill->inputs[kTokens].info.shape.size() != 1)
      return fail(wrong("the prefill's tokens").error());
    out.programs.chunk = prefill->inputs[kTokens].info.shape[0];
    if (out.programs.chunk < 2) return fail(wrong("a prefill of one token").error());
    KOINON_CHECK(check_program(*prefill, out.programs.chunk));
    auto wanted = decode.inputs;
    wanted[kTokens].info.shape = {out.programs.chunk};
    wanted[kPosition].high = out.programs.context - out.programs.chunk;
    if (prefill->inputs != wanted) return fail(wrong("decode and prefill take different inputs").error());
    out.prefill_id = program::program_id(*prefill);
    out.programs.prefill = std::move(*prefill);
  }
  out.programs.decode = std::move(decode);
  return out;
}

}  // namespace koinon::engine::language
