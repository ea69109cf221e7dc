#pragma once
#include <vector>

#include "trust/proof/field.hpp"

namespace koinon::trust::proof {

/// Table of eq(point, x) for x in {0,1}^k: entry i is the product of point[j] where bit j of i is 1, and 1 - point[j] where it
/// is 0.
std::vector<Ext> eq_table(std::span<const Ext> point);
/// The product of (1 - a_j)(1 - b_j) + a_j b_j. Precondition: equal sizes.
Ext eq_value(std::span<const Ext> a, std::span<const Ext> b);
/// Value at `point` of the multilinear polynomial with these values on the cube. Precondition: values.size() == 2^point.size().
Ext evaluate(std::span<const Ext> values, std::span<const Ext> point);
Ext evaluate(std::span<const Fp> values, std::span<const Ext> point);

/// The polynomial of degree d = values.size() with p(0) = values[0], p(1) = claim - values[0], p(k) = values[k - 1] for k >= 2,
/// at x: how a sumcheck message of degree d is sent without p(1). Preconditions: 1 <= d <= 3.
Ext round_value(std::span<const Ext> values, const Ext& claim, const Ext& x);

}  // namespace koinon::trust::proof
