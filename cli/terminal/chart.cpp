#include "cli/terminal/chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/percent.hpp"
#include "cli/terminal/console.hpp"
#include "cli/terminal/table.hpp"

namespace koinon::cli {
namespace {

constexpr std::size_t kWidth = 24;
constexpr double kNearOne = 0.02;  // quantised shares do not add to 1 exactly

/// A bar rounded to the nearest cell.
std::string share_bar(double share) {
  return bar(static_cast<std::uint64_t>(std::lround(std::clamp(share, 0.0, 1.0) * kWidth)), kWidth, kWidth);
}

}  // namespace

std::vector<double> shares(std::span<const double> values) {
  std::vector<double> out(values.begin(), values.end());
  if (out.empty()) return out;
  const auto sum = std::accumulate(out.begin(), out.end(), 0.0);
  const bool shares_already = *std::ranges::min_element(out) >= 0 && std::abs(sum - 1) < kNearOne;
  if (!shares_already) {
    const auto most = *std::ranges::max_element(out);
    for (auto& v : out) v = std::exp(v - most);
  }
  const auto total = std::accumulate(out.begin(), out.end(), 0.0);
  for (auto& v : out) v /= total;
  return out;
}

std::string class_chart(std::span<const double> values, const std::vector<std::string>& labels) {
  const auto parts = shares(values);
  const auto best = std::ranges::max_element(values) - values.begin();
  Table table({{"class", Table::Align::right}, {"share"}, {"", Table::Align::right}, {"value", Table::Align::right}, {""}});
  for (std::size_t i = 0; i < parts.size(); ++i)
    table.add({i < labels.size() ? clean(labels[i], 40) : std::to_string(i), share_bar(parts[i]), base::percent(parts[i]),
               fmt::format("{:.4g}", values[i]), std::ptrdiff_t(i) == best ? "◀" : ""});
  return table.text();
}

}  // namespace koinon::cli
