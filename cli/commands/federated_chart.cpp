#include "cli/commands/federated_chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "cli/terminal/console.hpp"

namespace koinon::cli {
namespace {

using work::federated::Fate;
using work::federated::PlayReport;

constexpr double kWidth = 760, kHeight = 440, kLeft = 60, kRight = 24, kTop = 48, kLineBottom = 270, kBarTop = 300,
                 kBarBottom = 400;

struct Kind {
  Fate fate;
  const char* colour;
  const char* word;
};
constexpr std::array<Kind, 5> kKinds = {{{Fate::paid, "#2a7d4f", "paid"},
                                         {Fate::useless, "#9cc7ae", "taken, not paid"},
                                         {Fate::refused, "#b0b0b0", "refused"},
                                         {Fate::quiet, "#e0d080", "nothing shown"},
                                         {Fate::harmful, "#c0392b", "slashed"}}};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : clean(text, 80)) switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      default: out += c;
    }
  return out;
}

std::string words(double x, double y, const char* anchor, const char* colour, const std::string& text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" fill=\"{}\">{}</text>\n", x, y, anchor, colour, text);
}

double at(double round, double rounds) { return kLeft + round / std::max(1.0, rounds) * (kWidth - kLeft - kRight); }

std::string line(const PlayReport& report, bool classes) {
  std::vector<double> values = {classes ? report.first.right : report.first.loss};
  for (const auto& r : report.rounds) values.push_back(classes ? r.score.right : r.score.loss);
  double top = 1;
  if (!classes) {
    top = 1e-6;
    for (const double v : values) top = std::isfinite(v) ? std::max(top, v) : top;
  }
  const auto y = [&](double v) { return kLineBottom - std::min(v, top) / top * (kLineBottom - kTop); };
  std::string out;
  for (int i = 0; i <= 5; ++i) {
    const double v = top * i / 5;
    out += fmt::format("<path d=\"M{:.1f} {:.1f}H{:.1f}\" stroke=\"#dddddd\"/>\n", kLeft, y(v), kWidth - kRight);
    out += words(kLeft - 8, y(v) + 4, "end", "#444444", classes ? fmt::format("{:.0f} %", 100 * v) : fmt::format("{:.3g}", v));
  }
  out += "<polyline fill=\"none\" stroke=\"#3b6fb6\" stroke-width=\"2\" points=\"";
  for (std::size_t i = 0; i < values.size(); ++i)
    out += fmt::format("{:.1f},{:.1f} ", at(static_cast<double>(i), static_cast<double>(report.rounds.size())),
                       y(std::isfinite(values[i]) ? values[i] : top));
  return out + "\"/>\n";
}

std::string bars(const PlayReport& report) {
  const auto rounds = static_cast<double>(report.rounds.size());
  const double width = std::min(28.0, 0.8 * (kWidth - kLeft - kRight) / std::max(1.0, rounds));
  std::string out;
  for (std::size_t r = 0; r < report.rounds.size(); ++r) {
    const auto& seats = report.rounds[r].proposers;
    double y = kBarBottom;
    for (const auto& kind : kKinds) {
      const auto count = std::ranges::count(seats, kind.fate, &work::federated::ProposerSeat::fate);
      const double height = (kBarBottom - kBarTop) * static_cast<double>(count) / static_cast<double>(seats.size());
      y -= height;
      if (count > 0)
        out += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>\n",
                           at(static_cast<double>(r + 1), rounds) - width, y, width, height, kind.colour);
    }
  }
  double x = kLeft;
  for (const auto& kind : kKinds) {
    out += fmt::format("<rect x=\"{:.1f}\" y=\"412\" width=\"11\" height=\"11\" fill=\"{}\"/>\n", x, kind.colour);
    out += words(x + 16, 422, "start", "#444444", kind.word);
    x += 130;
  }
  return out;
}

}  // namespace

std::string federated_chart(const std::string& title, const PlayReport& report, bool classes) {
  auto out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
      kWidth, kHeight);
  out += words(kLeft, 20, "start", "#111111", escaped(title));
  out += words(kLeft, 38, "start", "#3b6fb6",
               classes ? "right on test data after each round" : "loss on test data after each round");
  out += words(kWidth - kRight, kLineBottom + 18, "end", "#444444", fmt::format("{} rounds", report.rounds.size()));
  out += words(kLeft - 8, kBarTop + 12, "end", "#444444", "fates");
  return out + line(report, classes) + bars(report) + "</svg>\n";
}

}  // namespace koinon::cli
