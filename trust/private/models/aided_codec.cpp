// Bytes of a client's half of a program, and of the plans of its layers.
#include <algorithm>

#include "base/codec.hpp"
#include "engine/program/bounds.hpp"
#include "trust/private/models/aided.hpp"
#include "trust/private/models/stages.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using engine::program::Program;

constexpr std::string_view kPlanMagic = "KNPS";
constexpr std::string_view kMagic = "KNPA";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kMaxParameters = 1024;
constexpr std::size_t kMaxPlan = 16 << 20;
constexpr std::size_t kMaxProgram = 64 << 20;
constexpr std::size_t kMaxLayers = 4096;
constexpr std::size_t kMaxSide = 1 << 20;
constexpr std::int64_t kMostOffset = std::int64_t{1} << 47;

Result<base::Reader> opened(base::ByteView bytes, std::string_view magic) {
  base::Reader in(bytes);
  KOINON_TRY(const auto head, in.raw(magic.size()));
  if (base::as_text(head) != magic) return fail(Code::malformed, "[private] the bytes do not start with {}", magic);
  KOINON_TRY(const auto version, in.number<std::uint16_t>());
  if (version != kVersion) return fail(Code::unsupported, "[private] version {}: {} expected", version, kVersion);
  return in;
}

Status check(const SharedPlan& plan) {
  const auto half = static_cast<std::int64_t>(plan.parameters.plain / 2);
  const auto fits = [&](const SharedPlan::Place& place) {
    return place.result < plan.results && place.at < plan.parameters.degree;
  };
  if (plan.inputs < 1 || plan.inputs > plan.parameters.degree || plan.results < 1 || plan.results > plan.places.size() ||
      plan.low > plan.high || plan.low < -half || plan.high > half || plan.bound < 0 || plan.bound > half ||
      plan.result_level < 1 || plan.result_level > plan.parameters.primes.size() || !std::ranges::all_of(plan.places, fits))
    return fail(Code::malformed, "[private] plan of {} inputs in [{}, {}], {} sums up to {} in {} results", plan.inputs,
                plan.low, plan.high, plan.places.size(), plan.bound, plan.results);
  return {};
}

std::size_t elements(const engine::program::TensorInfo& info) {
  return static_cast<std::size_t>(engine::tensor::element_count(info.shape));
}

/// None, or one for each sum.
Result<std::vector<std::int64_t>> decode_offsets(base::Reader& in, std::size_t sums) {
  KOINON_TRY(const auto count, in.number<std::uint32_t>());
  if (count != 0 && count != sums) return fail(Code::malformed, "[private] {} offsets of {} sums", count, sums);
  std::vector<std::int64_t> out;
  for (std::uint32_t i = 0; i < count; ++i) {
    KOINON_TRY(const auto offset, in.number<std::int64_t>());
    if (offset < -kMostOffset || offset > kMostOffset)
      return fail(Code::malformed, "[private] offset {}: within {} expected", offset, kMostOffset);
    out.push_back(offset);
  }
  return out;
}

/// A section takes the program's input and the sums of `layers` before it.
Status check_inputs(const AidedProgram& program, const Program& section, std::size_t layers, const char* name) {
  const auto& input = program.description.inputs[0];
  bool right = section.has_weights() && section.inputs.size() == layers + 1 && section.inputs[0].info == input.info &&
               section.inputs[0].low <= input.low && section.inputs[0].high >= input.high;
  for (std::size_t i = 0; right && i < layers; ++i)
    right = elements(section.inputs[i + 1].info) == program.layers[i].plan.places.size();
  if (!right)
    return fail(Code::malformed, "[private] the steps {} take {} inputs: the program's and {} layers' sums expected", name,
                section.inputs.size(), layers);
  return {};
}

/// Every value that the steps before a layer can give is one that its plan takes, and they run whatever they are given.
Status check_range(const AidedProgram::Layer& layer, std::size_t number) {
  KOINON_TRY(const auto ranges, engine::program::analyse(layer.before));
  const auto& range = ranges[layer.before.outputs[0].ref.index()];
  if (range.low < layer.plan.low || range.high > layer.plan.high)
    return fail(
        Code::malformed,
        "[private] the steps before layer {} give [{}, {}], its plan takes [{}, {}]: where a run would stop could depend "
        "on the input",
        number, range.low, range.high, layer.plan.low, layer.plan.high);
  return {};
}

/// Rounds are no more than the program's products.
Status check_count(const AidedProgram& program) {
  const auto products = std::ranges::count_if(program.description.steps, [](const auto& step) {
    return step.kind == engine::program::StepKind::matmul || step.kind == engine::program::StepKind::conv;
  });
  if (program.layers.size() <= static_cast<std::size_t>(products)) return {};
  return fail(Code::malformed, "[private] {} layers: the program has {} products", program.layers.size(), products);
}

Status check(const AidedProgram& program) {
  if (program.description.inputs.size() != 1 || program.layers.empty())
    return fail(Code::malformed, "[private] {} inputs and {} layers: one and more expected", program.description.inputs.size(),
                program.layers.size());
  KOINON_CHECK(check_count(program));
  for (std::size_t i = 0; i < program.layers.size(); ++i) {
    const auto& layer = program.layers[i];
    KOINON_CHECK(check_inputs(program, layer.before, i, "before a layer"));
    const auto& outputs = layer.before.outputs;
    if (outputs.size() != 1 || elements(info_of(layer.before, outputs[0].ref.index())) != layer.plan.inputs)
      return fail(Code::malformed, "[private] the steps before layer {} do not give its {} inputs", i, layer.plan.inputs);
    KOINON_CHECK(check_range(layer, i));
  }
  KOINON_CHECK(check_inputs(program, program.rest, program.layers.size(), "after all layers"));
  if (program.rest.outputs.size() != program.description.outputs.size())
    return fail(Code::malformed, "[private] {} outputs: the program has {}", program.rest.outputs.size(),
                program.description.outputs.size());
  return {};
}

}  // namespace

base::Bytes encode(const SharedPlan& plan) {
  base::Writer out;
  out.raw(base::as_bytes(kPlanMagic));
  out.number(kVersion);
  out.blob(encode(plan.parameters));
  out.number(static_cast<std::uint32_t>(plan.inputs));
  out.number(static_cast<std::uint32_t>(plan.results));
  out.number(static_cast<std::uint8_t>(plan.result_level));
  for (const auto v : {plan.low, plan.high, plan.bound}) out.number(v);
  out.number(static_cast<std::uint32_t>(plan.places.size()));
  for (const auto& place : plan.places) {
    out.number(place.result);
    out.number(place.at);
  }
  return std::move(out).take();
}

Result<SharedPlan> decode_shared_plan(base::ByteView bytes) {
  KOINON_TRY(auto in, opened(bytes, kPlanMagic));
  KOINON_TRY(const auto parameters, in.blob(kMaxParameters));
  SharedPlan out;
  KOINON_TRY(out.parameters, decode_parameters(parameters));
  KOINON_TRY(out.inputs, in.number<std::uint32_t>());
  KOINON_TRY(out.results, in.number<std::uint32_t>());
  KOINON_TRY(out.result_level, in.number<std::uint8_t>());
  for (auto* v : {&out.low, &out.high, &out.bound}) {
    KOINON_TRY(*v, in.number<std::int64_t>());
  }
  KOINON_TRY(const auto places, in.number<std::uint32_t>());
  if (places > kMaxSide || places > bytes.size() / 8)
    return fail(Code::malformed, "[private] {} sums in {} bytes", places, bytes.size());
  for (std::uint32_t i = 0; i < places; ++i) {
    SharedPlan::Place place;
    KOINON_TRY(place.result, in.number<std::uint32_t>());
    KOINON_TRY(place.at, in.number<std::uint32_t>());
    out.places.push_back(place);
  }
  KOINON_CHECK(in.finish());
  KOINON_CHECK(check(out));
  return out;
}

base::Bytes encode(const AidedProgram& program) {
  base::Writer out;
  out.raw(base::as_bytes(kMagic));
  out.number(kVersion);
  out.blob(engine::program::encode(program.description, false));
  out.number(static_cast<std::uint16_t>(program.layers.size()));
  for (const auto& layer : program.layers) {
    out.number(static_cast<std::uint32_t>(layer.step));
    out.blob(encode(layer.plan));
    out.number(static_cast<std::uint32_t>(layer.offsets.size()));
    for (const auto offset : layer.offsets) out.number(offset);
    out.blob(engine::program::encode(layer.before));
  }
  out.blob(engine::program::encode(program.rest));
  return std::move(out).take();
}

Result<AidedProgram> decode_aided(base::ByteView bytes) {
  KOINON_TRY(auto in, opened(bytes, kMagic));
  const auto program = [&]() -> Result<Program> {
    KOINON_TRY(const auto blob, in.blob(kMaxProgram));
    return engine::program::decode(blob);
  };
  AidedProgram out;
  KOINON_TRY(out.description, program());
  if (!out.description.weights.empty() && out.description.has_weights())
    return fail(Code::malformed, "[private] a description with weights: one without expected");
  KOINON_TRY(const auto layers, in.number<std::uint16_t>());
  if (layers > kMaxLayers) return fail(Code::malformed, "[private] {} layers: at most {}", layers, kMaxLayers);
  for (std::uint16_t i = 0; i < layers; ++i) {
    AidedProgram::Layer layer;
    KOINON_TRY(layer.step, in.number<std::uint32_t>());
    KOINON_TRY(const auto plan, in.blob(kMaxPlan));
    KOINON_TRY(layer.plan, decode_shared_plan(plan));
    KOINON_TRY(layer.offsets, decode_offsets(in, layer.plan.places.size()));
    KOINON_TRY(layer.before, program());
    out.layers.push_back(std::move(layer));
  }
  KOINON_TRY(out.rest, program());
  KOINON_CHECK(in.finish());
  KOINON_CHECK(check(out));
  return out;
}

}  // namespace koinon::trust::fhe
