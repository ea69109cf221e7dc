#include "engine/language/reference.hpp"

#include <algorithm>
#include <cmath>

#include "engine/math/math.hpp"

namespace koinon::engine::language {
namespace {

using base::Code;
using base::fail;
using Vector = std::vector<float>;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

/// A sum of products in eight lanes, then the lanes in order: one order whatever the machine.
float dot(const float* a, const float* b, std::int64_t n) {
  float lanes[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (std::int64_t l = 0; l < 8; ++l) lanes[l] += a[i + l] * b[i + l];
  for (std::int64_t l = 0; i + l < n; ++l) lanes[l] += a[i + l] * b[i + l];
  float sum = 0;
  for (float lane : lanes) sum += lane;
  return sum;
}

Vector affine(const Linear& w, const Vector& x) {
  Vector y(at(w.out));
  for (std::int64_t r = 0; r < w.out; ++r)
    y[at(r)] = dot(w.weights.data() + r * w.in, x.data(), w.in) + (w.bias.empty() ? 0.0F : w.bias[at(r)]);
  return y;
}

void see(double& magnitude, const Vector& x) {
  for (float v : x) magnitude = std::max(magnitude, std::fabs(static_cast<double>(v)));
}

/// Each head's largest magnitude; `share` heads of x to one of `magnitudes`.
void see_heads(std::vector<double>& magnitudes, const Vector& x, std::int64_t size, std::int64_t share = 1) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    auto& m = magnitudes[i / at(size) / at(share)];
    m = std::max(m, std::fabs(static_cast<double>(x[i])));
  }
}

/// The values before gain and offset, and behind them.
std::pair<Vector, Vector> normalise(const Config& config, const Norm& norm, const Vector& x) {
  const auto n = static_cast<double>(x.size());
  double mean = 0, square = 0;
  if (!config.rms) {
    for (float v : x) mean += static_cast<double>(v);
    mean /= n;
  }
  for (float v : x) square += (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean);
  const double inverse = 1 / std::sqrt(square / n + config.epsilon);
  Vector unit(x.size()), out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    unit[i] = static_cast<float>((static_cast<double>(x[i]) - mean) * inverse);
    out[i] = unit[i] * norm.gain[i] + (norm.offset.empty() ? 0.0F : norm.offset[i]);
  }
  return {std::move(unit), std::move(out)};
}

}  // namespace

Ranges::Ranges(const Config& config) : layers(at(config.layers)) {
  for (auto& l : layers)
    for (auto* heads : {&l.q, &l.k, &l.v, &l.q_plain, &l.k_plain}) heads->assign(at(config.kv_heads), 0);
}

Reference::Reference(const Transformer& model) : model_(model), states_(model.layers.size()) {}

void Reference::rotate(Vector& heads) const {
  const auto& c = model_.config;
  if (c.rope_base == 0) return;
  const auto half = c.head_size / 2;
  for (std::int64_t i = 0; i < half; ++i) {
    const double angle = static_cast<double>(position_) * rope_frequency(c, i);
    const auto cosine = static_cast<float>(math::cos(angle)), sine = static_cast<float>(math::sin(angle));
    for (std::size_t h = 0; h < heads.size(); h += at(c.head_size)) {
      float &a = heads[h + at(i)], &b = heads[h + at(i + half)];
      const float turned = a * cosine - b * sine;
      b = b * cosine + a * sine;
      a = turned;
    }
  }
}

Vector Reference::attend(const Layer& layer, State& state, const Vector& x, LayerRanges* ranges) const {
  const auto& c = model_.config;
  const auto size = c.head_size, keys = c.kv_heads * size;
  Vector q = affine(layer.q, x), k = affine(layer.k, x);
  const Vector v = affine(layer.v, x);
  if (ranges != nullptr) {
    see_heads(ranges->q_plain, q, size, c.groups());
    see_heads(ranges->k_plain, k, size);
  }
  rotate(q);
  rotate(k);
  if (ranges != nullptr) {
    see_heads(ranges->q, q, size, c.groups());
    see_heads(ranges->k, k, size);
    see_heads(ranges->v, v, size);
  }
  // As long as the text so far: a context may be far larger than any text that calibrates.
  state.k.resize(at(position_ * keys));
  state.v.resize(at(position_ * keys));
  state.k.insert(state.k.end(), k.begin(), k.end());
  state.v.insert(state.v.end(), v.begin(), v.end());
  const double root = 1 / std::sqrt(static_cast<double>(size));
  Vector out(at(c.heads * size));
  std::vector<double> weights(at(position_ + 1));
  for (std::int64_t h = 0; h < c.heads; ++h) {
    const auto shared = h / c.groups() * size;
    double top = -INFINITY, total = 0;
    for (std::int64_t t = 0; t <= position_; ++t) {
      weights[at(t)] = static_cast<double>(dot(q.data() + h * size, state.k.data() + t * keys + shared, size)) * root;
      top = std::max(top, weights[at(t)]);
      if (ranges != nullptr) ranges->score = std::max(ranges->score, std::fabs(weights[at(t)]));
    }
    for (auto& w : weights) total += w = math::exp(w - top);
    for (std::int64_t t = 0; t <= position_; ++t) {
      const auto w = static_cast<float>(weights[at(t)] / total);
      for (std::int64_t i = 0; i < size; ++i) out[at(h * size + i)] += w * state.v[at(t * keys + shared + i)];
    }
  }
  return out;
}

std::vector<float> Reference::step(std::int64_t token, Ranges* ranges) {
  const auto& c = model_.config;
  Vector x(model_.embedding.begin() + token * c.width, model_.embedding.begin() + (token + 1) * c.width);
  if (!model_.positions.empty())
    for (std::int64_t i = 0; i < c.width; ++i) x[at(i)] += model_.positions[at(position_ * c.width + i)];
  const auto note = [&] {
    if (ranges != nullptr) see(ranges->residual, x);
  };
  const auto add = [&](const Vector& y) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
    note();
  };
  note();
  for (std::size_t l = 0; l < model_.layers.size(); ++l) {
    const auto& layer = model_.layers[l];
    auto* seen = ranges == nullptr ? nullptr : &ranges->layers[l];
    auto [unit, normal] = normalise(c, layer.before_attention, x);
    if (seen != nullptr) see(seen->attention_in, unit);
    add(affine(layer.o, attend(layer, states_[l], normal, seen)));
    std::tie(unit, normal) = normalise(c, layer.before_mlp, x);
    Vector up = affine(layer.up, normal), gate = c.gated ? affine(layer.gate, normal) : up;
    if (seen != nullptr) {
      see(seen->mlp_in, unit);
      see(seen->up, up);
      see(seen->gate, gate);
    }
    for (std::size_t i = 0; i < gate.size(); ++i) {
      const auto y = static_cast<float>(activate(c.activation, static_cast<double>(gate[i])));
      gate[i] = c.gated ? y * up[i] : y;
    }
    if (seen != nullptr) see(seen->product, gate);
    add(affine(layer.down, gate));
  }
  const auto [unit, normal] = normalise(c, model_.last, x);
  if (ranges != nullptr) see(ranges->last_in, unit);
  ++position_;
  return affine(model_.head, normal);
}

base::Result<Ranges> calibrate(const Transformer& model, const std::vector<std::vector<std::int64_t>>& texts,
                               const std::function<void(std::size_t done, std::size_t total)>& progress, std::stop_token stop) {
  std::size_t total = 0, done = 0;
  for (const auto& text : texts) total += std::min(text.size(), at(model.config.context));
  if (total == 0) return fail(Code::invalid_argument, "[language] no tokens to calibrate with");
  Ranges ranges(model.config);
  Reference reference(model);
  for (const auto& text : texts) {
    reference.restart();
    for (auto token : text) {
      if (stop.stop_requested()) return fail(Code::cancelled, "[language] stopped");
      if (token < 0 || token >= model.config.vocabulary)
        return fail(Code::invalid_argument, "[language] token {} in calibration: 0 to {} expected", token,
                    model.config.vocabulary - 1);
      if (reference.position() == model.config.context) break;
      reference.step(token, &ranges);
      if (progress) progress(++done, total);
    }
  }
  return ranges;
}

}  // namespace koinon::engine::language
