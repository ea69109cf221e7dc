#pragma once
#include <map>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/thread_pool.hpp"

namespace koinon::trust::proof {

/// A Merkle tree over 2^depth leaf hashes: node = keccak256(0x11 | left | right). Leaves are hashed by the caller with another
/// first byte, so that no leaf is a node.
class Tree {
 public:
  Tree() = default;
  /// Precondition: the number of leaves is a power of two.
  explicit Tree(std::vector<base::Hash> leaves, base::ThreadPool* pool = nullptr);

  [[nodiscard]] const base::Hash& root() const { return levels_.back()[0]; }
  /// The siblings that a verifier cannot compute from the leaves at `places` (ascending, distinct), level by level from the
  /// leaves, left to right.
  [[nodiscard]] std::vector<base::Hash> open(const std::vector<std::uint32_t>& places) const;

 private:
  std::vector<std::vector<base::Hash>> levels_;
};

/// The nodes of a tree that an opening of some of its leaves makes known: enough to open any of those leaves by themselves.
class OpenedTree {
 public:
  /// Arguments as of `opens`. Errors: rejected when the siblings are not as many as the places ask for.
  static base::Result<OpenedTree> of(unsigned depth, std::vector<std::uint32_t> places, std::vector<base::Hash> leaves,
                                     const std::vector<base::Hash>& siblings);
  /// As Tree::open. Precondition: the places are among those that are known.
  [[nodiscard]] std::vector<base::Hash> open(std::vector<std::uint32_t> places) const;

 private:
  std::vector<std::map<std::uint32_t, base::Hash>> levels_;  ///< nodes by number, leaves first
};

/// True when the leaves stand at `places` (ascending, distinct, below 2^depth) under root, and `siblings` are exactly those
/// that Tree::open gives.
bool opens(const base::Hash& root, unsigned depth, std::vector<std::uint32_t> places, std::vector<base::Hash> leaves,
           const std::vector<base::Hash>& siblings);

}  // namespace koinon::trust::proof
