#include "engine/train/net/optimiser.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/codec.hpp"
#include "engine/math/math.hpp"

namespace koinon::engine::train {
namespace {

base::Status in_range(std::string_view what, double value, double low, double high) {
  if (value >= low && value <= high) return {};
  return base::fail(base::Code::invalid_argument, "[optimiser] {} = {}: {} to {} expected", what, value, low, high);
}

}  // namespace

base::Status OptimiserOptions::check() const {
  KOINON_CHECK(in_range("rate", rate, 0, 1000));
  KOINON_CHECK(in_range("momentum", momentum, 0, 0.9999));
  KOINON_CHECK(in_range("beta1", beta1, 0, 0.9999));
  KOINON_CHECK(in_range("beta2", beta2, 0, 0.999999));
  KOINON_CHECK(in_range("epsilon", epsilon, 1e-12, 1));
  KOINON_CHECK(in_range("decay", decay, 0, 1));
  KOINON_CHECK(in_range("clip", clip, 0, 1e30));
  return in_range("final_share", final_share, 0, 1);
}

double OptimiserOptions::rate_at(std::uint64_t step) const {
  if (step < warmup) return rate * static_cast<double>(step + 1) / static_cast<double>(warmup);
  if (schedule == Schedule::constant || steps <= warmup) return rate;
  const double done = std::min(1.0, static_cast<double>(step - warmup) / static_cast<double>(steps - warmup));
  const double left = schedule == Schedule::linear ? 1.0 - done : 0.5 * (1.0 + math::cos(0x1.921fb54442d18p+1 * done));
  return rate * (final_share + (1.0 - final_share) * left);
}

base::Bytes OptimiserOptions::encode() const {
  base::Writer to;
  to.number(static_cast<std::uint8_t>(method));
  to.number(static_cast<std::uint8_t>(schedule));
  for (double v : {rate, momentum, beta1, beta2, epsilon, decay, clip, final_share}) to.number(std::bit_cast<std::uint64_t>(v));
  to.number(warmup);
  to.number(steps);
  return std::move(to).take();
}

Optimiser::Optimiser(Graph& graph, const OptimiserOptions& options)
    : graph_(graph), options_(options), parameters_(graph.with_role(Role::parameter)) {
  for (auto p : parameters_)
    for (int copy = 0; copy < (options.method == Method::adamw ? 2 : 1); ++copy)
      state_.emplace_back(graph.value(p).data.size(), 0.0F);
}

double Optimiser::norm(const Machine& machine) const {
  const auto& l = lanes(machine);
  double total = 0;
  for (auto p : parameters_) {
    const auto& g = graph_.value(p).gradient;
    const auto n = static_cast<std::int64_t>(g.size());
    std::vector<float> parts(static_cast<std::size_t>((n + kChunk - 1) / kChunk));
    chunks(machine, n, [&](std::int64_t at, std::int64_t count) {
      parts[static_cast<std::size_t>(at / kChunk)] = l.sum_products(count, g.data() + at, g.data() + at);
    });
    for (float part : parts) total += static_cast<double>(part);
  }
  return std::sqrt(total);
}

double Optimiser::take(const Machine& machine, std::uint64_t step) {
  const auto& l = lanes(machine);
  const double size = norm(machine);
  const auto rate = static_cast<float>(options_.rate_at(step));
  const auto shrink = options_.clip > 0 && size > options_.clip ? static_cast<float>(options_.clip / size) : 1.0F;
  const SgdStep sgd{rate, static_cast<float>(options_.momentum), static_cast<float>(options_.decay)};
  const auto t = static_cast<double>(step + 1);
  const auto correct = [&](double beta) {
    return beta == 0 ? 1.0F : static_cast<float>(1.0 / (1.0 - math::exp(t * math::log(beta))));
  };
  const AdamStep adam{rate,
                      static_cast<float>(options_.beta1),
                      static_cast<float>(options_.beta2),
                      static_cast<float>(options_.epsilon),
                      static_cast<float>(options_.decay),
                      correct(options_.beta1),
                      correct(options_.beta2)};
  const bool two = options_.method == Method::adamw;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    auto& v = graph_.value(parameters_[i]);
    chunks(machine, static_cast<std::int64_t>(v.data.size()), [&](std::int64_t at, std::int64_t n) {
      float* g = v.gradient.data() + at;
      if (shrink != 1.0F) l.scale(n, shrink, g, g);
      if (two)
        l.adam(n, adam, g, state_[2 * i].data() + at, state_[2 * i + 1].data() + at, v.data.data() + at);
      else
        l.sgd(n, sgd, g, state_[i].data() + at, v.data.data() + at);
    });
  }
  return size;
}

}  // namespace koinon::engine::train
