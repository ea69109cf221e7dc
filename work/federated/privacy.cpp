#include "work/federated/privacy.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/math/math.hpp"

namespace koinon::work::federated {
namespace {

namespace math = engine::math;
constexpr int kMostOrder = 512;
constexpr double kTau = 6.283185307179586476925286766559;

/// log(n!) for n up to kMostOrder.
double log_factorial(int n) {
  static const auto kTable = [] {
    std::vector<double> out(kMostOrder + 1, 0);
    for (std::size_t i = 2; i < out.size(); ++i) out[i] = out[i - 1] + math::log(static_cast<double>(i));
    return out;
  }();
  return kTable[static_cast<std::size_t>(n)];
}

/// log(exp(a) + exp(b)).
double log_add(double a, double b) {
  const double high = std::max(a, b), low = std::min(a, b);
  return high + math::log1p(math::exp(low - high));
}

}  // namespace

double Gaussian::uniform() {
  if (at_ == bytes_.size()) {
    source_.fill(bytes_);
    at_ = 0;
  }
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < 8; ++i) word = word << 8 | bytes_[at_++];
  return static_cast<double>(word >> 11) * 0x1p-53;
}

double Gaussian::next() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2 * math::log(1 - uniform()));  // of (0, 1]
  const double angle = kTau * uniform();
  spare_ = radius * math::sin(angle);
  has_spare_ = true;
  return radius * math::cos(angle);
}

bool chance(base::Random& source, double probability) {
  return static_cast<double>(source.u64() >> 11) * 0x1p-53 < probability;
}

double renyi(double rate, double noise, int order) {
  if (noise <= 0) return std::numeric_limits<double>::infinity();
  const double square = 2 * noise * noise;
  if (rate >= 1) return order / square;
  if (rate <= 0) return 0;
  const double in = math::log(rate), out = math::log1p(-rate);
  double total = -std::numeric_limits<double>::infinity();
  for (int k = 0; k <= order; ++k) {
    const double term = log_factorial(order) - log_factorial(k) - log_factorial(order - k) + k * in + (order - k) * out +
                        (static_cast<double>(k) * k - k) / square;
    total = k == 0 ? term : log_add(total, term);
  }
  return std::max(0.0, total) / (order - 1);
}

base::Result<double> epsilon(double rate, double noise, std::uint64_t steps, double delta) {
  if (!(rate > 0 && rate <= 1 && noise > 0 && delta > 0 && delta < 1))
    return base::fail(base::Code::out_of_range, "[privacy] rate {}, noise {}, delta {}: (0, 1], above 0 and (0, 1) expected",
                      rate, noise, delta);
  double best = std::numeric_limits<double>::infinity();
  for (int order = 2; order <= kMostOrder; ++order) {
    const double loss = static_cast<double>(steps) * renyi(rate, noise, order);
    const double here =
        loss + math::log1p(-1.0 / order) - (math::log(delta) + math::log(static_cast<double>(order))) / (order - 1);
    best = std::min(best, here);
  }
  return std::max(0.0, best);
}

}  // namespace koinon::work::federated
