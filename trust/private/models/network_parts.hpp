#pragma once
#include "trust/private/models/network.hpp"

namespace koinon::trust::fhe {

/// Digit `part` of a weight or offset of the second layer: balanced digits of part_bits each, the last takes the rest.
/// value = sum of digits times 2^(part_bits * part).
std::int64_t digit_of(const NetworkPlan& plan, std::int64_t value, std::size_t part);

}  // namespace koinon::trust::fhe
