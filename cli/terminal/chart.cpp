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
constexpr std::size_t kMostClasses = 20;
constexpr std::size_t kShownValues = 8;

bool are_shares(std::span<const double> values) {
  const auto sum = std::accumulate(values.begin(), values.end(), 0.0);
  return !values.empty() && *std::ranges::min_element(values) >= 0 && std::abs(sum - 1) < kNearOne;
}

/// A bar rounded to the nearest cell.
std::string share_bar(double share) {
  return bar(static_cast<std::uint64_t>(std::lround(std::clamp(share, 0.0, 1.0) * kWidth)), kWidth, kWidth);
}

}  // namespace

std::vector<double> shares(std::span<const double> values) {
  std::vector<double> out(values.begin(), values.end());
  if (out.empty()) return out;
  if (!are_shares(values)) {
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
  Table table({{"class", Table::Align::right},
               {are_shares(values) ? "share" : "softmax"},
               {"", Table::Align::right},
               {"value", Table::Align::right},
               {""}});
  for (std::size_t i = 0; i < parts.size(); ++i)
    table.add({i < labels.size() ? clean(labels[i], 40) : std::to_string(i), share_bar(parts[i]), base::percent(parts[i]),
               fmt::format("{:.4g}", values[i]), std::ptrdiff_t(i) == best ? "◀" : ""});
  return table.text();
}

bool are_classes(std::span<const std::int64_t> shape, std::span<const double> values, bool only_output) {
  const bool row = !shape.empty() && shape.back() == static_cast<std::int64_t>(values.size());
  if (!row || values.size() < 2 || values.size() > kMostClasses) return false;
  const auto whole = [](double v) { return v == std::floor(v); };
  return are_shares(values) || (only_output && !std::ranges::all_of(values, whole));
}

std::string values_text(std::span<const double> values, bool classes, const std::vector<std::string>& labels) {
  if (classes) return class_chart(values, labels);
  const bool all = values.size() <= kMostClasses;
  const auto shown = all ? values.size() : kShownValues;
  std::string out = "  ";
  for (std::size_t i = 0; i < shown; ++i) out += fmt::format("{}{:.6g}", i == 0 ? "" : ", ", values[i]);
  if (all) return out + "\n";
  const auto best = std::ranges::max_element(values) - values.begin();
  return out + fmt::format(", ... {} values; the largest is {:.6g} at {}\n", values.size(),
                           values[static_cast<std::size_t>(best)], best);
}

}  // namespace koinon::cli
