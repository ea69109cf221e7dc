#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/merkle.hpp"
#include "engine/tensor/tensor.hpp"

namespace koinon::engine::language {

/// The Merkle trees of tensors of which each run changes a few bytes: roots() costs the leaves that were touched and their
/// paths, not the tensors. Roots are those of tensor::tensor_root.
class StateTrees {
 public:
  /// Of tensors that are all zeros.
  explicit StateTrees(std::span<const tensor::IntTensor> zeros);

  /// Bytes [first, first + count) of a tensor change before the next call of roots(). Precondition: they lie within it.
  void touch(std::size_t tensor, std::uint64_t first, std::uint64_t count);
  /// Roots of the tensors as they are now. Precondition: they differ from those of the last call, or from zeros, in touched
  /// bytes only.
  const std::vector<base::Hash>& roots(std::span<const tensor::IntTensor> tensors);

 private:
  struct Tree {
    std::uint64_t length = 0;
    std::vector<std::vector<base::Hash>> levels;  ///< leaves first
    std::vector<base::Hash> absent;               ///< of each level
    std::vector<std::uint64_t> changed;           ///< nodes of the level at hand, in order once sorted
  };

  void hash_leaves(std::span<const tensor::IntTensor> tensors);
  void hash_level(std::size_t level);

  std::vector<Tree> trees_;
  std::vector<base::Hash> roots_;
};

}  // namespace koinon::engine::language
