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
  nodes = 2,   ///< what stands at most five levels below a node, of a tensor six
  leaf = 3,    ///< the bytes of a leaf of a tensor
};

/// A piece of a claim that a challenger asks for, from the provider's node or on the ledger (Types.Place of the contracts).
struct Demand {
  ClaimTree tree = ClaimTree::trace;
  DemandKind kind = DemandKind::summit;
  std::uint64_t value = 0;  ///< number of the value, of a tensor
  std::uint8_t level = 0;   ///< of the node, leaves being level 0; of a leaf up to 2: the bytes of 2^level leaves
  std::uint64_t index = 0;  ///< of the node in its level
  friend auto operator<=>(const Demand&, const Demand&) = default;
};

/// What stands there, with all that ties it to the claim (Types.Answer).
///   summit  length and the node on top
///   nodes   with n = 5, of a tensor 6: the 2^min(n, level) nodes of level max(0, level - n) below it from left to right; of
///           a list at level 0 the items that there are
///   leaf    the bytes, without padding
/// Where there is no such place: the summit of the tree; where there is no such value, `count` and the node on top of the
/// trace; of an inner value, which has no tree, `count` and `list` alone: its item is kInnerRoot.
struct Answer {
  std::uint64_t length = 0;  ///< items of the list, bytes of the value
  std::vector<base::Hash> hashes;
  base::Bytes data;
  std::vector<base::Hash> siblings;  ///< of the node, upwards
  std::uint64_t count = 0;           ///< of a tensor: items of the trace
  std::vector<base::Hash> list;      ///< of a tensor: siblings of its root in the trace
  friend bool operator==(const Answer&, const Answer&) = default;
};

}  // namespace koinon::trust::optimistic
