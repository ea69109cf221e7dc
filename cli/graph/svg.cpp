#include "cli/graph/svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "cli/graph/fold.hpp"
#include "cli/graph/layout.hpp"
#include "cli/terminal/console.hpp"

namespace koinon::cli {
namespace {

using engine::program::Program;
using engine::program::Range;
using engine::program::Ref;
using engine::program::Source;
using engine::program::Step;
using engine::program::StepKind;
using engine::program::TensorInfo;
using engine::tensor::shape_text;

constexpr std::size_t kComfortable = 40, kMost = 150;
constexpr double kCharWidth = 6.7, kLineHeight = 16, kPadding = 11, kLeastWidth = 110;
constexpr double kHeadHeight = 74, kLegendHeight = 46, kLeastPicture = 640;
constexpr std::size_t kMostText = 46;

std::string escaped(std::string_view text, std::size_t most = kMostText) {
  std::string out;
  for (const char c : clean(text, most)) switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  return out;
}

/// Families of steps: one colour each.
std::string_view family(StepKind kind) {
  switch (kind) {
    case StepKind::matmul:
    case StepKind::conv: return "product";
    case StepKind::requantise:
    case StepKind::lookup:
    case StepKind::shift: return "scale";
    case StepKind::add:
    case StepKind::sub:
    case StepKind::mul:
    case StepKind::divide:
    case StepKind::isqrt: return "arithmetic";
    case StepKind::reduce:
    case StepKind::prefix_sum:
    case StepKind::argmax:
    case StepKind::topk:
    case StepKind::compare:
    case StepKind::select: return "choice";
    default: return "movement";
  }
}

/// Bits that every integer of a range fits, with its sign where it has one.
int bits_of(const Range& range) {
  int bits = range.low < 0 ? 2 : 1;
  const auto fits = [&](int b) {
    if (b >= 63) return true;
    const auto top = std::int64_t{1} << (range.low < 0 ? b - 1 : b);
    return range.high < top && range.low >= -top;
  };
  while (!fits(bits)) ++bits;
  return bits;
}

struct Node {
  std::string family;
  std::vector<std::string> lines;  ///< the first is the title
};

std::string tensor_line(const TensorInfo& info) { return fmt::format("{} {}", dtype_name(info.dtype), shape_text(info.shape)); }

/// The picture's nodes: inputs, drawn steps, outputs; and what leads where.
class Picture {
 public:
  Picture(const Program& program, const std::vector<Range>& ranges)
      : program_(program), ranges_(ranges), folded_(fold(program, kComfortable, kMost)) {
    for (const auto& input : program.inputs)
      nodes_.push_back({"port", {escaped(input.name), tensor_line(input.info), unit_line(input.scale.real())}});
    for (std::size_t i = 0; i < folded_.shown.size(); ++i) {
      at_[folded_.shown[i]] = nodes_.size();
      nodes_.push_back(step_node(folded_.shown[i]));
    }
    find_producers();
    for (std::size_t s = 0; s < program.steps.size(); ++s)
      for (const auto operand : program.steps[s].operands) lead(operand, node_of(s));
    if (folded_.cut > 0) {
      if (!folded_.shown.empty()) edges_.emplace(nodes_.size() - 1, nodes_.size());
      rest_ = nodes_.size();
      nodes_.push_back({"movement", {fmt::format("{} more steps", folded_.cut)}});
    }
    for (const auto& output : program.outputs) {
      const auto maker = producer(output.ref);
      const auto from = maker == kNone ? rest_ : maker;
      nodes_.push_back({"port", {escaped(output.name), unit_line(output.scale.real())}});
      if (from < nodes_.size()) edges_.emplace(from, nodes_.size() - 1);
    }
  }

  [[nodiscard]] std::string svg() const {
    std::vector<Box> boxes;
    for (const auto& node : nodes_) boxes.push_back(size_of(node));
    const auto layout = lay_out(std::move(boxes), {edges_.begin(), edges_.end()});
    const auto width = std::max(layout.width, kLeastPicture), height = layout.height + kHeadHeight + kLegendHeight;
    auto out = fmt::format(
        R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" height="{1:.0f}" role="img">)"
        "\n",
        width, height);
    out += style() +
           R"(<rect class="paper" width="100%" height="100%"/>)"
           "\n" +
           head();
    out += fmt::format("<g transform=\"translate({:.1f} {:.0f})\">\n", (width - layout.width) / 2, kHeadHeight);
    for (const auto& block : folded_.blocks) out += block_svg(block, layout);
    for (const auto& route : layout.routes) out += route_svg(route);
    for (std::size_t i = 0; i < nodes_.size(); ++i) out += node_svg(nodes_[i], layout.boxes[i]);
    return out + "</g>\n" + legend(height) + "</svg>\n";
  }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  static std::string unit_line(double unit) { return fmt::format("unit {:.4g}", unit); }

  Node step_node(std::size_t s) const {
    const auto& step = program_.steps[s];
    Node out{std::string(family(step.kind)), {fmt::format("{} {}", s, step_name(step.kind))}};
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      auto line = tensor_line(step.outputs[o]);
      if (const auto value = step.first_output + o; value < ranges_.size())
        line += fmt::format(", {} bits", bits_of(ranges_[value]));
      out.lines.push_back(line);
    }
    for (std::size_t i = 0; i < step.operands.size() && i < step.operand_infos.size(); ++i)
      if (step.operands[i].source() != Source::value)
        out.lines.push_back(fmt::format("{} {}", step.operands[i].source() == Source::weight ? "weights" : "table",
                                        tensor_line(step.operand_infos[i])));
    constexpr std::size_t kMostLines = 6;
    if (out.lines.size() > kMostLines) {
      const auto more = out.lines.size() - kMostLines + 1;
      out.lines.resize(kMostLines - 1);
      out.lines.push_back(fmt::format("and {} more", more));
    }
    return out;
  }

  void find_producers() {
    makers_.resize(program_.inputs.size(), kNone);
    for (std::size_t s = 0; s < program_.steps.size(); ++s)
      for (std::size_t o = 0; o < program_.steps[s].outputs.size(); ++o) makers_.push_back(s);
  }
  [[nodiscard]] std::size_t node_of(std::size_t step) const {
    const auto shown = folded_.stands[step];
    return shown == Folded::kNowhere ? kNone : at_.at(shown);
  }
  [[nodiscard]] std::size_t producer(Ref ref) const {
    if (ref.source() != Source::value || ref.index() >= makers_.size()) return kNone;
    return ref.index() < program_.inputs.size() ? ref.index() : node_of(makers_[ref.index()]);
  }
  /// What leads backwards goes from one round of a block to the next: not drawn.
  void lead(Ref operand, std::size_t to) {
    const auto from = producer(operand);
    if (from != kNone && to != kNone && from < to) edges_.emplace(from, to);
  }

  static Box size_of(const Node& node) {
    std::size_t longest = 0;
    for (const auto& line : node.lines) longest = std::max(longest, line.size());
    return {std::max(kLeastWidth, static_cast<double>(longest) * kCharWidth + 2 * kPadding),
            static_cast<double>(node.lines.size()) * kLineHeight + kPadding,
            {}};
  }

  static std::string node_svg(const Node& node, const Box& box) {
    auto out = fmt::format(R"(<g class="{}"><rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="7"/>)", node.family,
                           box.at.x - box.width / 2, box.at.y - box.height / 2, box.width, box.height);
    for (std::size_t i = 0; i < node.lines.size(); ++i)
      out +=
          fmt::format(R"(<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>)", i == 0 ? "title" : "fact", box.at.x,
                      box.at.y - box.height / 2 + kPadding / 2 + (static_cast<double>(i) + 0.75) * kLineHeight, node.lines[i]);
    return out + "</g>\n";
  }

  static std::string route_svg(const Route& route) {
    auto out = fmt::format(R"(<path class="line" d="M{:.1f} {:.1f})", route.points[0].x, route.points[0].y);
    for (std::size_t i = 1; i < route.points.size(); ++i) {
      const auto &a = route.points[i - 1], &b = route.points[i];
      const auto middle = (a.y + b.y) / 2;
      out += fmt::format(" C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}", a.x, middle, b.x, middle, b.x,
                         b.y - (i + 1 == route.points.size() ? 5 : 0));
    }
    return out + "\" marker-end=\"url(#tip)\"/>\n";
  }

  std::string block_svg(const Block& block, const Layout& layout) const {
    const auto begin = std::ranges::lower_bound(folded_.shown, block.first);
    if (begin == folded_.shown.end() || *begin != block.first) return "";
    double left = 1e18, right = -1e18, top = 1e18, bottom = -1e18;
    std::size_t seen = 0;
    for (auto step = begin; step != folded_.shown.end() && seen < block.count; ++step, ++seen) {
      const auto& box = layout.boxes[at_.at(*step)];
      left = std::min(left, box.at.x - box.width / 2);
      right = std::max(right, box.at.x + box.width / 2);
      top = std::min(top, box.at.y - box.height / 2);
      bottom = std::max(bottom, box.at.y + box.height / 2);
    }
    return fmt::format(
        R"(<g class="block"><rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="12"/><text x="{:.1f}" y="{:.1f}">&#215; {}</text></g>)"
        "\n",
        left - 12, top - 14, right - left + 24, bottom - top + 28, right + 8, top + 2, block.times);
  }

  [[nodiscard]] std::string head() const {
    const auto& about = program_.metadata;
    auto facts =
        fmt::format("{} steps, {} operations a run", program_.steps.size(), engine::program::operation_count(program_));
    if (!about.licence.empty()) facts += ", " + escaped(about.licence);
    if (!program_.has_weights()) facts += ", weights hidden";
    if (folded_.shown.size() < program_.steps.size())
      facts += fmt::format("; {} drawn: blocks that repeat are drawn once", folded_.shown.size());
    if (folded_.cut > 0) facts += fmt::format(", the last {} are left out", folded_.cut);
    const auto name = about.name.empty() ? std::string("program") : escaped(about.name, 80);
    return fmt::format(
        "<title>{0}</title>\n<text class=\"name\" x=\"24\" y=\"30\">{0}</text>\n<text class=\"note\" x=\"24\" "
        "y=\"49\">{1}</text>\n"
        "<text class=\"note\" x=\"24\" y=\"66\">{2}</text>\n",
        name, base::to_hex(engine::program::program_id(program_)), facts);
  }

  static std::string legend(double height) {
    static constexpr std::pair<std::string_view, std::string_view> kFamilies[] = {{"product", "matmul, conv"},
                                                                                  {"scale", "requantise, lookup"},
                                                                                  {"arithmetic", "arithmetic"},
                                                                                  {"choice", "reduce, compare"},
                                                                                  {"movement", "data movement"}};
    std::string out;
    double x = 24;
    for (const auto& [name, text] : kFamilies) {
      out += fmt::format(
          R"(<g class="{}"><rect x="{:.0f}" y="{:.0f}" width="13" height="13" rx="3"/></g><text class="note" x="{:.0f}" y="{:.0f}">{}</text>)"
          "\n",
          name, x, height - 31, x + 19, height - 20, text);
      x += 33 + static_cast<double>(text.size()) * kCharWidth;
    }
    return out;
  }

  static std::string style() {
    return R"(<defs><marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0.5 L8 4 L0 7.5 z"/></marker></defs>
<style>
text { font-family: system-ui, "DejaVu Sans", sans-serif; fill: #1c2430; }
.paper { fill: #fbfbf9; }
.title { font-size: 12.5px; font-weight: 650; text-anchor: middle; }
.fact { font-size: 11px; text-anchor: middle; fill: #46505e; }
.name { font-size: 19px; font-weight: 650; }
.note { font-size: 11.5px; fill: #5a6472; }
.line { fill: none; stroke: #8b95a3; stroke-width: 1.3; }
.tip { fill: #8b95a3; }
.block rect { fill: #6b4fd01a; stroke: #6b4fd0; stroke-width: 1.3; stroke-dasharray: 6 4; }
.block text { font-size: 15px; font-weight: 650; fill: #6b4fd0; text-anchor: start; }
.port rect { fill: #ffffff; stroke: #1c2430; stroke-width: 1.6; }
.product rect { fill: #dbe9fb; stroke: #3f78c4; }
.scale rect { fill: #fbeccb; stroke: #bb8a1c; }
.arithmetic rect { fill: #dcf1de; stroke: #4b9556; }
.choice rect { fill: #f6dde8; stroke: #b8557f; }
.movement rect { fill: #e9ebee; stroke: #8a929c; }
</style>
)";
  }

  const Program& program_;
  const std::vector<Range>& ranges_;
  Folded folded_;
  std::vector<Node> nodes_;
  std::size_t rest_ = kNone;               ///< node of what is cut
  std::map<std::size_t, std::size_t> at_;  ///< node of a drawn step
  std::vector<std::size_t> makers_;        ///< step that makes a value
  std::set<std::pair<std::size_t, std::size_t>> edges_;
};

}  // namespace

std::string program_svg(const Program& program, const std::vector<Range>& ranges) { return Picture(program, ranges).svg(); }

}  // namespace koinon::cli
