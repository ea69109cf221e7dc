#pragma once
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "engine/quantise/random_model.hpp"
#include "onnx-ml.pb.h"

// How a random model grows, node by node: random_model.cpp has the parts, random_operators.cpp and random_moves.cpp
// the operators.
namespace koinon::engine::quantise {

using Sizes = std::vector<std::int64_t>;
using Attribute = std::variant<std::int64_t, double, std::string, Sizes>;
using Attributes = std::map<std::string, Attribute>;

inline constexpr std::int64_t kMostElements = 2048;  ///< of a value

std::int64_t elements(const Sizes& shape);

/// A float value of the model, and an interval that holds its elements.
struct Made {
  std::string name;
  Sizes shape;
  double low, high;
  [[nodiscard]] double size() const { return std::max(std::fabs(low), std::fabs(high)); }
  [[nodiscard]] std::size_t rank() const { return shape.size(); }
};

/// Grows one model.
class Maker {
 public:
  Maker(Choices& choices, int nodes) : dice_(choices), left_(nodes) {}
  std::string make();

 private:
  std::int64_t roll(std::int64_t low, std::int64_t high) { return low + dice_.roll(high - low + 1); }
  std::size_t axis(const Made& x) { return static_cast<std::size_t>(dice_.roll(static_cast<std::int64_t>(x.rank()))); }
  Made pick() {
    const auto n = static_cast<std::int64_t>(pool_.size());
    return pool_[static_cast<std::size_t>(dice_.roll(3) == 0 ? dice_.roll(n)
                                                             : n - 1 - dice_.roll(std::min<std::int64_t>(n, 3)))];
  }
  std::string node(const std::string& op, const std::vector<std::string>& inputs, const Attributes& attributes = {},
                   std::size_t outputs = 1);
  std::string reals(const Sizes& shape, double low, double high);
  std::string integers(const Sizes& list);
  /// Adds a value that later nodes may read; one that is too large is scaled first.
  void keep(Made made);

  void unary();
  void positive();
  void binary();
  void arithmetic_with_constant();
  void compare();
  void product();
  void convolution();
  void pooling();
  void normalisation();
  void softmax();
  void reduction();
  void rearranged();
  void joined();
  void cut();
  void padded();
  void indexed();
  void sorted();
  void resized();
  void scanned();
  void recurrent();
  /// x with `rank` axes.
  Made shaped(const Made& x, std::size_t rank);

  Choices& dice_;
  int left_;
  int names_ = 0;
  ::onnx::ModelProto model_;
  ::onnx::GraphProto& graph_ = *model_.mutable_graph();
  std::vector<Made> pool_;
};

}  // namespace koinon::engine::quantise
