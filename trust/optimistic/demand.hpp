#pragma once
#include <compare>

#include "base/merkle.hpp"

namespace koinon::trust::optimistic {

/// A tree that a claim binds.
enum class ClaimTree : std::uint8_t {
  trace = 1,    ///< the list of the roots of all values
  outputs = 2,  ///< the list of the roots of the outputs
  tensor = 3,   ///< the bytes of one value
};

/// What is asked of a tree.
enum class DemandKind : std::uint8_t {
  summit = 1,  ///< its length and the node on top
  nodes = 2,   ///< what stands at most four levels below a node
  leaf = 3,    ///< the bytes of a leaf of a tensor
};

/// A piece of a claim that a challenger asks for, from the provider's node or on the ledger.
struct Demand {
  ClaimTree tree = ClaimTree::trace;
  DemandKind kind = DemandKind::summit;
  std::uint64_t value = 0;  ///< number of the value, of a tensor
  std::uint8_t level = 0;   ///< of the node, leaves being level 0; nodes only
  std::uint64_t index = 0;  ///< of the node in its level, or of the leaf
  friend auto operator<=>(const Demand&, const Demand&) = default;
};

/// The answer to a demand.
///   summit  length and one hash
///   nodes   the 2^min(4, level) nodes of level max(0, level - 4) below it from left to right; of a list whose leaves they are
///           the items instead, without those behind the end of the list
///   leaf    the bytes, without padding
struct Answer {
  std::uint64_t length = 0;
  std::vector<base::Hash> hashes;
  base::Bytes data;
  friend bool operator==(const Answer&, const Answer&) = default;
};

}  // namespace koinon::trust::optimistic
