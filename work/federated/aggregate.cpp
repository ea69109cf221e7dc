#include "work/federated/aggregate.hpp"

#include <algorithm>
#include <cmath>

namespace koinon::work::federated {
namespace {

using base::Code;
using base::fail;

/// Sums in order; the values are sorted for all but the mean.
float combined(std::vector<float>& column, Combine how, std::size_t cut) {
  if (how != Combine::mean) std::ranges::sort(column);
  const auto n = column.size();
  if (how == Combine::median) {
    const double low = static_cast<double>(column[(n - 1) / 2]), high = static_cast<double>(column[n / 2]);
    return static_cast<float>((low + high) / 2);
  }
  const auto skip = how == Combine::trimmed ? cut : 0;
  double sum = 0;
  for (std::size_t i = skip; i < n - skip; ++i) sum += static_cast<double>(column[i]);
  return static_cast<float>(sum / static_cast<double>(n - 2 * skip));
}

}  // namespace

double norm(std::span<const float> update) {
  double sum = 0;
  for (const float v : update) sum += static_cast<double>(v) * static_cast<double>(v);
  return std::sqrt(sum);
}

double clip_norms(std::vector<Values>& updates, double limit) {
  std::vector<double> norms;
  for (const auto& u : updates) norms.push_back(norm(u));
  if (limit <= 0 && !norms.empty()) {
    auto sorted = norms;
    std::ranges::sort(sorted);
    limit = sorted[(sorted.size() - 1) / 2];
  }
  for (std::size_t u = 0; u < updates.size(); ++u) {
    if (norms[u] <= limit) continue;
    const double factor = limit / norms[u];
    for (auto& v : updates[u]) v = static_cast<float>(static_cast<double>(v) * factor);
  }
  return limit;
}

base::Result<Values> combine(const std::vector<Values>& updates, Combine how, double trim) {
  if (updates.empty()) return fail(Code::invalid_argument, "[aggregate] no updates: at least one expected");
  if (!(trim >= 0 && trim < 0.5)) return fail(Code::invalid_argument, "[aggregate] trim {}: 0 to below 0.5 expected", trim);
  const auto size = updates[0].size();
  for (const auto& u : updates)
    if (u.size() != size)
      return fail(Code::invalid_argument, "[aggregate] updates of {} and {} values: one size expected", size, u.size());
  const auto cut = static_cast<std::size_t>(trim * static_cast<double>(updates.size()));
  Values out(size);
  std::vector<float> column(updates.size());
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t u = 0; u < updates.size(); ++u) column[u] = updates[u][i] + 0.0F;
    out[i] = combined(column, how, cut);
  }
  return out;
}

void add(Values& to, std::span<const float> update, double factor) {
  for (std::size_t i = 0; i < to.size(); ++i)
    to[i] = static_cast<float>(static_cast<double>(to[i]) + factor * static_cast<double>(update[i]));
}

}  // namespace koinon::work::federated
