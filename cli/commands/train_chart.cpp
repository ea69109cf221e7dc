#include "cli/commands/train_chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/terminal/console.hpp"

namespace koinon::cli {
namespace {

constexpr double kWidth = 760, kHeight = 400, kLeft = 60, kRight = 60, kTop = 48, kBottom = 44;
constexpr std::size_t kMostPoints = 600;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : clean(text, 80)) switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  return out;
}

/// A round number near a fifth of the range.
double tick(double range) {
  const double raw = range / 5, power = std::pow(10.0, std::floor(std::log10(raw)));
  for (double factor : {1.0, 2.0, 5.0})
    if (raw <= factor * power) return factor * power;
  return 10 * power;
}

class Chart {
 public:
  Chart(double steps, double top) : steps_(std::max(1.0, steps)), top_(top) {
    out_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        kWidth, kHeight);
  }
  [[nodiscard]] double x(double step) const { return kLeft + step / steps_ * (kWidth - kLeft - kRight); }
  [[nodiscard]] double y(double value, double top) const {
    return kHeight - kBottom - std::min(value, top) / top * (kHeight - kTop - kBottom);
  }
  void text(double at_x, double at_y, const std::string& anchor, const std::string& colour, const std::string& words) {
    out_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" fill=\"{}\">{}</text>\n", at_x, at_y, anchor,
                        colour, words);
  }
  void grid(bool classes) {
    const double step = tick(top_);
    for (double v = 0; v <= top_ * 1.0001; v += step) {
      out_ += fmt::format("<path d=\"M{:.1f} {:.1f}H{:.1f}\" stroke=\"#dddddd\"/>\n", kLeft, y(v, top_), kWidth - kRight);
      text(kLeft - 8, y(v, top_) + 4, "end", "#444444", fmt::format("{:.4g}", v));
    }
    for (int percent = 0; classes && percent <= 100; percent += 20)
      text(kWidth - kRight + 8, y(percent, 100) + 4, "start", "#2a7d4f", fmt::format("{} %", percent));
    const double along = tick(steps_);
    for (double s = 0; s <= steps_ * 1.0001; s += along)
      text(x(s), kHeight - kBottom + 18, "middle", "#444444", fmt::format("{:.0f}", s));
    text((kLeft + kWidth - kRight) / 2, kHeight - 8, "middle", "#444444", "steps");
  }
  void line(const std::vector<std::pair<double, double>>& points, double top, const std::string& colour, bool dots) {
    if (points.empty()) return;
    out_ += fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\" points=\"", colour);
    for (const auto& [step, value] : points) out_ += fmt::format("{:.1f},{:.1f} ", x(step), y(value, top));
    out_ += "\"/>\n";
    for (const auto& [step, value] : points)
      if (dots)
        out_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n", x(step), y(value, top), colour);
  }
  std::string finish() && { return out_ + "</svg>\n"; }

 private:
  double steps_, top_;
  std::string out_;
};

/// Means of neighbouring steps, at most kMostPoints of them.
std::vector<std::pair<double, double>> smoothed(const std::vector<float>& losses) {
  const auto each = std::max<std::size_t>(1, (losses.size() + kMostPoints - 1) / kMostPoints);
  std::vector<std::pair<double, double>> out;
  for (std::size_t at = 0; at < losses.size(); at += each) {
    const auto count = std::min(each, losses.size() - at);
    double sum = 0;
    for (std::size_t i = at; i < at + count; ++i) sum += static_cast<double>(losses[i]);
    out.emplace_back(static_cast<double>(at) + static_cast<double>(count) / 2, sum / static_cast<double>(count));
  }
  return out;
}

}  // namespace

std::string training_chart(const std::string& title, const std::vector<float>& losses, const std::vector<ScorePoint>& scores,
                           bool classes) {
  const auto curve = smoothed(losses);
  double top = 1e-6;
  for (const auto& p : curve) top = std::max(top, p.second);
  for (const auto& s : scores) top = std::max(top, std::isfinite(s.loss) ? s.loss : 0.0);
  Chart chart(static_cast<double>(losses.size()), top * 1.05);
  chart.grid(classes);
  std::vector<std::pair<double, double>> tests, right;
  for (const auto& s : scores) {
    tests.emplace_back(static_cast<double>(s.step), s.loss);
    right.emplace_back(static_cast<double>(s.step), 100 * s.right);
  }
  chart.line(curve, top * 1.05, "#3b6fb6", false);
  chart.line(tests, top * 1.05, "#c0562b", true);
  if (classes) chart.line(right, 100, "#2a7d4f", true);
  chart.text(kLeft, 20, "start", "#111111", escaped(title));
  chart.text(kLeft, 38, "start", "#3b6fb6", "loss of each step");
  chart.text(kLeft + 130, 38, "start", "#c0562b", "loss on test data");
  if (classes) chart.text(kWidth - kRight, 38, "end", "#2a7d4f", "right on test data");
  return std::move(chart).finish();
}

}  // namespace koinon::cli
