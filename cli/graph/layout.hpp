#pragma once
#include <cstddef>
#include <utility>
#include <vector>

namespace koinon::cli {

struct Point {
  double x = 0, y = 0;
};

/// A box of a picture. Its place is its middle.
struct Box {
  double width = 0, height = 0;
  Point at;
};

/// A line from a box down to another, by way of points between other boxes.
struct Route {
  std::size_t from = 0, to = 0;
  std::vector<Point> points;  ///< from the lower edge of one to the upper edge of the other
};

struct Layout {
  std::vector<Box> boxes;
  std::vector<Route> routes;
  double width = 0, height = 0;
};

/// A layered drawing (Sugiyama, Tagawa and Toda 1981): each box below all that it depends on, few crossings, lines around
/// boxes. `edges` go from lower to higher numbers of `boxes`, whose sizes are given; the same input gives the same picture.
Layout lay_out(std::vector<Box> boxes, const std::vector<std::pair<std::size_t, std::size_t>>& edges);

}  // namespace koinon::cli
