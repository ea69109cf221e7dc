#include "cli/terminal/chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cli/terminal/console.hpp"
#include "cli/terminal/table.hpp"

namespace koinon::cli {
namespace {

constexpr std::size_t kWidth = 24;
constexpr std::uint64_t kParts = 1'000'000;
constexpr double kNearOne = 0.02;  // quantised shares do not add to 1 exactly

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
    table.add({i < labels.size() ? clean(labels[i], 40) : std::to_string(i),
               bar(static_cast<std::uint64_t>(std::clamp(parts[i], 0.0, 1.0) * static_cast<double>(kParts)), kParts, kWidth),
               fmt::format("{:.1f} %", 100 * parts[i]), fmt::format("{:.4g}", values[i]),
               std::ptrdiff_t(i) == best ? "◀" : ""});
  return table.text();
}

}  // namespace koinon::cli
