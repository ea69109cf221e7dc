#include "work/federated/score.hpp"

#include <algorithm>
#include <cmath>

#include "work/federated/aggregate.hpp"

namespace koinon::work::federated {
namespace {

constexpr double kLeastNorm = 0.01;  ///< of the median: less is no update

double dot(const Values& a, const Values& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

void remove(Values& from, const Values& direction) {
  const double square = dot(direction, direction);
  if (square > 0) add(from, direction, -dot(from, direction) / square);
}

}  // namespace

void remove_echoes(Values& update, const std::vector<Values>& before) {
  std::vector<Values> basis;
  for (std::size_t i = 0; i < std::min(before.size(), kEchoes); ++i) {
    auto direction = before[i];
    const double whole = norm(direction);
    for (const auto& b : basis) remove(direction, b);
    if (norm(direction) > 1e-3 * whole) basis.push_back(std::move(direction));
  }
  const double whole = norm(update);
  for (const auto& b : basis) remove(update, b);
  if (norm(update) <= 1e-4 * whole) std::ranges::fill(update, 0.0F);  // what rounding left
}

namespace {

/// By how many millionths the loss falls when the model takes this step; nothing when it is no longer finite.
base::Result<std::optional<double>> gain_of(Trainer& trainer, const DataSet& data, const Samples& own, const Standing& standing,
                                            const Values& update, double before) {
  auto model = standing.model;
  add(model, update, 1.0 / static_cast<double>(std::max<std::size_t>(1, standing.proposals)));
  KOINON_TRY(const auto after, trainer.evaluate(model, data, &own));
  if (!std::isfinite(after.loss)) return std::optional<double>{};
  return std::optional((before - after.loss) / std::max(before, 1e-6) * kMostVote);
}

}  // namespace

base::Result<Vote> vote_on(Trainer& trainer, const DataSet& data, const Samples& own, const Standing& standing, Values update,
                           double loss_before) {
  std::vector<Values> one;
  one.push_back(std::move(update));
  if (standing.limit > 0) clip_norms(one, standing.limit);
  if (norm(one[0]) <= kLeastNorm * standing.limit) return -1;
  KOINON_TRY(auto gain, gain_of(trainer, data, own, standing, one[0], loss_before));
  if (!gain) return kUnusable;
  if (*gain > 0) {
    remove_echoes(one[0], standing.before);
    KOINON_TRY(const auto fresh, gain_of(trainer, data, own, standing, one[0], loss_before));
    *gain = std::clamp(fresh.value_or(0), 0.0, *gain);
  }
  return static_cast<Vote>(std::clamp(*gain, static_cast<double>(1 - kMostVote), static_cast<double>(kMostVote)));
}

}  // namespace koinon::work::federated
