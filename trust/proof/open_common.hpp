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

/// A layer of folding: the code word over F and its tree of cosets. Prover's side.
struct Layer {
  std::vector<Ext> word;
  std::size_t coset = 1;
  Tree tree;
};
/// What folding a word leaves: its messages, and the layers from which the drawn places are opened.
struct FoldedWord {
  std::vector<base::Hash> roots;
  std::vector<std::array<Ext, 2>> rounds;
  std::vector<Ext> last;
  std::uint64_t nonce = 0;
  std::vector<std::uint32_t> places;  ///< distinct, ascending
  std::vector<Layer> layers;
};
/// Steps 5 to 7 of the opening (docs/trust/proof.md, 5.2) for the word of `message`, whose value at `point` is claimed.
FoldedWord fold_word(const Params& params, std::vector<Ext> message, std::span<const Ext> point, Transcript& transcript,
                     base::ThreadPool* pool);
/// The cosets at the drawn places.
std::vector<LayerOpening> open_layers(const FoldedWord& folding);

}  // namespace koinon::trust::proof
