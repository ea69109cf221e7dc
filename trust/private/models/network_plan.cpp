#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>

#include "base/codec.hpp"
#include "trust/private/models/interpolate.hpp"
#include "trust/private/models/network_parts.hpp"
#include "trust/private/models/network_steps.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;

constexpr std::string_view kMagic = "KNNT";
constexpr std::uint16_t kVersion = 2;
constexpr std::size_t kMaxParameterBytes = 1024;
constexpr std::size_t kMaxParts = 8;
constexpr double kTransformSeconds =
    2.6e-4;  ///< of one limb at 32768, the work around transforms counted in (measured: 12394 in 3.2 s)

/// A ciphertext of a dry run.
struct Planned {
  std::size_t level = 0;
  Bits noise;
};

/// The machine that plans: bounds and counts only.
class Planner {
 public:
  using Value = Planned;
  explicit Planner(const NetworkPlan& plan) : p_(plan.parameters), noise_(p_) {}

  Result<Planned> weighted_sum(std::span<const Planned> values, Operand, std::size_t) {
    auto out = values[0];
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto term = values[i].noise + kNetworkNorm;
      out.noise = i == 0 ? term : log2_sum(out.noise, term);
    }
    cost.plain_products += values.size();
    cost.transforms += values.size() * out.level;
    return fitting("weighted sum", out);
  }
  Result<Planned> add_plain(Planned a, Operand, std::size_t) {
    cost.transforms += a.level;
    return fitting("offset", {a.level, log2_sum(a.noise, kNetworkNorm)});
  }
  Result<Planned> multiply_plain(Planned a, Operand, std::size_t) {
    ++cost.plain_products;
    cost.transforms += a.level;
    return fitting("plaintext product", {a.level, a.noise + kNetworkNorm});
  }
  Result<Planned> add(Planned a, Planned b) { return fitting("sum", {a.level, log2_sum(a.noise, b.noise)}); }
  Result<Planned> rotate(Planned a, std::int64_t steps) {
    auto& level = cost.rotations[steps];
    level = std::max(level, a.level);
    return switched_key("rotation", a);
  }
  Result<Planned> swap(Planned a) {
    cost.swap_level = std::max(cost.swap_level, a.level);
    return switched_key("rotation", a);
  }
  Result<Planned> multiply(Planned a, Planned b) {
    ++cost.products;
    return fitting("product", {a.level, a.noise + b.noise});
  }
  Result<Planned> relinearise(Planned a) {
    cost.key_level = std::max(cost.key_level, a.level);
    return switched_key("relinearisation", a);
  }
  Result<Planned> switch_modulus(Planned a) {
    cost.transforms += 2 * a.level;
    return fitting("switch", {a.level - 1, noise_.switched(a.noise, a.level)});
  }
  Result<Planned> drop(Planned a, std::size_t level) { return fitting("drop", {level, a.noise}); }
  [[nodiscard]] std::size_t level(const Planned& a) const { return a.level; }
  [[nodiscard]] Bits noise(const Planned& a) const { return a.noise; }
  [[nodiscard]] const NoisePlan& plan() const { return noise_; }
  [[nodiscard]] const Parameters& parameters() const { return p_; }

  NetworkCost cost;

 private:
  Result<Planned> switched_key(const char* operation, Planned a) {
    ++cost.switches;
    const auto digits = (a.level + p_.digit - 1) / p_.digit;
    cost.transforms += a.level + digits * (a.level + p_.special.size()) + 2 * (a.level + p_.special.size());
    return fitting(operation, {a.level, noise_.key_switched(a.noise, a.level)});
  }
  Result<Planned> fitting(const char* operation, Planned a) {
    KOINON_CHECK(noise_.fits(operation, a.noise, a.level));
    return a;
  }

  const Parameters& p_;
  NoisePlan noise_;
};

std::uint64_t row_bits(const std::vector<std::uint64_t>& primes, std::size_t count) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < count; ++i) out += std::bit_width(primes[i]);
  return out;
}

/// The dry run, and the level that concealed results leave at.
struct Dry {
  NetworkCost cost;
  std::size_t result_level = 1;
};
Result<Dry> dry_run(const NetworkPlan& plan) {
  Planner machine(plan);
  const auto& noise = machine.plan();
  const auto levels = plan.parameters.primes.size();
  KOINON_CHECK(noise.fits("encryption", noise.fresh_symmetric(), levels));
  KOINON_CHECK(noise.fits("encryption", noise.fresh_public(), plan.work_level));
  const std::vector<Planned> inputs(plan.chunks(), {levels, noise.fresh_symmetric()});
  KOINON_TRY(const auto results, NetworkSteps<Planner>(machine, plan).run(inputs));
  if (results[0].level != plan.work_level)
    return fail(Code::exhausted, "[private] results at level {}: {} expected", results[0].level, plan.work_level);
  auto v = log2_sum(results[0].noise, noise.any_plain());
  const auto flood = flooded(noise, plan.parameters, v, kFloodBits);
  KOINON_CHECK(noise.fits("flood", flood.total, plan.work_level));
  if (flood.bits > 120) return fail(Code::exhausted, "[private] a flood of {} bits: at most 120", flood.bits);
  Dry out{.cost = std::move(machine.cost), .result_level = plan.work_level};
  v = flood.total;
  while (out.result_level > 1 && noise.fits("switch", noise.switched(v, out.result_level), out.result_level - 1))
    v = noise.switched(v, out.result_level--);
  return out;
}

void state_sizes(const NetworkPlan& plan, NetworkCost& cost) {
  const auto& p = plan.parameters;
  const auto n = std::uint64_t{p.degree};
  const auto levels = p.primes.size();
  const auto digits = [&](std::size_t level) { return (level + p.digit - 1) / p.digit; };
  const auto special = row_bits(p.special, p.special.size());
  const auto key = [&](std::size_t level) { return digits(level) * (row_bits(p.primes, level) + special) * n / 8 + 40; };
  const auto held = [&](std::size_t level) { return digits(level) * (level + p.special.size()) * n * 16; };
  auto keys = std::vector<std::size_t>{cost.key_level, cost.swap_level};
  for (const auto& [steps, level] : cost.rotations) keys.push_back(level);
  std::uint64_t held_keys = 0;
  for (const auto level : keys) {
    if (level == 0) continue;
    cost.key_bytes += key(level);
    held_keys += held(level);
  }
  cost.input_bytes = plan.chunks() * row_bits(p.primes, levels) * n / 8;
  cost.result_bytes = plan.results() * 2 * row_bits(p.primes, plan.result_level) * n / 8;
  const auto cipher = levels * n * 16;
  std::uint64_t most = 0, plaintexts = plan.chunks() * (1 + levels * 2) + 40 + 2 * plan.results();
  for (const auto& layer : plan.layers) {
    const auto small = std::uint64_t{1} << (std::bit_width(layer.terms) / 2);
    most = std::max(most, 2 * small + 2 * (layer.terms / small));
    plaintexts += layer.terms;
  }
  plaintexts += (plan.layers.size() - 1) * plan.width() + (plan.layers.size() > 1 ? plan.babies() * levels * 2 : 0);
  const auto live = plan.chunks() + most + plan.babies() + plan.results() + 8;
  cost.memory_bytes = held_keys + live * cipher + plaintexts * n * 4 + 2 * digits(levels) * (levels + p.special.size()) * n * 8;
  cost.seconds = static_cast<double>(cost.transforms) * kTransformSeconds * static_cast<double>(n) / 32768;
}

/// Primes that are 1 modulo 2N and t, ascending from 2^from.
std::vector<std::uint64_t> ascending(std::uint32_t degree, int from, std::size_t count, std::vector<std::uint64_t>& taken) {
  const auto step = 2ULL * degree * kTablePlain;
  std::vector<std::uint64_t> out;
  for (auto q = ((1ULL << from) / step + 1) * step + 1; out.size() < count && q < (1ULL << kMaxModulusBits); q += step)
    if (is_prime(q) && std::ranges::find(taken, q) == taken.end()) {
      out.push_back(q);
      taken.push_back(q);
    }
  return out;
}

/// Parameters of `levels` primes, the smallest that serve: one of about `base` bits below, then products' primes.
std::optional<Parameters> parameters_of(std::uint32_t degree, std::size_t levels, int base, std::uint32_t digit, int special) {
  std::vector<std::uint64_t> taken;
  Parameters out{.degree = degree, .plain = kTablePlain, .primes = {}, .special = {}, .digit = digit};
  out.special = ascending(degree, special, digit, taken);
  out.primes = ascending(degree, base, 1, taken);
  const auto more = ascending(degree, 37, levels - 1, taken);
  out.primes.insert(out.primes.end(), more.begin(), more.end());
  if (out.special.size() != digit || out.primes.size() != levels || modulus_bits(out) > security_bits(degree)) return {};
  return out;
}

/// The fewest digits of the second layer's weights for which every output stays within half of t.
Status split(const LinearLayer& layer, NetworkPlan& plan) {
  const auto largest = std::max(std::abs(layer.low), std::abs(layer.high));
  for (plan.parts = 1; plan.parts <= kMaxParts; ++plan.parts)
    for (plan.part_bits = plan.parts == 1 ? 0 : 15; plan.part_bits >= 0; --plan.part_bits) {
      bool fits = true;
      for (std::size_t row = 0; row < layer.outputs && fits; ++row)
        for (std::size_t part = 0; part < plan.parts && fits; ++part) {
          auto sum = std::abs(digit_of(plan, layer.bias[row], part));
          for (std::size_t j = 0; j < layer.inputs; ++j)
            sum += std::abs(digit_of(plan, layer.weights[row * layer.inputs + j], part)) * largest;
          fits = sum <= static_cast<std::int64_t>(kTablePlain / 2);
        }
      if (fits) return {};
      if (plan.part_bits <= 1) break;
    }
  return fail(Code::out_of_range,
              "[private] sums of the last layer do not fit {} digits: fewer inputs or smaller values expected", kMaxParts);
}

/// The plan with the slack and work level that fit parameters, if any do.
std::optional<NetworkPlan> with_parameters(NetworkPlan plan, const Parameters& parameters) {
  plan.parameters = parameters;
  for (plan.slack = 4; plan.slack <= 25; plan.slack += 3)
    for (plan.work_level = 1; plan.work_level <= std::min<std::size_t>(5, parameters.primes.size()); ++plan.work_level) {
      const auto dry = dry_run(plan);
      if (!dry) continue;
      plan.result_level = dry->result_level;
      return plan;
    }
  return {};
}

/// Searches primes, digits and slack of one degree for the least modulus. False when nothing fits.
bool search(NetworkPlan& plan) {
  // Fewer special primes leave more for depth, and make keys larger and slower.
  static constexpr std::array<std::pair<std::uint32_t, int>, 9> kDigits = {
      {{6, 44}, {5, 44}, {4, 44}, {3, 43}, {2, 43}, {2, 41}, {1, 47}, {1, 44}, {1, 41}}};
  std::size_t least = 1;  // a prime for every product in a row
  for (const auto& layer : plan.layers) least += static_cast<std::size_t>(std::countr_zero(layer.domain));
  for (const auto& [digit, special] : std::span(kDigits).subspan(plan.parameters.degree > 32768 ? 0 : 3)) {
    std::optional<NetworkPlan> best;
    for (const int base : {37, 39, 41, 43, 45})
      for (auto levels = std::max<std::size_t>(2, least); levels <= 50; ++levels) {
        const auto parameters = parameters_of(plan.parameters.degree, levels, base, digit, special);
        if (!parameters || (best && modulus_bits(*parameters) >= modulus_bits(best->parameters))) break;
        if (auto found = with_parameters(plan, *parameters)) {
          best = std::move(found);
          break;
        }
      }
    if (best) {
      plan = *best;
      return true;
    }
  }
  return false;
}

bool check_sizes(const NetworkPlan& p) {
  const auto power = [](std::size_t x) { return std::has_single_bit(x); };
  return !p.layers.empty() && p.layers.size() <= kMaxLayers && std::ranges::all_of(p.layers, [&](const TableSizes& l) {
    return l.hidden >= 1 && l.hidden <= kMaxSide && power(l.domain) && l.domain >= 2 && l.domain <= 65536 && power(l.terms) &&
           l.terms >= 2 && l.terms <= l.domain;
  });
}

Status check_shape(const NetworkPlan& p) {
  const bool right =
      check_sizes(p) && p.inputs >= 1 && p.outputs >= 1 && p.inputs <= kMaxSide && p.outputs <= kMaxSide &&
      std::has_single_bit(p.batch) && p.batch <= kMaxSide && p.parts >= 1 && p.parts <= kMaxParts && p.part_bits >= 0 &&
      p.part_bits <= 15 && p.slack >= 0 && p.slack <= 32 && p.low <= p.high && p.low >= -32768 && p.high <= 32768 &&
      p.parameters.plain == kTablePlain && p.parameters.digit >= 1 && p.columns() <= p.slots() / 2 &&
      std::ranges::all_of(p.layers, [&](const TableSizes& l) { return l.used_blocks() <= p.blocks(); }) && p.work_level >= 1 &&
      p.work_level <= p.parameters.primes.size() && p.result_level >= 1 && p.result_level <= p.work_level;
  if (!right)
    return fail(Code::malformed, "[private] network plan of {} inputs, {} layers of tables, {} outputs, batch {}", p.inputs,
                p.layers.size(), p.outputs, p.batch);
  return {};
}

std::string sizes_text(const NetworkPlan& plan) {
  std::string out;
  for (const auto& layer : plan.layers)
    out += fmt::format("{}{} sums of up to {} values", out.empty() ? "" : ", then ", layer.hidden, layer.domain);
  return out;
}

}  // namespace

std::int64_t digit_of(const NetworkPlan& plan, std::int64_t value, std::size_t part) {
  const auto base = std::int64_t{1} << plan.part_bits;
  for (std::size_t i = 0; i < part; ++i) value = (value + base / 2) >> plan.part_bits;
  if (part + 1 == plan.parts) return value;
  return value - ((value + base / 2) >> plan.part_bits) * base;
}

std::size_t NetworkPlan::width() const {
  std::size_t out = 1;
  for (const auto& layer : layers) out = std::max(out, std::bit_ceil(layer.hidden));
  return out;
}
std::size_t NetworkPlan::spread() const { return std::min(blocks(), std::bit_ceil(inputs)); }
std::size_t NetworkPlan::babies() const { return layers.size() == 1 ? 1 : std::size_t{1} << (std::bit_width(width()) / 2); }

Result<NetworkPlan> plan_network(const TableNetwork& network, std::size_t batch) {
  KOINON_CHECK(check_network(network));
  if (!std::has_single_bit(batch))
    return fail(Code::invalid_argument, "[private] a batch of {}: a power of two expected", batch);
  NetworkPlan plan{.parameters = {},
                   .inputs = network.first.inputs,
                   .outputs = network.second.outputs,
                   .layers = {},
                   .batch = batch,
                   .low = network.first.low,
                   .high = network.first.high};
  const auto add = [&](const std::vector<std::vector<std::int32_t>>& tables) {
    std::size_t widest = 2;
    for (const auto& table : tables) widest = std::max(widest, table.size());
    plan.layers.push_back({.hidden = tables.size(), .domain = std::bit_ceil(widest)});
  };
  add(network.tables);
  for (const auto& layer : network.inner) add(layer.tables);
  KOINON_CHECK(split(network.second, plan));
  for (const std::uint32_t degree : {8192U, 16384U, 32768U, 65536U}) {
    plan.parameters.degree = degree;
    plan.parameters.plain = kTablePlain;
    if (plan.columns() > plan.slots() / 2) continue;
    for (auto& layer : plan.layers)
      layer.terms = std::min(layer.domain, std::max<std::size_t>(16, layer.domain / std::min(layer.domain, plan.blocks())));
    if (search(plan)) return plan;
  }
  int depth = 0;
  for (const auto& layer : plan.layers) depth += std::countr_zero(layer.domain);
  return fail(
      Code::unsupported,
      "[private] {}, batch {}: tables of {} bits in a row, and no degree in the security table is deep enough (of few "
      "sums two layers of 16 bits are, three of 10, four of 6); what helps: fewer bits of weights or activations (model "
      "build --activations 4), fewer layers or hidden values, a smaller batch, or the client-aided mode where the "
      "model's owner allows it",
      sizes_text(plan), plan.batch, depth);
}

Result<NetworkCost> cost_of(const NetworkPlan& plan) {
  KOINON_TRY(auto dry, dry_run(plan));
  state_sizes(plan, dry.cost);
  return std::move(dry.cost);
}

base::Bytes encode(const NetworkPlan& plan) {
  base::Writer out;
  out.raw(base::as_bytes(kMagic));
  out.number(kVersion);
  out.blob(encode(plan.parameters));
  for (const auto x : {plan.inputs, plan.outputs, plan.batch, plan.parts}) out.number(static_cast<std::uint32_t>(x));
  out.number(static_cast<std::uint8_t>(plan.layers.size()));
  for (const auto& layer : plan.layers)
    for (const auto x : {layer.hidden, layer.domain, layer.terms}) out.number(static_cast<std::uint32_t>(x));
  out.number(static_cast<std::uint8_t>(plan.part_bits));
  out.number(static_cast<std::uint8_t>(plan.slack));
  out.number(static_cast<std::uint8_t>(plan.work_level));
  out.number(static_cast<std::uint8_t>(plan.result_level));
  out.number(plan.low);
  out.number(plan.high);
  return std::move(out).take();
}

Result<NetworkPlan> decode_network_plan(base::ByteView bytes) {
  base::Reader in(bytes);
  KOINON_TRY(const auto magic, in.raw(kMagic.size()));
  if (base::as_text(magic) != kMagic) return fail(Code::malformed, "[private] the bytes do not start with {}", kMagic);
  KOINON_TRY(const auto version, in.number<std::uint16_t>());
  if (version != kVersion) return fail(Code::unsupported, "[private] version {}: {} expected", version, kVersion);
  KOINON_TRY(const auto parameters, in.blob(kMaxParameterBytes));
  NetworkPlan out;
  KOINON_TRY(out.parameters, decode_parameters(parameters));
  for (auto* x : {&out.inputs, &out.outputs, &out.batch, &out.parts}) {
    KOINON_TRY(*x, in.number<std::uint32_t>());
  }
  KOINON_TRY(const auto layers, in.number<std::uint8_t>());
  if (layers > kMaxLayers) return fail(Code::malformed, "[private] {} layers of tables: at most {}", layers, kMaxLayers);
  out.layers.resize(layers);
  for (auto& layer : out.layers)
    for (auto* x : {&layer.hidden, &layer.domain, &layer.terms}) {
      KOINON_TRY(*x, in.number<std::uint32_t>());
    }
  std::array<std::uint8_t, 4> small{};
  for (auto& x : small) {
    KOINON_TRY(x, in.number<std::uint8_t>());
  }
  out.part_bits = small[0];
  out.slack = small[1];
  out.work_level = small[2];
  out.result_level = small[3];
  KOINON_TRY(out.low, in.number<std::int64_t>());
  KOINON_TRY(out.high, in.number<std::int64_t>());
  KOINON_CHECK(in.finish());
  KOINON_CHECK(check_shape(out));
  KOINON_TRY(const auto dry, dry_run(out));
  if (dry.result_level != out.result_level)
    return fail(Code::malformed, "[private] results at level {}: {} expected", out.result_level, dry.result_level);
  return out;
}

}  // namespace koinon::trust::fhe
