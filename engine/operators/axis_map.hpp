#pragma once
#include "engine/operators/fixed.hpp"

namespace koinon::engine::operators {

/// What each place of an output axis takes from the input axis.
struct AxisMap {
  struct Tap {
    std::int64_t from = 0;
    double weight = 0;
  };
  std::size_t axis = 0;
  std::int64_t in = 1;
  std::vector<std::vector<Tap>> rows;  ///< one for each output place
  std::vector<bool> outside;           ///< places that hold a constant instead; empty: none

  /// Every place is a copy of one input place.
  [[nodiscard]] bool copies() const;
  [[nodiscard]] bool identity() const;
  [[nodiscard]] std::int64_t out() const { return static_cast<std::int64_t>(rows.size()); }
};

/// The maps one after another, in double; places outside along any axis hold `fill`.
Value apply(const Value& x, const std::vector<AxisMap>& maps, double fill);

/// The same as steps: copies are gathered, other maps are products with a matrix in units of 2^-14. `shape` is that of x and
/// becomes that of the result, in the layout of ONNX.
Fixed lower_maps(Lowering& to, Fixed x, Shape& shape, const std::vector<AxisMap>& maps);

}  // namespace koinon::engine::operators
