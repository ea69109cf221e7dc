#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "market/simulate/settings.hpp"

namespace koinon::market::simulate {
namespace {

constexpr double kRow = 26, kLeft = 210, kPlot = 560, kRight = 150, kTop = 76, kBottom = 56;
constexpr double kEdge = 2;  ///< decades right and left of a hundredth

/// Signed logarithm: gains from a hundredth of a percent to all that was put in, on one axis. -1 to 1.
double place(double value) {
  const double size = std::clamp(std::abs(value) / 1e-4, 1.0, 1e4 * kEdge);
  const double part = std::log10(size) / std::log10(1e4 * kEdge);
  return value < 0 ? -part : part;
}

double x_of(double value) { return kLeft + kPlot / 2 * (1 + place(value)); }

const char* colour(Outcome outcome) {
  switch (outcome) {
    case Outcome::loses: return "#2f7d4f";
    case Outcome::wins: return "#b3261e";
    case Outcome::open: return "#8a6d00";
  }
  return "#000";
}

}  // namespace

std::string picture(const Settings& s, const std::vector<Finding>& findings) {
  const double bottom = kTop + kRow * static_cast<double>(findings.size());
  const double width = kLeft + kPlot + kRight, height = bottom + kBottom;
  auto out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" font-family=\"system-ui, sans-serif\" "
      "font-size=\"13\" "
      "role=\"img\" aria-label=\"What each attack gains beyond honesty\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
      "<text x=\"16\" y=\"26\" font-size=\"17\" font-weight=\"600\">What an attack gains beyond honesty, of what it puts at "
      "stake</text>\n"
      "<text x=\"16\" y=\"46\" fill=\"#555\">quorum of {} in {}, audits {:.2f} %, a run costs {:.0f} % of its price, {} "
      "providers, {} orders, seed "
      "{}; bars: 95 %</text>\n",
      width, height, s.k, s.n, s.audit_bps / 100.0, 100 * s.cost, s.providers, s.orders, s.seed);
  for (const double tick : {-1.0, -0.1, -0.01, -0.001, 0.0, 0.001, 0.01, 0.1, 1.0}) {
    const auto x = x_of(tick);
    out += fmt::format(
        "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.0f}\" y2=\"{2:.0f}\" stroke=\"{3}\"/>\n"
        "<text x=\"{0:.1f}\" y=\"{4:.0f}\" text-anchor=\"middle\" fill=\"#555\">{5:g} %</text>\n",
        x, kTop - 8, bottom, tick == 0 ? "#333" : "#ddd", bottom + 18, 100 * tick);
  }
  out += fmt::format(
      "<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"middle\" fill=\"#555\">loses</text>\n"
      "<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"middle\" fill=\"#555\">wins</text>\n",
      kLeft + kPlot / 4, bottom + 38, kLeft + kPlot * 3 / 4, bottom + 38);
  double y = kTop + kRow / 2;
  for (const auto& f : findings) {
    out += fmt::format("<text x=\"{:.0f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", kLeft - 12, y + 4, f.attack.name);
    if (f.tries != 0) {
      const auto low = x_of(f.per_stake() - f.per_stake_error()), high = x_of(f.per_stake() + f.per_stake_error());
      out += fmt::format(
          "<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" stroke-width=\"4\" "
          "stroke-opacity=\"0.4\"/>\n<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\" fill=\"{}\"/>\n",
          low, high, y, y, colour(f.outcome), x_of(f.per_stake()), y, colour(f.outcome));
    }
    out += fmt::format("<text x=\"{:.0f}\" y=\"{:.1f}\" fill=\"{}\">{} {:+.2f} %</text>\n", kLeft + kPlot + 14, y + 4,
                       colour(f.outcome), outcome_name(f.outcome), 100 * f.per_stake());
    y += kRow;
  }
  return out + "</svg>\n";
}

}  // namespace koinon::market::simulate
