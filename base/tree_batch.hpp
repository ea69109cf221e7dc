#pragma once
#include <vector>

#include "base/merkle.hpp"
#include "base/thread_pool.hpp"

namespace koinon::base {

/// Roots of many byte strings together: byte_tree_root of each, with leaves, nodes and roots hashed side by side however short
/// the strings are. Leaves that come eight together are hashed where they lie; at most half a megabyte of others is held
/// until it is hashed, and the hashes of a few thousand leaves.
class TreeBatch {
 public:
  /// `pool` is borrowed; null hashes on the calling thread.
  explicit TreeBatch(Domain domain, ThreadPool* pool = nullptr) : domain_(domain), pool_(pool) {}

  /// Adds a byte string, which need not outlive the call. Returns its number: 0, 1, 2 and so on.
  std::size_t add(ByteView bytes);
  /// Roots by number, of all that was added. Ends the batch.
  [[nodiscard]] std::vector<Hash> roots();

 private:
  struct Open {
    std::size_t number, first, leaves;  // leaves_[first, first + leaves)
  };
  void hash_whole(ByteView bytes, std::size_t first);
  void wait(ByteView data, std::size_t leaf);
  void hash_waiting();
  void fold();

  Domain domain_;
  ThreadPool* pool_;
  Bytes messages_;                    // leaves that wait to be hashed
  std::vector<std::size_t> waiting_;  // where in leaves_ they go
  std::vector<Hash> leaves_;          // of open_, those that wait empty
  std::vector<Open> open_;
  std::vector<std::uint64_t> lengths_;
  std::vector<Hash> tops_;  // by number
};

}  // namespace koinon::base
