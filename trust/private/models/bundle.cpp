#include "trust/private/models/bundle.hpp"

#include <algorithm>
#include <bit>

#include "base/codec.hpp"
#include "trust/private/models/constants.hpp"
#include "trust/private/models/sums.hpp"
#include "trust/private/serial.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;

constexpr std::string_view kMagic = "KNPB";
constexpr std::string_view kListMagic = "KNCT";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kMaxPlan = 4096;
constexpr std::size_t kMaxProgram = 64 << 20;
constexpr std::size_t kMaxCuts = 4 << 20;
constexpr std::size_t kMaxCipher = 256 << 20;
constexpr std::uint64_t kMaxThermometer = 65536;  ///< bits of one element

enum Kind : std::uint8_t { kLinear = 1, kNetwork = 2 };
enum Coding : std::uint8_t { kIntegers = 0, kThermometers = 1, kBits = 2 };

Result<base::Reader> opened(base::ByteView bytes, std::string_view magic) {
  base::Reader in(bytes);
  KOINON_TRY(const auto head, in.raw(magic.size()));
  if (base::as_text(head) != magic) return fail(Code::malformed, "[private] the bytes do not start with {}", magic);
  KOINON_TRY(const auto version, in.number<std::uint16_t>());
  if (version != kVersion) return fail(Code::unsupported, "[private] version {}: {} expected", version, kVersion);
  return in;
}

const LinearPlan* linear(const Bundle& bundle) { return std::get_if<LinearPlan>(&bundle.plan); }
const NetworkPlan& network(const Bundle& bundle) { return std::get<NetworkPlan>(bundle.plan); }
std::size_t outputs(const Bundle& bundle) { return linear(bundle) ? linear(bundle)->outputs : network(bundle).outputs; }

/// Bytes of one part of a ciphertext of a level as it travels.
std::uint64_t part_bytes(const Parameters& parameters, std::size_t level) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < level; ++i) bits += static_cast<std::uint64_t>(std::bit_width(parameters.primes[i]));
  return parameters.degree * bits / 8;
}

/// The parts of a bundle fit each other.
Status check(const Bundle& bundle) {
  const auto size = [](const engine::program::TensorInfo& info) {
    return static_cast<std::uint64_t>(engine::tensor::element_count(info.shape));
  };
  if (bundle.description.inputs.size() != 1 || bundle.rest.inputs.empty())
    return fail(Code::malformed, "[private] {} and {} inputs: one of the program and some of the rest expected",
                bundle.description.inputs.size(), bundle.rest.inputs.size());
  const auto& port = bundle.description.inputs[0];
  const bool full = bundle.thermometer && bundle.cuts.empty();
  const auto each = full ? static_cast<std::uint64_t>(port.high) - static_cast<std::uint64_t>(port.low) : 1;
  const auto bits = bundle.cuts.empty() ? size(port.info) * std::min<std::uint64_t>(each, 1 << 20) : bit_count(bundle.cuts);
  std::uint64_t sums = 0;
  for (const auto& input : bundle.rest.inputs) sums += size(input.info);
  if (each == 0 || each > kMaxThermometer || bits != bundle.inputs() || sums != outputs(bundle) ||
      (!bundle.cuts.empty() && bundle.cuts.size() != size(port.info)))
    return fail(Code::malformed, "[private] a plan of {} inputs and {} outputs for a program of {} elements", bundle.inputs(),
                outputs(bundle), size(port.info));
  if (!bundle.rest.has_weights()) return fail(Code::malformed, "[private] the rest has no constants");
  return {};
}

}  // namespace

const Parameters& Bundle::parameters() const {
  return std::visit([](const auto& p) -> const Parameters& { return p.parameters; }, plan);
}
std::size_t Bundle::inputs() const {
  return std::visit([](const auto& p) { return p.inputs; }, plan);
}
std::size_t input_count(const Bundle& bundle) { return linear(bundle) ? linear(bundle)->chunks : network(bundle).chunks(); }
std::size_t result_count(const Bundle& bundle) { return linear(bundle) ? linear(bundle)->groups : network(bundle).results(); }

Result<RunCost> run_cost(const Bundle& bundle) {
  RunCost out;
  KOINON_TRY(out.memory_bytes, memory_of(bundle));
  if (const auto* plan = linear(bundle)) {
    const auto& p = plan->parameters;
    // A fresh ciphertext is one part and a seed, a result two parts.
    out.input_bytes = plan->chunks * part_bytes(p, p.primes.size());
    out.result_bytes = plan->groups * 2 * part_bytes(p, plan->result_level);
    constexpr double kProduct = 1.1e-3 / 4096;  // seconds a coefficient, packing and flooding included: measured
    out.seconds = kProduct * p.degree * static_cast<double>(plan->chunks * plan->groups);
    return out;
  }
  KOINON_TRY(const auto cost, cost_of(network(bundle)));
  out.key_bytes = cost.key_bytes;
  out.input_bytes = cost.input_bytes;
  out.result_bytes = cost.result_bytes;
  out.seconds = cost.seconds;
  return out;
}

Result<std::uint64_t> memory_of(const Bundle& bundle) {
  if (const auto* plan = linear(bundle)) {
    const auto row = std::uint64_t{plan->parameters.degree} * sizeof(double);
    const auto levels = plan->parameters.primes.size();
    return row * levels * (2 * plan->chunks + 2 * plan->groups + plan->chunks * plan->groups + 4);
  }
  KOINON_TRY(const auto cost, cost_of(network(bundle)));
  return cost.memory_bytes;
}

namespace {

Result<Compiled> as_linear(LinearProgram cut) {
  Compiled out;
  KOINON_TRY(out.bundle.plan, plan_linear(cut.layer));
  out.bundle.rest = std::move(cut.rest);
  out.weights = std::move(cut.layer);
  return out;
}

Result<Compiled> as_network(NetworkProgram cut) {
  Compiled out;
  KOINON_TRY(out.bundle.plan, plan_network(cut.network));
  out.bundle.thermometer = cut.thermometer;
  out.bundle.cuts = std::move(cut.cuts);
  out.bundle.rest = std::move(cut.rest);
  out.weights = std::move(cut.network);
  return out;
}

Result<Compiled> as_sums(SumsProgram cut) {
  Compiled out;
  KOINON_TRY(out.bundle.plan, plan_linear(cut.layer));
  out.bundle.thermometer = true;
  out.bundle.cuts = std::move(cut.cuts);
  out.bundle.rest = std::move(cut.rest);
  out.weights = std::move(cut.layer);
  return out;
}

Result<Compiled> compile_folded(const engine::program::Program& program) {
  if (auto cut = compile_linear(program)) return as_linear(*std::move(cut));
  auto cut = compile_network(program);
  if (cut) return as_network(*std::move(cut));
  if (auto sums = compile_sums(program)) return as_sums(*std::move(sums));
  return fail(cut.error());
}

}  // namespace

Result<Compiled> compile(const engine::program::Program& program) {
  KOINON_TRY(auto description, engine::program::decode(engine::program::encode(program, false)));
  KOINON_TRY(const auto folded, fold_constants(program));
  auto out = compile_folded(folded);
  const auto gone = program.steps.size() - folded.steps.size();
  if (!out && gone > 0)
    return fail(out.error().code, "{} (steps are counted without the {} that take constants alone)", out.error().text, gone);
  if (out) out->bundle.description = std::move(description);
  return out;
}

base::Bytes encode(const Bundle& bundle) {
  base::Writer out;
  out.raw(base::as_bytes(kMagic));
  out.number(kVersion);
  out.number(static_cast<std::uint8_t>(linear(bundle) ? kLinear : kNetwork));
  out.blob(std::visit([](const auto& p) { return encode(p); }, bundle.plan));
  out.number(static_cast<std::uint8_t>(!bundle.thermometer ? kIntegers : bundle.cuts.empty() ? kThermometers : kBits));
  if (!bundle.cuts.empty()) out.blob(encode(bundle.cuts));
  out.blob(engine::program::encode(bundle.description, false));
  out.blob(engine::program::encode(bundle.rest));
  return std::move(out).take();
}

Result<Bundle> decode_bundle(base::ByteView bytes) {
  KOINON_TRY(auto in, opened(bytes, kMagic));
  KOINON_TRY(const auto kind, in.number<std::uint8_t>());
  KOINON_TRY(const auto plan, in.blob(kMaxPlan));
  Bundle out;
  if (kind == kLinear) {
    KOINON_TRY(out.plan, decode_linear_plan(plan));
  } else if (kind == kNetwork) {
    KOINON_TRY(out.plan, decode_network_plan(plan));
  } else {
    return fail(Code::unsupported, "[private] plan of kind {}: 1 or 2 expected", kind);
  }
  KOINON_TRY(const auto coding, in.number<std::uint8_t>());
  if (coding > kBits) return fail(Code::malformed, "[private] coding {} of inputs: at most {} expected", coding, int{kBits});
  out.thermometer = coding != kIntegers;
  base::ByteView cuts;
  if (coding == kBits) {
    KOINON_TRY(cuts, in.blob(kMaxCuts));
  }
  KOINON_TRY(const auto description, in.blob(kMaxProgram));
  KOINON_TRY(out.description, engine::program::decode(description));
  if (engine::program::encode(out.description, false) != base::Bytes(description.begin(), description.end()))
    return fail(Code::malformed, "[private] a description with weights: one without expected");
  if (coding == kBits) {
    if (out.description.inputs.empty()) return fail(Code::malformed, "[private] cuts of a program without inputs");
    KOINON_TRY(out.cuts, decode_cuts(cuts, out.description.inputs[0].low, out.description.inputs[0].high));
    if (out.cuts.empty()) return fail(Code::malformed, "[private] cuts of no element");
  }
  KOINON_TRY(const auto rest, in.blob(kMaxProgram));
  KOINON_TRY(out.rest, engine::program::decode(rest));
  KOINON_CHECK(in.finish());
  KOINON_CHECK(check(out));
  return out;
}

base::Bytes encode(const Context& context, std::span<const Ciphertext> ciphers) {
  base::Writer out;
  out.raw(base::as_bytes(kListMagic));
  out.number(kVersion);
  out.number(static_cast<std::uint32_t>(ciphers.size()));
  for (const auto& c : ciphers) out.blob(encode(context, c));
  return std::move(out).take();
}

Result<std::vector<Ciphertext>> decode_ciphertexts(const Context& context, base::ByteView bytes, std::size_t most) {
  KOINON_TRY(auto in, opened(bytes, kListMagic));
  KOINON_TRY(const auto count, in.number<std::uint32_t>());
  if (count > most) return fail(Code::malformed, "[private] {} ciphertexts: at most {} expected", count, most);
  std::vector<Ciphertext> out;
  for (std::uint32_t i = 0; i < count; ++i) {
    KOINON_TRY(const auto one, in.blob(kMaxCipher));
    KOINON_TRY(out.emplace_back(), decode_ciphertext(context, one));
  }
  KOINON_CHECK(in.finish());
  return out;
}

Result<EvaluationKeys> make_keys(const Context& context, const Bundle& bundle, const SecretKey& key, base::Random& random,
                                 base::ThreadPool* pool) {
  if (linear(bundle)) return EvaluationKeys{};
  return make_network_keys(context, network(bundle), key, random, pool);
}

Result<std::vector<Ciphertext>> encrypt_inputs(const Context& context, const Bundle& bundle, const SecretKey& key,
                                               std::span<const std::int64_t> x, base::Random& random) {
  if (linear(bundle) && !bundle.thermometer) return encrypt_inputs(context, *linear(bundle), key, x, random);
  if (!bundle.cuts.empty() && x.size() != bundle.cuts.size())
    return fail(Code::invalid_argument, "[private] {} inputs: {} expected", x.size(), bundle.cuts.size());
  NetworkProgram port;
  port.cuts = bundle.cuts;
  port.thermometer = bundle.thermometer;
  port.low = bundle.description.inputs[0].low;
  port.high = bundle.description.inputs[0].high;
  KOINON_TRY(const auto encoded, port.encode_input(x));
  if (linear(bundle)) return encrypt_inputs(context, *linear(bundle), key, encoded, random);
  return encrypt_inputs(context, network(bundle), key, encoded, random);
}

Result<Packed> pack(const Context& context, const Compiled& program) {
  if (const auto* plan = linear(program.bundle)) {
    KOINON_TRY(auto model, pack_linear(context, *plan, std::get<LinearLayer>(program.weights)));
    return Packed(std::move(model));
  }
  KOINON_TRY(auto model, pack_network(context, network(program.bundle), std::get<TableNetwork>(program.weights)));
  return Packed(std::move(model));
}

namespace {

Result<std::vector<Ciphertext>> evaluated(const Context& context, const Packed& model, const EvaluationKeys& keys,
                                          std::span<const Ciphertext> inputs, base::ThreadPool* pool,
                                          const NetworkProgress& progress, const NetworkWatch& watch) {
  if (const auto* layer = std::get_if<LinearModel>(&model)) return evaluate_linear(context, *layer, inputs, pool);
  return evaluate_network(context, std::get<NetworkModel>(model), keys, inputs, pool, progress, watch);
}

}  // namespace

Result<std::vector<Ciphertext>> evaluate_open(const Context& context, const Packed& model, const EvaluationKeys& keys,
                                              std::span<const Ciphertext> inputs, base::ThreadPool* pool,
                                              const NetworkProgress& progress, const NetworkWatch& watch) {
  KOINON_TRY(auto results, evaluated(context, model, keys, inputs, pool, progress, watch));
  const Evaluator evaluator(context, nullptr, pool);
  const auto& noise = evaluator.plan();
  for (auto& c : results)
    while (c.level > 1 && noise.fits("switch", noise.switched(c.noise, c.level), c.level - 1)) {
      KOINON_TRY(c, evaluator.switch_modulus(c));
    }
  return results;
}

Result<std::vector<Ciphertext>> evaluate(const Context& context, const Compiled& program, const EvaluationKeys& keys,
                                         const PublicKey& open, std::span<const Ciphertext> inputs, const base::Hash& seed,
                                         base::ThreadPool* pool, const NetworkProgress& progress) {
  KOINON_TRY(const auto model, pack(context, program));
  KOINON_TRY(const auto results, evaluated(context, model, keys, inputs, pool, progress, {}));
  if (const auto* plan = linear(program.bundle)) return conceal(context, *plan, open, results, seed);
  return conceal(context, network(program.bundle), open, results, seed);
}

Result<std::vector<engine::tensor::IntTensor>> decrypt_results(const Context& context, const Bundle& bundle,
                                                               const SecretKey& key, std::span<const Ciphertext> results) {
  std::vector<std::int64_t> sums;
  if (linear(bundle)) {
    KOINON_TRY(sums, decrypt_outputs(context, *linear(bundle), key, results));
  } else {
    KOINON_TRY(sums, decrypt_outputs(context, network(bundle), key, results));
  }
  return finish(bundle.rest, sums);
}

}  // namespace koinon::trust::fhe
