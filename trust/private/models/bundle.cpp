#include "trust/private/models/bundle.hpp"

#include "base/codec.hpp"
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
constexpr std::size_t kMaxCipher = 256 << 20;

enum Kind : std::uint8_t { kLinear = 1, kNetwork = 2 };

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

/// The parts of a bundle fit each other.
Status check(const Bundle& bundle) {
  const auto size = [](const engine::program::TensorInfo& info) {
    return static_cast<std::uint64_t>(engine::tensor::element_count(info.shape));
  };
  if (bundle.description.inputs.size() != 1 || bundle.rest.inputs.size() != 1)
    return fail(Code::malformed, "[private] {} and {} inputs: one of the program and one of the rest expected",
                bundle.description.inputs.size(), bundle.rest.inputs.size());
  const auto& port = bundle.description.inputs[0];
  const auto each = bundle.thermometer ? static_cast<std::uint64_t>(port.high) - static_cast<std::uint64_t>(port.low) : 1;
  if (each == 0 || each > 65536 || size(port.info) * each != bundle.inputs() ||
      size(bundle.rest.inputs[0].info) != outputs(bundle))
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

Result<std::uint64_t> memory_of(const Bundle& bundle) {
  if (const auto* plan = linear(bundle)) {
    const auto row = std::uint64_t{plan->parameters.degree} * sizeof(double);
    const auto levels = plan->parameters.primes.size();
    return row * levels * (2 * plan->chunks + 2 * plan->groups + plan->chunks * plan->groups + 4);
  }
  KOINON_TRY(const auto cost, cost_of(network(bundle)));
  return cost.memory_bytes;
}

Result<Compiled> compile(const engine::program::Program& program) {
  KOINON_TRY(auto description, engine::program::decode(engine::program::encode(program, false)));
  Compiled out;
  out.bundle.description = std::move(description);
  if (auto cut = compile_linear(program)) {
    KOINON_TRY(out.bundle.plan, plan_linear(cut->layer));
    out.bundle.rest = std::move(cut->rest);
    out.weights = std::move(cut->layer);
    return out;
  }
  KOINON_TRY(auto cut, compile_network(program));
  KOINON_TRY(out.bundle.plan, plan_network(cut.network));
  out.bundle.thermometer = cut.thermometer;
  out.bundle.rest = std::move(cut.rest);
  out.weights = std::move(cut.network);
  return out;
}

base::Bytes encode(const Bundle& bundle) {
  base::Writer out;
  out.raw(base::as_bytes(kMagic));
  out.number(kVersion);
  out.number(static_cast<std::uint8_t>(linear(bundle) ? kLinear : kNetwork));
  out.blob(std::visit([](const auto& p) { return encode(p); }, bundle.plan));
  out.number(static_cast<std::uint8_t>(bundle.thermometer ? 1 : 0));
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
  KOINON_TRY(const auto thermometer, in.number<std::uint8_t>());
  if (thermometer > 1) return fail(Code::malformed, "[private] flag {}: 0 or 1 expected", thermometer);
  out.thermometer = thermometer == 1;
  KOINON_TRY(const auto description, in.blob(kMaxProgram));
  KOINON_TRY(out.description, engine::program::decode(description));
  if (engine::program::encode(out.description, false) != base::Bytes(description.begin(), description.end()))
    return fail(Code::malformed, "[private] a description with weights: one without expected");
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
  if (linear(bundle)) return encrypt_inputs(context, *linear(bundle), key, x, random);
  NetworkProgram port;
  port.thermometer = bundle.thermometer;
  port.low = bundle.description.inputs[0].low;
  port.high = bundle.description.inputs[0].high;
  KOINON_TRY(const auto encoded, port.encode_input(x));
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
