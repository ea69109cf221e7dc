#pragma once
#include <cstdint>
#include <vector>

#include "base/hash.hpp"

namespace koinon::base {

/// What a tree commits to. Part of every leaf, node and root hash, so that a proof of one use is never one of another.
/// Numbers are in hashes: never renumber.
enum class Domain : std::uint8_t {
  tensor = 1,    ///< data of one tensor
  steps = 2,     ///< a program's steps, a list of their canonical bytes
  weights = 3,   ///< a program's weight tensors, a list of tensor roots
  tables = 4,    ///< a program's lookup tables, a list of tensor roots
  trace = 5,     ///< a run: the output root of each step, a list
  outputs = 6,   ///< the outputs of a run, a list of tensor roots
  inputs = 7,    ///< the inputs of an order, a list of tensor roots behind a salt
  envelope = 8,  ///< encrypted bytes that travel between buyer and provider
};

inline constexpr std::size_t kLeafSize = 1024;  ///< bytes in a leaf of a byte tree

/// Root of a byte string cut into 1 KiB leaves.
///
///   leaf_i = keccak256(0x00 | domain | data_i padded with zero to 1024)
///   node   = keccak256(0x01 | domain | left | right)
///   root   = keccak256(0x02 | domain | be64(length) | top)
///
/// The number of leaves is max(1, ceil(length / 1024)) rounded up to a power of two; the leaves beyond are zero leaves.
/// Depth is therefore fixed by the length, which the root binds.
Hash byte_tree_root(Domain domain, ByteView bytes);

/// Root of a list of hashes, the same tree with
///
///   leaf_i = keccak256(0x00 | domain | be64(i) | item_i)
///   root   = keccak256(0x02 | domain | be64(count) | top)
///
/// and absent leaves are 32 zero bytes. The list may be empty: top is then 32 zero bytes.
Hash list_root(Domain domain, const std::vector<Hash>& items);

/// Siblings from the leaf upwards, with what they prove: leaf `index` of a tree over `length` bytes (byte tree) or items
/// (list).
struct MerklePath {
  std::uint64_t index = 0;
  std::uint64_t length = 0;
  std::vector<Hash> siblings;
};

/// Opens leaf `index`. Errors: out_of_range.
Result<MerklePath> open_byte_leaf(Domain domain, ByteView bytes, std::uint64_t index);
Result<MerklePath> open_list_item(Domain domain, const std::vector<Hash>& items, std::uint64_t index);

/// Leaves of an aligned subtree, the unit in which bytes are demanded and answered on a ledger: 64 KiB.
inline constexpr std::uint64_t kSubtreeLeaves = 64;

/// Siblings from the top of subtree `index` upwards; none when the whole tree is not larger than one subtree. Errors:
/// out_of_range.
Result<std::vector<Hash>> open_byte_subtree(Domain domain, ByteView bytes, std::uint64_t index);

/// The hash that a root binds together with the length: root = keccak256(0x02 | domain | be64(length) | top).
Hash byte_tree_top(Domain domain, ByteView bytes);
Hash list_top(Domain domain, const std::vector<Hash>& items);

/// True when `leaf` (its data without padding, at most 1024 bytes) stands at path.index under `root`.
bool verify_byte_leaf(Domain domain, const Hash& root, ByteView leaf, const MerklePath& path);
bool verify_list_item(Domain domain, const Hash& root, const Hash& item, const MerklePath& path);

}  // namespace koinon::base
