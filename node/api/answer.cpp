#include "node/api/answer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/percent.hpp"

namespace koinon::node::api {
namespace {

constexpr std::size_t kMostClasses = 1000;
constexpr std::size_t kMostBytes = 80;

bool are_probabilities(const std::vector<double>& data) {
  const bool bounded = std::all_of(data.begin(), data.end(), [](double v) { return v >= 0 && v <= 1; });
  return bounded && std::abs(std::accumulate(data.begin(), data.end(), 0.0) - 1) < 0.02;
}

/// Share of the highest element, 0 to 1.
double top_share(const std::vector<double>& data, double top) {
  if (are_probabilities(data)) return top;
  double powers = 0;
  for (const double value : data) powers += std::exp(value - top);
  return 1 / powers;
}

std::string cut(std::string text) {
  if (text.size() <= kMostBytes) return text;
  std::size_t end = kMostBytes - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

/// A text on one line.
std::string one_line(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\n' || c == '\t';
    if (!space) out += c;
    if (space && !out.empty() && out.back() != ' ') out += ' ';
  }
  return out;
}

std::string first_values(const std::vector<RealOutput>& outputs) {
  constexpr std::size_t kMost = 4;
  std::string out;
  std::size_t shown = 0, all = 0;
  for (const auto& output : outputs) {
    all += output.data.size();
    for (const double value : output.data) {
      if (shown == kMost) break;
      out += fmt::format("{}{:.4g}", shown++ == 0 ? "" : ", ", value);
    }
  }
  return shown < all ? out + ", ..." : out;
}

}  // namespace

std::string answer_text(const std::vector<RealOutput>& outputs) {
  if (!outputs.empty() && outputs[0].text) return cut(one_line(*outputs[0].text));
  const bool classes = outputs.size() == 1 && outputs[0].data.size() >= 2 && outputs[0].data.size() <= kMostClasses &&
                       !outputs[0].shape.empty() && static_cast<std::size_t>(outputs[0].shape.back()) == outputs[0].data.size();
  if (!classes) return cut(first_values(outputs));
  const auto& data = outputs[0].data;
  const auto& labels = outputs[0].labels;
  const auto top = std::max_element(data.begin(), data.end());
  const auto index = static_cast<std::size_t>(top - data.begin());
  const auto word = index < labels.size() ? labels[index] : std::to_string(index);
  return cut(fmt::format("{} ({})", word.substr(0, 60), base::percent(top_share(data, *top))));
}

}  // namespace koinon::node::api
