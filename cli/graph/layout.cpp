#include "cli/graph/layout.hpp"

#include <algorithm>
#include <map>
#include <numeric>

namespace koinon::cli {
namespace {

constexpr double kGapX = 26, kGapY = 44, kThroughWidth = 14, kMargin = 24;
constexpr int kOrderSweeps = 8, kPlaceSweeps = 24;

/// The graph in layers. Lines that pass a layer have a node of their own there; lines of one box share theirs.
class Layers {
 public:
  Layers(std::vector<Box>& boxes, const std::vector<std::pair<std::size_t, std::size_t>>& edges)
      : boxes_(boxes), real_(boxes.size()) {
    layer_.assign(real_, 0);
    for (const auto& [from, to] : sorted(edges)) layer_[to] = std::max(layer_[to], layer_[from] + 1);
    up_.resize(real_);
    down_.resize(real_);
    for (const auto& [from, to] : edges) connect(from, to);
    rows_.resize(layer_.empty() ? 0 : *std::ranges::max_element(layer_) + 1);
    for (std::size_t node = 0; node < layer_.size(); ++node) rows_[layer_[node]].push_back(node);
  }

  void order() {
    for (int sweep = 0; sweep < kOrderSweeps; ++sweep) {
      const bool downwards = sweep % 2 == 0;
      for (std::size_t i = 1; i < rows_.size(); ++i) sort_row(downwards ? i : rows_.size() - 1 - i, downwards ? up_ : down_);
    }
  }

  void place() {
    double y = kMargin;
    for (auto& row : rows_) {
      double height = 0;
      for (const auto node : row) height = std::max(height, boxes_[node].height);
      for (const auto node : row) boxes_[node].at.y = y + height / 2;
      y += height + kGapY;
      double x = 0;
      for (const auto node : row) {
        boxes_[node].at.x = x + boxes_[node].width / 2;
        x += boxes_[node].width + kGapX;
      }
      for (const auto node : row) boxes_[node].at.x -= x / 2;
    }
    for (int sweep = 0; sweep < kPlaceSweeps; ++sweep)
      for (std::size_t i = 0; i < rows_.size(); ++i) pull_row(rows_[sweep % 2 == 0 ? i : rows_.size() - 1 - i]);
  }

  Layout finish(const std::vector<std::pair<std::size_t, std::size_t>>& edges) {
    double left = 0, right = 0, bottom = 0;
    for (const auto& box : boxes_) {
      left = std::min(left, box.at.x - box.width / 2);
      right = std::max(right, box.at.x + box.width / 2);
      bottom = std::max(bottom, box.at.y + box.height / 2);
    }
    for (auto& box : boxes_) box.at.x += kMargin - left;
    Layout out;
    out.width = right - left + 2 * kMargin;
    out.height = bottom + kMargin;
    for (const auto& [from, to] : edges) out.routes.push_back(route(from, to));
    out.boxes.assign(boxes_.begin(), boxes_.begin() + static_cast<std::ptrdiff_t>(real_));
    return out;
  }

 private:
  using Edges = std::vector<std::pair<std::size_t, std::size_t>>;
  static Edges sorted(Edges edges) {
    std::ranges::sort(edges);
    return edges;
  }

  void join(std::size_t from, std::size_t to) {
    if (std::ranges::find(down_[from], to) != down_[from].end()) return;
    down_[from].push_back(to);
    up_[to].push_back(from);
  }

  void connect(std::size_t from, std::size_t to) {
    auto at = from;
    for (auto layer = layer_[from] + 1; layer < layer_[to]; ++layer) {
      const auto next = through(from, layer);
      join(at, next);
      at = next;
    }
    join(at, to);
  }

  /// The node of box `from`'s lines in a layer.
  std::size_t through(std::size_t from, std::size_t layer) {
    const auto [at, made] = through_.emplace(std::pair(from, layer), boxes_.size());
    if (made) {
      boxes_.push_back({kThroughWidth, 0, {}});
      layer_.push_back(layer);
      up_.emplace_back();
      down_.emplace_back();
    }
    return at->second;
  }

  void sort_row(std::size_t index, const std::vector<std::vector<std::size_t>>& neighbours) {
    std::vector<double> place(boxes_.size());
    for (const auto& row : rows_)
      for (std::size_t i = 0; i < row.size(); ++i)
        place[row[i]] = (static_cast<double>(i) + 0.5) / static_cast<double>(row.size());
    std::vector<std::pair<double, std::size_t>> keyed;
    for (const auto node : rows_[index]) {
      double sum = 0;
      for (const auto other : neighbours[node]) sum += place[other];
      keyed.emplace_back(neighbours[node].empty() ? place[node] : sum / static_cast<double>(neighbours[node].size()), node);
    }
    std::ranges::sort(keyed);  // equal places by number: the same picture every time
    for (std::size_t i = 0; i < keyed.size(); ++i) rows_[index][i] = keyed[i].second;
  }

  /// Moves the nodes of a row towards the middle of their neighbours, in order and without overlap.
  void pull_row(const std::vector<std::size_t>& row) {
    std::vector<double> from_left(row.size()), from_right(row.size());
    const auto apart = [&](std::size_t i) { return (boxes_[row[i]].width + boxes_[row[i + 1]].width) / 2 + kGapX; };
    for (std::size_t i = 0; i < row.size(); ++i) {
      double sum = 0;
      std::size_t count = 0;
      for (const auto* side : {&up_, &down_})
        for (const auto other : (*side)[row[i]]) {
          sum += boxes_[other].at.x;
          ++count;
        }
      from_left[i] = from_right[i] = count == 0 ? boxes_[row[i]].at.x : sum / static_cast<double>(count);
    }
    for (std::size_t i = 1; i < row.size(); ++i) from_left[i] = std::max(from_left[i], from_left[i - 1] + apart(i - 1));
    for (std::size_t i = row.size() - 1; i-- > 0;) from_right[i] = std::min(from_right[i], from_right[i + 1] - apart(i));
    for (std::size_t i = 0; i < row.size(); ++i) boxes_[row[i]].at.x = (from_left[i] + from_right[i]) / 2;
  }

  Route route(std::size_t from, std::size_t to) const {
    Route out{from, to, {}};
    out.points.push_back({boxes_[from].at.x, boxes_[from].at.y + boxes_[from].height / 2});
    for (auto layer = layer_[from] + 1; layer < layer_[to]; ++layer)
      out.points.push_back(boxes_[through_.at({from, layer})].at);
    out.points.push_back({boxes_[to].at.x, boxes_[to].at.y - boxes_[to].height / 2});
    return out;
  }

  std::vector<Box>& boxes_;
  std::size_t real_;
  std::vector<std::size_t> layer_;
  std::vector<std::vector<std::size_t>> up_, down_, rows_;
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> through_;
};

}  // namespace

Layout lay_out(std::vector<Box> boxes, const std::vector<std::pair<std::size_t, std::size_t>>& edges) {
  Layers layers(boxes, edges);
  layers.order();
  layers.place();
  return layers.finish(edges);
}

}  // namespace koinon::cli
