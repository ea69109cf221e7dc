#pragma once
#include "trust/proof/open.hpp"

namespace koinon::trust::proof {

/// Adds the weights of the three mask columns to the last kMaskColumns columns of `weights` [columns, rows], times rho: column
/// pair one weighs 1, pair two 2^(number of ones of the row), pair three nothing.
void weigh_masks(std::span<Ext> weights, std::size_t rows, const Ext& rho);

/// Coefficients of a random combination of columns: powers of gamma, and for a mask its power times 1, X and X^2.
std::vector<Ext> column_scales(std::size_t columns, const Ext& gamma);

/// keccak256(0x12 | elements) of a coset of a layer.
base::Hash coset_hash(std::span<const Ext> coset);

/// Sorted, without repetition.
std::vector<std::uint32_t> distinct(std::vector<std::uint32_t> places);

}  // namespace koinon::trust::proof
