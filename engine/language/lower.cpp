#include "engine/language/lower.hpp"

#include <algorithm>
#include <cmath>

#include "engine/language/sampling.hpp"

namespace koinon::engine::language {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }
std::int64_t nearest(double x) { return static_cast<std::int64_t>(std::floor(x + 0.5)); }

constexpr std::int64_t kIndexLimit = 8191;  // of a table's input
constexpr double kRoom = 1.25;              // beyond what calibration saw, where there are bits to spare

int bits_of(std::int64_t n) {
  int bits = 0;
  while (std::int64_t{1} << bits < n) ++bits;
  return bits;
}

/// A table of real numbers with one scale, i16.
std::pair<IntTensor, double> sixteen_bits(const std::vector<float>& values, Shape shape) {
  double top = 1e-12;
  for (float v : values) top = std::max(top, std::fabs(static_cast<double>(v)));
  const double unit = top / 32767;
  IntTensor out = IntTensor::zeros(DType::i16, std::move(shape));
  for (std::int64_t i = 0; i < out.size(); ++i) out.set(i, nearest(static_cast<double>(values[at(i)]) / unit));
  return {std::move(out), unit};
}

}  // namespace

Lower::Lower(const Transformer& model, const Ranges& ranges, const BuildOptions& options, std::int64_t rows)
    : model_(model),
      config_(model.config),
      ranges_(ranges),
      options_(options),
      rows_(rows),
      context_(options.context == 0 ? model.config.context : options.context),
      state_limit_(options.state == 8 ? 127 : 4095),
      value_limit_(options.activations == 8 ? 127 : 32767),
      residual_unit_(std::max(ranges.residual, 1e-9) * 2 / static_cast<double>(kResidualLimit)) {}

void Lower::inputs(std::int64_t candidates) {
  const auto number = [&](const char* name, std::int64_t low, std::int64_t high) {
    return b_.input(name, {DType::i32, {1}}, program::Scale{}, low, high);
  };
  tokens_ = b_.input("tokens", {DType::i32, {rows_}}, program::Scale{}, 0, config_.vocabulary - 1);
  position_ = number("position", 0, context_ - rows_);
  coldness_ = number("coldness", kColdnessLeast, kColdnessMost);
  top_k_ = number("top_k", 1, candidates);
  top_p_ = number("top_p", 1, kShareOne);
  draw_ = number("draw", 0, (1 << kDrawBits) - 1);
  const auto type = state_limit_ == 127 ? DType::i8 : DType::i16;
  for (std::int64_t l = 0; l < config_.layers; ++l) {
    states_.push_back(b_.input(fmt::format("keys.{}", l), {type, {config_.kv_heads, context_, config_.head_size}},
                               program::Scale{}, -state_limit_, state_limit_));
    states_.push_back(b_.input(fmt::format("values.{}", l),
                               {type, {config_.kv_heads, block_count(context_), config_.head_size, kBlock}}, program::Scale{},
                               -state_limit_, state_limit_));
  }
  const Ref steps = counting(rows_, {rows_});
  positions_ = b_.add(position_, steps, DType::i32);
  value_places_ = places_of_values();
  // Token i sees places up to its own.
  const Ref places = counting(context_, {1, context_});
  mask_ = b_.compare(places, b_.reshape(positions_, {rows_, 1}), program::CompareOp::less_equal);
}

Ref Lower::embed() {
  const auto look_up = [&](const std::vector<float>& values, std::int64_t count, Ref indices) {
    auto [data, unit] = sixteen_bits(values, {count, config_.width});
    const Ref rows = b_.gather(b_.weight(std::move(data)), indices, 0);
    return rescale(rows, {unit / residual_unit_}, kResidualLimit, DType::i32);
  };
  const Ref tokens = look_up(model_.embedding, config_.vocabulary, tokens_);
  if (model_.positions.empty()) return tokens;
  const std::vector<float> used(model_.positions.begin(), model_.positions.begin() + context_ * config_.width);
  const Ref places = look_up(used, context_, positions_);
  return clamp(b_.add(tokens, places), -kResidualLimit, kResidualLimit, DType::i32);
}

// x * 2 * sqrt(n) * 2^(e/2) / unit over isqrt((sum of squares + n epsilon) * 2^e), rounded.
Operand Lower::normalise(Ref residual, double seen, std::int64_t limit) {
  const auto n = config_.width;
  const Shape shape{b_.error() ? 1 : b_.info(residual).shape[0], n};
  const auto sum_of = [&](Ref x) {
    return b_.reduce(x, program::ReduceParams::axes(program::ReduceOp::sum, shape, {1}), DType::i64);
  };
  if (!config_.rms) {
    const Ref sum = sum_of(residual);
    const Ref half = scalar(DType::i32, n / 2);
    const Ref rounded = b_.add(sum, half);
    const Ref count = scalar(DType::i32, n);
    residual = b_.sub(residual, b_.quotient(rounded, count, DType::i32), DType::i32);
  }
  const int places = std::max(0, (61 - 44 - bits_of(n)) / 2 * 2 - 2);
  const double epsilon = config_.epsilon * static_cast<double>(n) / (residual_unit_ * residual_unit_);
  if (!(epsilon < 0x1p40)) refuse("epsilon in units of the residual", epsilon);
  const Ref least = scalar(DType::i64, std::max<std::int64_t>(1, nearest(std::min(epsilon, 0x1p40))));
  // The remainder changes nothing, and shows that a sum of squares is not negative.
  const Ref sum = sum_of(b_.mul(residual, residual, DType::i64));
  const Ref beyond = scalar(DType::i64, std::int64_t{1} << (44 + bits_of(n) + 1));
  const Ref squares = b_.divide(sum, beyond).second;
  const Ref root = b_.isqrt(b_.shift(b_.add(squares, least, DType::i64), places, DType::i64));
  const double unit = std::max(seen * (limit > 127 ? kRoom : 1.0), 1e-3) / static_cast<double>(limit);
  const double factor = 2 * std::sqrt(static_cast<double>(n)) * static_cast<double>(1 << (places / 2)) / unit;
  if (!(factor < 0x1p24)) refuse("normalised values, in units of the root", factor);
  const Ref scaled = b_.mul(residual, scalar(DType::i32, nearest(std::min(factor, 0x1p24))), DType::i64);
  const Ref divided = b_.quotient(scaled, root, DType::i64);
  return {halve(divided, -limit, limit, limit <= 127 ? DType::i8 : DType::i16), unit};
}

Ref Lower::add_to(Ref residual, Ref product, const std::vector<double>& units) {
  std::vector<double> ratios;
  for (double u : units) ratios.push_back(u / residual_unit_);
  const Ref more = rescale(product, ratios, kResidualLimit, DType::i32);
  return clamp(b_.add(residual, more), -kResidualLimit, kResidualLimit, DType::i32);
}

Ref Lower::mlp(const Layer& layer, const LayerRanges& seen, Ref residual) {
  const auto up = rows_of(layer.up, &layer.before_mlp);
  const auto down = rows_of(layer.down, nullptr);
  const auto gate = config_.gated ? rows_of(layer.gate, &layer.before_mlp) : Rows{};
  const auto in_limit = config_.gated ? operand_limit({&up, &gate}) : operand_limit({&up});
  const auto out_limit = operand_limit({&down});
  const auto x = normalise(residual, seen.mlp_in, in_limit);
  std::vector<double> units;
  const auto indexed = [&](const Rows& rows, double most) {
    const Ref y = product(x, rows, units);
    const double unit = std::max(most * kRoom, 1e-6) / static_cast<double>(kIndexLimit);
    for (auto& u : units) u /= unit;
    return std::pair{rescale(y, units, kIndexLimit, DType::i16), unit};
  };
  const double out_unit = std::max(seen.product * (out_limit > 127 ? kRoom : 1.0), 1e-6) / static_cast<double>(out_limit);
  const auto out_type = out_limit <= 127 ? DType::i8 : DType::i16;
  const auto [index, index_unit] = indexed(config_.gated ? gate : up, seen.gate);
  const auto f = [&, unit = index_unit](std::int64_t i) { return activate(config_.activation, static_cast<double>(i) * unit); };
  Ref hidden;
  if (!config_.gated) {
    const Ref values = table(-kIndexLimit, kIndexLimit, out_type, [&](std::int64_t i) {
      return std::clamp(f(i) / out_unit, -static_cast<double>(out_limit), static_cast<double>(out_limit));
    });
    hidden = b_.lookup(index, values, -kIndexLimit);
  } else {
    const double gate_unit = std::max(f(kIndexLimit), -f(-kIndexLimit)) / 32767;
    const Ref values = table(-kIndexLimit, kIndexLimit, DType::i16, [&](std::int64_t i) { return f(i) / gate_unit; });
    const Ref open = b_.lookup(index, values, -kIndexLimit);
    const auto [other, other_unit] = indexed(up, seen.up);
    hidden = rescale(b_.mul(open, other, DType::i32), {gate_unit * other_unit / out_unit}, out_limit, out_type);
  }
  const Ref y = product({hidden, out_unit}, down, units);
  return add_to(residual, y, units);
}

Ref Lower::head(Ref residual) {
  if (rows_ > 1) residual = b_.slice(residual, {rows_ - 1, 0}, {1, 1}, {1, config_.width});
  const auto rows = rows_of(model_.head, &model_.last);
  const auto x = normalise(residual, ranges_.last_in, operand_limit({&rows}));
  std::vector<double> units;
  const Ref y = product(x, rows, units);
  for (auto& u : units) u *= static_cast<double>(1 << kLogitBits);
  return b_.reshape(rescale(y, units, kLogitLimit, DType::i32), {config_.vocabulary});
}

base::Result<program::Program> Lower::program(std::int64_t candidates) {
  inputs(candidates);
  Ref residual = embed();
  for (std::size_t l = 0; l < model_.layers.size() && !b_.error() && !error_; ++l) {
    residual = attention(l, model_.layers[l], ranges_.layers[l], residual);
    residual = mlp(model_.layers[l], ranges_.layers[l], residual);
    if (b_.error() || error_) {
      auto error = b_.error() ? *b_.error() : *error_;
      return base::fail(std::move(error).within(fmt::format("[language] layer {}", l)));
    }
  }
  const Ref logits = head(residual);
  const Ref token = add_sampling(b_, logits, config_.vocabulary, candidates, {coldness_, top_k_, top_p_, draw_});
  b_.output("token", token, program::Scale{});
  b_.output("logits", logits, program::Scale{1, -kLogitBits});
  for (std::size_t i = 0; i < new_states_.size(); ++i)
    b_.output(fmt::format("{}.{}", i % 2 == 0 ? "keys" : "values", i / 2), new_states_[i], program::Scale{});
  if (error_) return base::fail(*error_);
  auto metadata = options_.metadata;
  if (metadata.name.empty()) metadata.name = config_.family;
  return b_.finish(std::move(metadata));
}

}  // namespace koinon::engine::language
