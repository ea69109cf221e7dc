#include "trust/private/models/network.hpp"

#include <algorithm>
#include <bit>

#include "trust/private/models/conceal.hpp"
#include "trust/private/models/interpolate.hpp"
#include "trust/private/models/network_parts.hpp"
#include "trust/private/models/network_steps.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;

/// The machine that computes. Bounds of noise are the plan's, so that every decision is as planned.
class Computer {
 public:
  using Value = Ciphertext;
  Computer(const Context& context, const NetworkModel& model, const EvaluationKeys& keys, base::ThreadPool* pool,
           const NetworkProgress& progress, const NetworkWatch& watch, std::size_t total)
      : context_(context),
        model_(model),
        evaluator_(context, &keys, pool),
        pool_(pool),
        progress_(progress),
        watch_(watch),
        total_(total) {}

  Result<Ciphertext> weighted_sum(std::span<const Ciphertext> values, Operand operand, std::size_t first) {
    std::vector<PreparedPlain> plains;
    std::vector<const Ciphertext*> a;
    std::vector<const PreparedPlain*> b;
    plains.reserve(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      plains.push_back(ready(operand, first + i, values[i].level));
      a.push_back(&values[i]);
      b.push_back(&plains[i]);
    }
    return evaluator_.multiply_plain_sum(a, b);
  }
  Result<Ciphertext> add_plain(const Ciphertext& a, Operand operand, std::size_t index) {
    return evaluator_.add_prepared(a, ready(operand, index, a.level));
  }
  Result<Ciphertext> multiply_plain(const Ciphertext& a, Operand operand, std::size_t index) {
    return evaluator_.multiply_plain(a, ready(operand, index, a.level));
  }
  Result<Ciphertext> add(const Ciphertext& a, const Ciphertext& b) { return evaluator_.add(a, b); }
  Result<Ciphertext> rotate(const Ciphertext& a, std::int64_t steps) { return told(evaluator_.rotate(a, steps)); }
  Result<Ciphertext> swap(const Ciphertext& a) { return told(evaluator_.swap_rows(a)); }
  Result<Ciphertext> multiply(const Ciphertext& a, const Ciphertext& b) { return evaluator_.multiply(a, b); }
  Result<Ciphertext> relinearise(const Ciphertext& a) { return told(evaluator_.relinearise(a)); }
  Result<Ciphertext> switch_modulus(const Ciphertext& a) { return evaluator_.switch_modulus(a); }
  Result<Ciphertext> drop(const Ciphertext& a, std::size_t level) { return evaluator_.drop(a, level); }
  [[nodiscard]] std::size_t level(const Ciphertext& a) const { return a.level; }
  [[nodiscard]] Bits noise(const Ciphertext& a) const { return a.noise; }
  [[nodiscard]] const NoisePlan& plan() const { return evaluator_.plan(); }
  [[nodiscard]] const Parameters& parameters() const { return context_.parameters(); }

 private:
  [[nodiscard]] const Plain& plain(Operand operand, std::size_t index) const {
    switch (operand) {
      case Operand::weight: return model_.weights[index];
      case Operand::bias: return model_.bias[index];
      case Operand::coefficient: return model_.coefficients[index];
      case Operand::diagonal: return model_.diagonals[index];
      case Operand::mask: return model_.masks[index];
      case Operand::result: return model_.results[index];
      case Operand::offset: break;
    }
    return model_.offsets[index];
  }
  [[nodiscard]] PreparedPlain ready(Operand operand, std::size_t index, std::size_t level) const {
    const auto& coefficients = plain(operand, index).coefficients;
    const std::vector<std::int64_t> wide(coefficients.begin(), coefficients.end());
    PreparedPlain out{Poly::unset(context_.degree(), level), level, kNetworkNorm};
    each(pool_, level, [&](std::size_t i) { to_row(context_, wide, i, out.values[i]); });
    return out;
  }
  Result<Ciphertext> told(Result<Ciphertext> result) {
    if (progress_) progress_(++done_, total_);
    if (watch_ && result) KOINON_CHECK(watch_(*result));
    return result;
  }

  const Context& context_;
  const NetworkModel& model_;
  Evaluator evaluator_;
  base::ThreadPool* pool_;
  const NetworkProgress& progress_;
  const NetworkWatch& watch_;
  std::size_t done_ = 0, total_;
};

Status check(const Context& context, const NetworkPlan& plan, std::size_t ciphertexts, std::size_t expected) {
  if (context.parameters() != plan.parameters || ciphertexts != expected)
    return fail(Code::invalid_argument, "[private] {} ciphertexts: {} under the plan's parameters expected", ciphertexts,
                expected);
  return {};
}

/// Packs value(neuron, block) of `count` neurons into all slots; refuses what the plan's bound of norms does not cover.
template <class F>
Result<Plain> packed(const Context& context, const NetworkPlan& plan, const char* what, std::size_t count, F value) {
  const auto columns = plan.columns();
  std::vector<std::int64_t> slots(plan.slots());
  for (std::size_t s = 0; s < slots.size(); ++s) {
    const auto neuron = s % columns / plan.batch;
    slots[s] = neuron < count ? value(neuron, s / columns) : 0;
  }
  KOINON_TRY(auto out, encode_slots(context, slots));
  if (canonical_norm(out) > kNetworkNorm)
    return fail(Code::unsupported, "[private] a plaintext of the {} has a norm of {} bits: at most {} expected", what,
                canonical_norm(out).text(), kNetworkNorm.text());
  return out;
}

using Tables = std::vector<std::vector<std::int32_t>>;

/// Offsets of a layer's sums, and the coefficients of its polynomials.
Status pack_tables(const Context& context, const TableSizes& sizes, const LinearLayer& layer,
                   const std::vector<std::int64_t>& lows, const Tables& tables, NetworkModel& out) {
  const auto& plan = out.plan;
  KOINON_TRY(out.bias.emplace_back(),
             packed(context, plan, "offsets", sizes.hidden,
                    [&](std::size_t neuron, std::size_t) -> std::int64_t { return layer.bias[neuron] - lows[neuron]; }));
  const Interpolator interpolator(sizes.domain);
  std::vector<std::vector<std::uint32_t>> polynomials;
  for (const auto& table : tables) {
    auto values = table;
    values.resize(sizes.domain, table.back());
    polynomials.push_back(interpolator.through(values));
  }
  for (std::size_t term = 0; term < sizes.terms; ++term) {
    KOINON_TRY(out.coefficients.emplace_back(),
               packed(context, plan, "tables", sizes.hidden, [&](std::size_t neuron, std::size_t block) -> std::int64_t {
                 return block < sizes.used_blocks() ? polynomials[neuron][block * sizes.terms + term] : 0;
               }));
  }
  return {};
}

Status pack_masks(const Context& context, NetworkModel& out) {
  std::size_t used = 1;
  for (const auto& layer : out.plan.layers) used = std::max(used, layer.used_blocks());
  for (std::size_t bit = 0; used >> (bit + 1) != 0; ++bit)
    for (const std::size_t wanted : {1U, 0U}) {
      KOINON_TRY(out.masks.emplace_back(),
                 packed(context, out.plan, "masks", out.plan.width(),
                        [&](std::size_t, std::size_t block) -> std::int64_t { return (block >> bit & 1) == wanted ? 1 : 0; }));
    }
  return {};
}

/// Diagonal babies * g + i of the matrix, turned back by the giant step that follows its product.
Status pack_diagonals(const Context& context, const LinearLayer& layer, NetworkModel& out) {
  const auto& plan = out.plan;
  const auto width = plan.width(), babies = plan.babies();
  for (std::size_t diagonal = 0; diagonal < width; ++diagonal) {
    const auto baby = diagonal % babies, giant = diagonal - baby;
    KOINON_TRY(out.diagonals.emplace_back(),
               packed(context, plan, "inner layer", width, [&](std::size_t column, std::size_t) -> std::int64_t {
                 const auto row = (column + width - giant) % width, from = (column + baby) % width;
                 return row < layer.outputs && from < layer.inputs ? layer.weights[row * layer.inputs + from] : 0;
               }));
  }
  return {};
}

bool fits(const LinearLayer& layer, std::size_t inputs, std::size_t outputs) {
  return layer.inputs == inputs && layer.outputs == outputs && layer.weights.size() == inputs * outputs &&
         layer.bias.size() == outputs;
}
bool fits(const TableSizes& sizes, const std::vector<std::int64_t>& lows, const Tables& tables) {
  return tables.size() == sizes.hidden && lows.size() == sizes.hidden &&
         std::ranges::all_of(tables, [&](const auto& t) { return !t.empty() && t.size() <= sizes.domain; });
}

Status check_same(const NetworkPlan& plan, const TableNetwork& network) {
  bool right = plan.layers.size() == network.inner.size() + 1 && fits(network.first, plan.inputs, plan.layers.front().hidden) &&
               fits(network.second, plan.layers.back().hidden, plan.outputs) &&
               fits(plan.layers.front(), network.low, network.tables);
  for (std::size_t i = 0; right && i < network.inner.size(); ++i)
    right = fits(network.inner[i].linear, plan.layers[i].hidden, plan.layers[i + 1].hidden) &&
            fits(plan.layers[i + 1], network.inner[i].low, network.inner[i].tables);
  if (!right)
    return fail(Code::invalid_argument,
                "[private] the plan is of another network: {} inputs, {} layers of tables, {} outputs expected", plan.inputs,
                plan.layers.size(), plan.outputs);
  return {};
}

}  // namespace

Result<NetworkModel> pack_network(const Context& context, const NetworkPlan& plan, const TableNetwork& network) {
  KOINON_CHECK(check(context, plan, 0, 0));
  KOINON_CHECK(check_same(plan, network));
  NetworkModel out;
  out.plan = plan;
  const auto chunks = plan.chunks(), spread = plan.spread();
  for (std::size_t c = 0; c < chunks; ++c) {
    KOINON_TRY(
        out.weights.emplace_back(),
        packed(context, plan, "first layer", plan.layers[0].hidden, [&](std::size_t neuron, std::size_t block) -> std::int64_t {
          const auto input = block % spread * chunks + c;
          return input < plan.inputs ? network.first.weights[neuron * plan.inputs + input] : 0;
        }));
  }
  KOINON_CHECK(pack_tables(context, plan.layers[0], network.first, network.low, network.tables, out));
  for (std::size_t i = 0; i < network.inner.size(); ++i) {
    const auto& layer = network.inner[i];
    KOINON_CHECK(pack_diagonals(context, layer.linear, out));
    KOINON_CHECK(pack_tables(context, plan.layers[i + 1], layer.linear, layer.low, layer.tables, out));
  }
  KOINON_CHECK(pack_masks(context, out));
  const auto hidden = plan.layers.back().hidden;
  // The mean of the slots of one image in both rows, see decrypt_outputs.
  const auto slots = static_cast<std::int64_t>(plan.slots() / (2 * plan.batch));
  for (std::size_t row = 0; row < plan.outputs; ++row)
    for (std::size_t part = 0; part < plan.parts; ++part) {
      KOINON_TRY(out.results.emplace_back(),
                 packed(context, plan, "last layer", hidden, [&](std::size_t neuron, std::size_t) -> std::int64_t {
                   return digit_of(plan, network.second.weights[row * hidden + neuron], part) * slots %
                          static_cast<std::int64_t>(kTablePlain);
                 }));
      // A constant c is 2c in the sum of the two rows: half of it modulo t.
      const auto half =
          digit_of(plan, network.second.bias[row], part) * ((kTablePlain + 1) / 2) % static_cast<std::int64_t>(kTablePlain);
      KOINON_TRY(out.offsets.emplace_back(), encode_slots(context, std::vector<std::int64_t>(plan.slots(), half)));
    }
  return out;
}

Result<EvaluationKeys> make_network_keys(const Context& context, const NetworkPlan& plan, const SecretKey& key,
                                         base::Random& random, base::ThreadPool* pool) {
  KOINON_CHECK(check(context, plan, 0, 0));
  KOINON_TRY(const auto cost, cost_of(plan));
  EvaluationKeys out;
  if (cost.key_level != 0) {
    KOINON_TRY(out.relinearise, make_relinearisation_key(context, key, cost.key_level, random, pool));
  }
  auto elements = std::map<std::uint32_t, std::size_t>{};
  for (const auto& [steps, level] : cost.rotations) elements[context.rotation(steps)] = level;
  if (cost.swap_level != 0) elements[context.row_swap()] = cost.swap_level;
  for (const auto& [element, level] : elements) {
    KOINON_TRY(auto made, make_galois_key(context, key, element, level, random, pool));
    out.galois.emplace(element, std::move(made));
  }
  return out;
}

Result<std::vector<Ciphertext>> encrypt_inputs(const Context& context, const NetworkPlan& plan, const SecretKey& key,
                                               std::span<const std::int64_t> x, base::Random& random) {
  KOINON_CHECK(check(context, plan, 0, 0));
  if (x.empty() || x.size() % plan.inputs != 0 || x.size() / plan.inputs > plan.batch)
    return fail(Code::invalid_argument, "[private] {} values: 1 to {} times {} expected", x.size(), plan.batch, plan.inputs);
  for (std::size_t i = 0; i < x.size(); ++i)
    if (x[i] < plan.low || x[i] > plan.high)
      return fail(Code::out_of_range, "[private] input {}: within [{}, {}] expected", i, plan.low, plan.high);
  const auto images = x.size() / plan.inputs;
  std::vector<Ciphertext> out;
  for (std::size_t c = 0; c < plan.chunks(); ++c) {
    std::vector<std::int64_t> slots(plan.slots());
    for (std::size_t s = 0; s < slots.size(); ++s) {
      const auto image = s % plan.batch, input = s / plan.columns() % plan.spread() * plan.chunks() + c;
      slots[s] = image < images && input < plan.inputs ? x[image * plan.inputs + input] : 0;
    }
    KOINON_TRY(auto plain, encode_slots(context, slots));
    auto made = encrypt(context, key, plain, context.levels(), random);
    base::wipe({reinterpret_cast<std::uint8_t*>(slots.data()), slots.size() * sizeof(std::int64_t)});
    base::wipe({reinterpret_cast<std::uint8_t*>(plain.coefficients.data()), plain.coefficients.size() * sizeof(std::int32_t)});
    KOINON_TRY(out.emplace_back(), std::move(made));
  }
  return out;
}

Result<std::vector<Ciphertext>> evaluate_network(const Context& context, const NetworkModel& model, const EvaluationKeys& keys,
                                                 std::span<const Ciphertext> inputs, base::ThreadPool* pool,
                                                 const NetworkProgress& progress, const NetworkWatch& watch) {
  KOINON_CHECK(check(context, model.plan, inputs.size(), model.plan.chunks()));
  const NoisePlan noise(model.plan.parameters);
  for (const auto& c : inputs)
    if (c.level != context.levels() || c.parts.size() != 2 || c.noise > noise.fresh_symmetric())
      return fail(Code::invalid_argument, "[private] an input of level {}: a fresh encryption of level {} expected", c.level,
                  context.levels());
  std::vector<Ciphertext> fresh(inputs.begin(), inputs.end());
  for (auto& c : fresh) c.noise = noise.fresh_symmetric();
  KOINON_TRY(const auto cost, cost_of(model.plan));
  Computer machine(context, model, keys, pool, progress, watch, cost.switches);
  return NetworkSteps<Computer>(machine, model.plan).run(fresh);
}

// With p the polynomial of a result, its coefficients at multiples of N/(2 batch) are those of a polynomial r(Y), Y^(2 batch) =
// -1, whose slot (row, i) is the mean over the slots of image i in that row (for a batch of one: over both rows by halves). The
// output is r(row 0) + r(row 1) = 2 r_0 + sum over k < batch of (r_k - r_(2 batch - k)) (Y^k + Y^-k): pairs of coefficients
// count by their difference alone, so concealing adds the same uniform value to both, and r_batch does not count at all.
Result<std::vector<Ciphertext>> conceal(const Context& context, const NetworkPlan& plan, const PublicKey& key,
                                        std::span<const Ciphertext> results, const base::Hash& seed) {
  KOINON_CHECK(check(context, plan, results.size(), plan.results()));
  const auto stride = plan.parameters.degree / (2 * plan.batch);
  std::vector<Ciphertext> out;
  for (std::size_t i = 0; i < results.size(); ++i) {
    auto mask = uniform_plain(context, derived(seed, "mask", i));
    mask.coefficients[0] = 0;
    for (std::size_t k = 1; k < plan.batch; ++k)
      mask.coefficients[(2 * plan.batch - k) * stride] = mask.coefficients[k * stride];
    KOINON_TRY(out.emplace_back(), concealed(context, key, results[i], mask, seed, i, plan.result_level));
  }
  return out;
}

Result<std::vector<std::int64_t>> decrypt_outputs(const Context& context, const NetworkPlan& plan, const SecretKey& key,
                                                  std::span<const Ciphertext> results, std::size_t images) {
  KOINON_CHECK(check(context, plan, results.size(), plan.results()));
  if (images < 1 || images > plan.batch)
    return fail(Code::invalid_argument, "[private] {} images: 1 to {} expected", images, plan.batch);
  const auto n = plan.parameters.degree;
  const auto stride = n / (2 * plan.batch);
  const auto t = static_cast<std::int64_t>(kTablePlain);
  std::vector<std::int64_t> out(images * plan.outputs);
  for (std::size_t i = 0; i < results.size(); ++i) {
    KOINON_TRY(const auto plain, decrypt(context, key, results[i]));
    Plain means{std::vector<std::int32_t>(n)};
    for (std::size_t k = 0; k < n; k += stride) means.coefficients[k] = plain.coefficients[k];
    const auto slots = decode_slots(context, means);
    for (std::size_t image = 0; image < images; ++image) {
      auto y = (slots[image] + slots[slots.size() / 2 + image]) % t;
      if (y > t / 2) y -= t;
      if (y < -(t / 2)) y += t;
      out[image * plan.outputs + i / plan.parts] +=
          y * (std::int64_t{1} << (static_cast<std::size_t>(plan.part_bits) * (i % plan.parts)));
    }
  }
  return out;
}

}  // namespace koinon::trust::fhe
