#include "trust/private/models/linear.hpp"

#include <algorithm>

#include "base/codec.hpp"
#include "trust/private/models/conceal.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;

constexpr std::string_view kMagic = "KNPL";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kMaxParameterBytes = 1024;
constexpr int kMaxPlainBits = 29;
constexpr std::size_t kMaxSide = 1 << 20;

base::Status check(const LinearLayer& layer) {
  const bool right = layer.outputs >= 1 && layer.inputs >= 1 && layer.outputs <= kMaxSide && layer.inputs <= kMaxSide &&
                     layer.weights.size() == layer.outputs * layer.inputs && layer.bias.size() == layer.outputs &&
                     layer.low <= layer.high;
  if (!right)
    return fail(Code::invalid_argument, "[linear] {} outputs of {} inputs with {} weights and {} offsets in [{}, {}]",
                layer.outputs, layer.inputs, layer.weights.size(), layer.bias.size(), layer.low, layer.high);
  return {};
}

Plain zero(std::size_t degree) { return {std::vector<std::int32_t>(degree)}; }

Plain packed_weights(const LinearPlan& plan, const LinearLayer& layer, std::size_t group, std::size_t chunk) {
  auto out = zero(plan.parameters.degree);
  for (std::size_t j = 0; j < plan.group && group * plan.group + j < plan.outputs; ++j)
    for (std::size_t i = 0; i < plan.chunk && chunk * plan.chunk + i < plan.inputs; ++i)
      out.coefficients[j * plan.chunk + plan.chunk - 1 - i] =
          static_cast<std::int32_t>(layer.weights[(group * plan.group + j) * plan.inputs + chunk * plan.chunk + i]);
  return out;
}

/// Noise after a product, masks and flood; then the level that results leave at, or 0 when they would not decrypt.
std::size_t result_level(const LinearPlan& plan, Bits weights) {
  const NoisePlan noise(plan.parameters);
  const auto levels = plan.parameters.primes.size();
  if (!noise.fits("plan", noise.fresh_symmetric(), levels) || !noise.fits("plan", noise.fresh_public(), levels)) return 0;
  auto v = noise.fresh_symmetric() + weights;
  for (std::size_t i = 1; i < plan.chunks; ++i) v = log2_sum(v, noise.fresh_symmetric() + weights);
  v = log2_sum(log2_sum(v, noise.any_plain()), noise.any_plain());  // offsets, masks
  v = flooded(noise, plan.parameters, v, kFloodBits).total;
  if (!noise.fits("plan", v, levels)) return 0;
  auto level = levels;
  while (level > 1 && noise.fits("plan", noise.switched(v, level), level - 1)) v = noise.switched(v, level), --level;
  return level;
}

base::Status check(const Context& context, const LinearPlan& plan, std::size_t ciphertexts, std::size_t expected) {
  if (context.parameters() != plan.parameters || ciphertexts != expected)
    return fail(Code::invalid_argument, "[linear] {} ciphertexts: {} under the plan's parameters expected", ciphertexts,
                expected);
  return {};
}

}  // namespace

base::Result<std::int64_t> bound_of(const LinearLayer& layer) {
  KOINON_CHECK(check(layer));
  const Uint128 limit = Uint128{1} << (kMaxPlainBits - 1);
  std::int64_t bound = 1;
  const auto magnitude = [](std::int64_t v) { return v < 0 ? Uint128{0} - static_cast<Uint128>(v) : static_cast<Uint128>(v); };
  const auto largest = std::max(magnitude(layer.low), magnitude(layer.high));
  for (std::size_t row = 0; row < layer.outputs; ++row) {
    Uint128 sum = magnitude(layer.bias[row]);
    for (std::size_t i = 0; i < layer.inputs && sum < limit; ++i) {
      const auto weight = magnitude(layer.weights[row * layer.inputs + i]);
      if (weight >= limit || largest >= limit)
        return fail(Code::out_of_range, "[linear] row {}: a weight or input beyond 28 bits", row);
      sum += weight * largest;
    }
    if (sum >= limit)
      return fail(Code::out_of_range,
                  "[linear] row {} can reach beyond 28 bits: fewer bits of weights or inputs, or smaller weights", row);
    bound = std::max(bound, static_cast<std::int64_t>(sum));
  }
  return bound;
}

base::Result<Parameters> coefficient_parameters(std::uint32_t degree, std::int64_t bound, std::size_t levels) {
  const auto step = 2ULL * degree;
  auto plain = (2 * static_cast<std::uint64_t>(bound) + 2) / step * step + step + 1;
  while (!is_prime(plain)) plain += step;
  return choose({.degree = degree,
                 .plain = plain,
                 .base_bits = kMaxModulusBits,
                 .level_bits = kMaxModulusBits,
                 .levels = levels,
                 .special_bits = kMaxModulusBits,
                 .specials = 0,
                 .digit = 0});
}

void LinearPlan::lay_out() {
  const std::size_t degree = parameters.degree;
  chunks = (inputs + degree - 1) / degree;
  chunk = (inputs + chunks - 1) / chunks;
  group = std::min(outputs, degree / chunk);
  groups = (outputs + group - 1) / group;
}

base::Bytes encode(const LinearPlan& plan) {
  base::Writer out;
  out.raw(base::as_bytes(kMagic));
  out.number(kVersion);
  out.blob(encode(plan.parameters));
  out.number(static_cast<std::uint32_t>(plan.outputs));
  out.number(static_cast<std::uint32_t>(plan.inputs));
  for (const auto x : {plan.low, plan.high, plan.bound}) out.number(x);
  out.number(static_cast<std::uint8_t>(plan.result_level));
  return std::move(out).take();
}

base::Result<LinearPlan> decode_linear_plan(base::ByteView bytes) {
  base::Reader in(bytes);
  KOINON_TRY(const auto magic, in.raw(kMagic.size()));
  if (base::as_text(magic) != kMagic) return fail(Code::malformed, "[linear] the bytes do not start with {}", kMagic);
  KOINON_TRY(const auto version, in.number<std::uint16_t>());
  if (version != kVersion) return fail(Code::unsupported, "[linear] version {}: {} expected", version, kVersion);
  KOINON_TRY(const auto parameters, in.blob(kMaxParameterBytes));
  LinearPlan out;
  KOINON_TRY(out.parameters, decode_parameters(parameters));
  KOINON_TRY(out.outputs, in.number<std::uint32_t>());
  KOINON_TRY(out.inputs, in.number<std::uint32_t>());
  for (auto* x : {&out.low, &out.high, &out.bound}) {
    KOINON_TRY(*x, in.number<std::int64_t>());
  }
  KOINON_TRY(out.result_level, in.number<std::uint8_t>());
  KOINON_CHECK(in.finish());
  const auto half = static_cast<std::int64_t>(out.parameters.plain / 2);
  if (out.outputs < 1 || out.inputs < 1 || out.outputs > kMaxSide || out.inputs > kMaxSide || out.low > out.high ||
      out.low < -half || out.high > half || out.bound < 1 || out.bound > half || out.result_level < 1 ||
      out.result_level > out.parameters.primes.size())
    return fail(Code::malformed, "[linear] plan of {} outputs, {} inputs in [{}, {}], sums up to {} at level {}", out.outputs,
                out.inputs, out.low, out.high, out.bound, out.result_level);
  out.lay_out();
  return out;
}

base::Result<LinearPlan> plan_linear(const LinearLayer& layer) {
  KOINON_CHECK(check(layer));
  KOINON_TRY(const auto bound, bound_of(layer));
  for (const std::uint32_t degree : {4096U, 8192U, 16384U, 32768U}) {
    const auto most = static_cast<std::size_t>(security_bits(degree) / kMaxModulusBits);
    for (std::size_t levels = 1; levels <= std::min<std::size_t>(most, 5); ++levels) {
      const auto parameters = coefficient_parameters(degree, bound, levels);
      if (!parameters) continue;
      LinearPlan plan{.parameters = *parameters,
                      .outputs = layer.outputs,
                      .inputs = layer.inputs,
                      .low = layer.low,
                      .high = layer.high,
                      .bound = bound};
      plan.lay_out();
      Bits widest;
      for (std::size_t g = 0; g < plan.groups; ++g)
        for (std::size_t c = 0; c < plan.chunks; ++c)
          widest = std::max(widest, canonical_norm(packed_weights(plan, layer, g, c)));
      plan.result_level = result_level(plan, widest);
      if (plan.result_level != 0) return plan;
    }
  }
  return fail(Code::unsupported, "[linear] sums up to {} of {} inputs: no degree up to 32768 holds their noise", bound,
              layer.inputs);
}

base::Result<LinearModel> pack_linear(const Context& context, const LinearPlan& plan, const LinearLayer& layer) {
  KOINON_CHECK(check(layer));
  KOINON_CHECK(check(context, plan, layer.outputs * layer.inputs, plan.outputs * plan.inputs));
  LinearModel out{.plan = plan, .weights = {}, .bias = {}};
  for (std::size_t g = 0; g < plan.groups; ++g) {
    out.weights.emplace_back();
    for (std::size_t c = 0; c < plan.chunks; ++c) {
      KOINON_TRY(out.weights[g].emplace_back(), prepare(context, packed_weights(plan, layer, g, c), context.levels()));
    }
    out.bias.push_back(zero(plan.parameters.degree));
    for (std::size_t row = g * plan.group; row < std::min(plan.outputs, (g + 1) * plan.group); ++row)
      out.bias[g].coefficients[plan.result_at(row)] = static_cast<std::int32_t>(layer.bias[row]);
  }
  return out;
}

base::Result<std::vector<Ciphertext>> encrypt_inputs(const Context& context, const LinearPlan& plan, const SecretKey& key,
                                                     std::span<const std::int64_t> x, base::Random& random) {
  KOINON_CHECK(check(context, plan, x.size(), plan.inputs));
  std::vector<Ciphertext> out;
  for (std::size_t c = 0; c < plan.chunks; ++c) {
    auto plain = zero(plan.parameters.degree);
    for (std::size_t i = 0; i < plan.chunk && c * plan.chunk + i < plan.inputs; ++i) {
      const auto value = x[c * plan.chunk + i];
      if (value < plan.low || value > plan.high)
        return fail(Code::out_of_range, "[linear] input {}: within [{}, {}] expected", c * plan.chunk + i, plan.low, plan.high);
      plain.coefficients[i] = static_cast<std::int32_t>(value);
    }
    KOINON_TRY(out.emplace_back(), encrypt(context, key, plain, context.levels(), random));
  }
  return out;
}

base::Result<std::vector<Ciphertext>> evaluate_linear(const Context& context, const LinearModel& model,
                                                      std::span<const Ciphertext> inputs, base::ThreadPool* pool) {
  KOINON_CHECK(check(context, model.plan, inputs.size(), model.plan.chunks));
  const Evaluator evaluator(context, nullptr, pool);
  std::vector<const Ciphertext*> x;
  for (const auto& c : inputs) x.push_back(&c);
  std::vector<Ciphertext> out;
  for (std::size_t g = 0; g < model.plan.groups; ++g) {
    std::vector<const PreparedPlain*> w;
    for (const auto& p : model.weights[g]) w.push_back(&p);
    KOINON_TRY(const auto sum, evaluator.multiply_plain_sum(x, w));
    KOINON_TRY(out.emplace_back(), evaluator.add_plain(sum, model.bias[g]));
  }
  return out;
}

base::Result<std::vector<Ciphertext>> conceal(const Context& context, const LinearPlan& plan, const PublicKey& key,
                                              std::span<const Ciphertext> results, const base::Hash& seed) {
  KOINON_CHECK(check(context, plan, results.size(), plan.groups));
  std::vector<Ciphertext> out;
  for (std::size_t g = 0; g < plan.groups; ++g) {
    auto mask = uniform_plain(context, derived(seed, "mask", g));
    for (std::size_t row = g * plan.group; row < std::min(plan.outputs, (g + 1) * plan.group); ++row)
      mask.coefficients[plan.result_at(row)] = 0;
    KOINON_TRY(out.emplace_back(), concealed(context, key, results[g], mask, seed, g, plan.result_level));
  }
  return out;
}

base::Result<std::vector<std::int64_t>> decrypt_outputs(const Context& context, const LinearPlan& plan, const SecretKey& key,
                                                        std::span<const Ciphertext> results) {
  KOINON_CHECK(check(context, plan, results.size(), plan.groups));
  std::vector<std::int64_t> out(plan.outputs);
  for (std::size_t g = 0; g < plan.groups; ++g) {
    KOINON_TRY(const auto plain, decrypt(context, key, results[g]));
    for (std::size_t row = g * plan.group; row < std::min(plan.outputs, (g + 1) * plan.group); ++row)
      out[row] = plain.coefficients[plan.result_at(row)];
  }
  return out;
}

}  // namespace koinon::trust::fhe
