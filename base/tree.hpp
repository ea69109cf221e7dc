#pragma once
#include <vector>

#include "base/merkle.hpp"

namespace koinon::base {

/// A run of neighbouring leaves of a byte tree: their bytes, and what closes them to the top: at each level the left sibling,
/// if any, then the right one, if any.
struct LeafRun {
  Bytes data;
  std::vector<Hash> siblings;
};

/// The hashes that the trees of base/merkle.hpp are made of: a byte leaf (at most 1024 bytes, padded), a list leaf, a node, a
/// root.
Hash byte_leaf_hash(Domain domain, ByteView data);
Hash list_leaf_hash(Domain domain, std::uint64_t index, const Hash& item);
Hash tree_node_hash(Domain domain, const Hash& left, const Hash& right);
Hash tree_root_hash(Domain domain, std::uint64_t length, const Hash& top);

/// Every node of a tree of base/merkle.hpp: 64 bytes a leaf. For who opens many leaves, or nodes between leaf and top.
class Tree {
 public:
  static Tree of_bytes(Domain domain, ByteView bytes);
  static Tree of_list(Domain domain, const std::vector<Hash>& items);

  /// byte_tree_root or list_root.
  [[nodiscard]] Hash root() const;
  [[nodiscard]] const Hash& top() const { return levels_.back().front(); }
  /// Levels of nodes above the leaves.
  [[nodiscard]] unsigned depth() const { return static_cast<unsigned>(levels_.size() - 1); }
  /// Node `index` of level `level`; level 0 are the leaves, absent ones included. Precondition: level <= depth().
  [[nodiscard]] const Hash& node(unsigned level, std::uint64_t index) const;
  /// The siblings of leaf `index` from the leaf upwards.
  [[nodiscard]] std::vector<Hash> path(std::uint64_t index) const;
  /// What closes the leaves [first, last] to the top (LeafRun). Precondition: first <= last, both inside.
  [[nodiscard]] std::vector<Hash> closing(std::uint64_t first, std::uint64_t last) const;
  /// The leaves of `bytes`, from which the tree was made, that hold `length` bytes from `from` on. Errors: out_of_range.
  [[nodiscard]] Result<LeafRun> open(ByteView bytes, std::uint64_t from, std::uint64_t length) const;

 private:
  Tree(Domain domain, std::uint64_t length, std::vector<Hash> leaves, Hash absent);

  Domain domain_;
  std::uint64_t length_;
  std::vector<std::vector<Hash>> levels_;
  std::vector<Hash> absent_;  ///< of each level
};

/// The root that a run of leaves gives for a byte string of `size` bytes, when its bytes are the whole leaves that hold
/// `length` bytes from `from` on. Errors: malformed (sizes or the number of siblings are wrong). A twin of Openings.run.
Result<Hash> run_root(Domain domain, std::uint64_t size, std::uint64_t from, std::uint64_t length, const LeafRun& run);

}  // namespace koinon::base
