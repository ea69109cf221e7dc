#pragma once
#include "trust/private/models/network.hpp"

namespace koinon::trust::fhe {

/// Most inputs, sums or outputs of a layer, and most layers of tables.
inline constexpr std::size_t kMaxSide = 1 << 16;
inline constexpr std::size_t kMaxLayers = 8;

/// Layers fit each other and every sum has its place in a table. Errors: those of plan_network.
base::Status check_network(const TableNetwork& network);

/// Digit `part` of a weight or offset of the second layer: balanced digits of part_bits each, the last takes the rest.
/// value = sum of digits times 2^(part_bits * part).
std::int64_t digit_of(const NetworkPlan& plan, std::int64_t value, std::size_t part);

}  // namespace koinon::trust::fhe
