#include "base/merkle.hpp"

#include <algorithm>
#include <bit>

#include "base/keccak_lanes.hpp"
#include "base/tree.hpp"

namespace koinon::base {
namespace {

std::array<std::uint8_t, 2> prefix(std::uint8_t role, Domain domain) { return {role, static_cast<std::uint8_t>(domain)}; }

Hash node_hash(Domain domain, const Hash& left, const Hash& right) {
  const auto head = prefix(1, domain);
  return keccak256({head, left.view(), right.view()});
}

Hash root_hash(Domain domain, std::uint64_t length, const Hash& top) {
  const auto head = prefix(2, domain);
  const auto size = be64(length);
  return keccak256({head, size, top.view()});
}

Hash byte_leaf(Domain domain, ByteView data) {
  std::array<std::uint8_t, 2 + kLeafSize> block{};
  const auto head = prefix(0, domain);
  std::copy(head.begin(), head.end(), block.begin());
  std::copy(data.begin(), data.end(), block.begin() + 2);
  return keccak256(block);
}

Hash list_leaf(Domain domain, std::uint64_t index, const Hash& item) {
  const auto head = prefix(0, domain);
  const auto position = be64(index);
  return keccak256({head, position, item.view()});
}

std::uint64_t leaf_count(std::uint64_t length) {
  return std::max<std::uint64_t>(1, length / kLeafSize + (length % kLeafSize != 0 ? 1 : 0));
}

unsigned depth_of(std::uint64_t leaves) { return static_cast<unsigned>(std::bit_width(leaves - 1)); }

std::vector<Hash> byte_leaves(Domain domain, ByteView bytes) {
  const auto n = leaf_count(bytes.size());
  std::vector<Hash> out(n);
  // Several at once: their messages are laid one behind the other.
  constexpr std::size_t kTogether = 16, kMessage = 2 + kLeafSize;
  std::vector<std::uint8_t> messages(std::min<std::uint64_t>(n, kTogether) * kMessage);
  const auto head = prefix(0, domain);
  for (std::uint64_t i = 0; i < n; i += kTogether) {
    const auto count = std::min<std::uint64_t>(kTogether, n - i);
    for (std::uint64_t k = 0; k < count; ++k) {
      std::uint8_t* to = messages.data() + k * kMessage;
      const auto data = bytes.subspan((i + k) * kLeafSize);
      const auto size = std::min<std::size_t>(kLeafSize, data.size());
      std::copy(head.begin(), head.end(), to);
      std::copy_n(data.begin(), size, to + 2);
      std::fill(to + 2 + size, to + kMessage, std::uint8_t{0});
    }
    keccak256_each(messages.data(), kMessage, count, out.data() + i);
  }
  return out;
}

std::vector<Hash> list_leaves(Domain domain, const std::vector<Hash>& items) {
  constexpr std::size_t kMessage = 2 + 8 + sizeof(Hash::bytes);
  std::vector<Hash> out(items.size());
  std::vector<std::uint8_t> messages(items.size() * kMessage);
  const auto head = prefix(0, domain);
  auto to = messages.begin();
  for (std::uint64_t i = 0; i < items.size(); ++i) {
    const auto position = be64(i);
    to = std::copy(head.begin(), head.end(), to);
    to = std::copy(position.begin(), position.end(), to);
    to = std::copy(items[i].bytes.begin(), items[i].bytes.end(), to);
  }
  keccak256_each(messages.data(), kMessage, items.size(), out.data());
  return out;
}

/// The level above: node i of 2i and 2i + 1; an absent last one is `absent`.
std::vector<Hash> nodes_above(Domain domain, const std::vector<Hash>& level, const Hash& absent) {
  std::vector<Hash> above((level.size() + 1) / 2);
  constexpr std::size_t kTogether = 16, kSize = sizeof(Hash::bytes), kMessage = 2 + 2 * kSize;
  std::array<std::uint8_t, kTogether * kMessage> messages;
  const auto head = prefix(1, domain);
  for (std::size_t i = 0; i < above.size(); i += kTogether) {
    const auto count = std::min(kTogether, above.size() - i);
    for (std::size_t k = 0; k < count; ++k) {
      const std::size_t left = 2 * (i + k);
      std::uint8_t* to = std::copy(head.begin(), head.end(), messages.data() + k * kMessage);
      to = std::copy(level[left].bytes.begin(), level[left].bytes.end(), to);
      const Hash& right = left + 1 < level.size() ? level[left + 1] : absent;
      std::copy(right.bytes.begin(), right.bytes.end(), to);
    }
    keccak256_each(messages.data(), kMessage, count, above.data() + i);
  }
  return above;
}

/// Folds leaves to the top. Absent subtrees are computed once a level. Collects the siblings of `index` when asked.
Hash fold(Domain domain, std::vector<Hash> level, Hash absent, std::uint64_t index, std::vector<Hash>* siblings) {
  const auto depth = level.empty() ? 0 : depth_of(level.size());
  if (level.empty()) return absent;
  for (unsigned d = 0; d < depth; ++d) {
    if (siblings != nullptr) {
      const auto other = index ^ 1;
      siblings->push_back(other < level.size() ? level[other] : absent);
      index >>= 1;
    }
    auto above = nodes_above(domain, level, absent);
    absent = node_hash(domain, absent, absent);
    level = std::move(above);
  }
  return level[0];
}

Hash zero_leaf(Domain domain) { return byte_leaf(domain, {}); }

bool climbs_to(Domain domain, const Hash& root, Hash at, const MerklePath& path, std::uint64_t leaves) {
  if (path.index >= leaves || path.siblings.size() != depth_of(leaves)) return false;
  auto index = path.index;
  for (const auto& sibling : path.siblings) {
    at = (index & 1) != 0 ? node_hash(domain, sibling, at) : node_hash(domain, at, sibling);
    index >>= 1;
  }
  return root_hash(domain, path.length, at) == root;
}

}  // namespace

Hash byte_leaf_hash(Domain domain, ByteView data) {
  KOINON_INVARIANT(data.size() <= kLeafSize);
  return byte_leaf(domain, data);
}
Hash list_leaf_hash(Domain domain, std::uint64_t index, const Hash& item) { return list_leaf(domain, index, item); }
Hash tree_node_hash(Domain domain, const Hash& left, const Hash& right) { return node_hash(domain, left, right); }
Hash tree_root_hash(Domain domain, std::uint64_t length, const Hash& top) { return root_hash(domain, length, top); }

Hash byte_tree_top(Domain domain, ByteView bytes) {
  return fold(domain, byte_leaves(domain, bytes), zero_leaf(domain), 0, nullptr);
}

Hash list_top(Domain domain, const std::vector<Hash>& items) {
  return fold(domain, list_leaves(domain, items), Hash{}, 0, nullptr);
}

Hash byte_tree_root(Domain domain, ByteView bytes) { return root_hash(domain, bytes.size(), byte_tree_top(domain, bytes)); }

Hash list_root(Domain domain, const std::vector<Hash>& items) {
  return root_hash(domain, items.size(), list_top(domain, items));
}

Result<std::vector<Hash>> open_byte_subtree(Domain domain, ByteView bytes, std::uint64_t index) {
  if (index > leaf_count(bytes.size()) / kSubtreeLeaves)
    return fail(Code::out_of_range, "[merkle] subtree {} of {} bytes", index, bytes.size());
  KOINON_TRY(auto path, open_byte_leaf(domain, bytes, index * kSubtreeLeaves));
  constexpr auto kInside = static_cast<std::size_t>(std::bit_width(kSubtreeLeaves - 1));
  const auto skip = std::min(kInside, path.siblings.size());
  return std::vector<Hash>(path.siblings.begin() + static_cast<std::ptrdiff_t>(skip), path.siblings.end());
}

Result<MerklePath> open_byte_leaf(Domain domain, ByteView bytes, std::uint64_t index) {
  if (index >= leaf_count(bytes.size()))
    return fail(Code::out_of_range, "[merkle] leaf {} of {}", index, leaf_count(bytes.size()));
  MerklePath path{index, bytes.size(), {}};
  fold(domain, byte_leaves(domain, bytes), zero_leaf(domain), index, &path.siblings);
  return path;
}

Result<MerklePath> open_list_item(Domain domain, const std::vector<Hash>& items, std::uint64_t index) {
  if (index >= items.size()) return fail(Code::out_of_range, "[merkle] item {} of {}", index, items.size());
  MerklePath path{index, items.size(), {}};
  fold(domain, list_leaves(domain, items), Hash{}, index, &path.siblings);
  return path;
}

bool verify_byte_leaf(Domain domain, const Hash& root, ByteView leaf, const MerklePath& path) {
  const auto leaves = leaf_count(path.length);
  if (path.index >= leaves) return false;
  const auto size = std::min<std::uint64_t>(kLeafSize, path.length - path.index * kLeafSize);
  return leaf.size() == size && climbs_to(domain, root, byte_leaf(domain, leaf), path, leaves);
}

bool verify_list_item(Domain domain, const Hash& root, const Hash& item, const MerklePath& path) {
  return path.length != 0 && climbs_to(domain, root, list_leaf(domain, path.index, item), path, path.length);
}

Tree::Tree(Domain domain, std::uint64_t length, std::vector<Hash> leaves, Hash absent)
    : domain_(domain), length_(length), levels_{std::move(leaves)}, absent_{absent} {
  if (levels_[0].empty()) levels_[0].push_back(absent);
  for (auto left = depth_of(levels_[0].size()); left > 0; --left) {
    levels_.push_back(nodes_above(domain, levels_.back(), absent_.back()));
    absent_.push_back(node_hash(domain, absent_.back(), absent_.back()));
  }
}

Tree Tree::of_bytes(Domain domain, ByteView bytes) {
  return {domain, bytes.size(), byte_leaves(domain, bytes), zero_leaf(domain)};
}

Tree Tree::of_list(Domain domain, const std::vector<Hash>& items) {
  return {domain, items.size(), list_leaves(domain, items), Hash{}};
}

Hash Tree::root() const { return root_hash(domain_, length_, top()); }

const Hash& Tree::node(unsigned level, std::uint64_t index) const {
  const auto& row = levels_[level];
  return index < row.size() ? row[index] : absent_[level];
}

std::vector<Hash> Tree::path(std::uint64_t index) const {
  std::vector<Hash> out;
  for (unsigned level = 0; level < depth(); ++level) out.push_back(node(level, index >> level ^ 1));
  return out;
}

std::vector<Hash> Tree::closing(std::uint64_t first, std::uint64_t last) const {
  std::vector<Hash> out;
  for (unsigned level = 0; level < depth(); ++level) {
    const auto low = first >> level, high = last >> level;
    if ((low & 1) == 1) out.push_back(node(level, low - 1));
    if ((high & 1) == 0) out.push_back(node(level, high + 1));
  }
  return out;
}

Result<LeafRun> Tree::open(ByteView bytes, std::uint64_t from, std::uint64_t length) const {
  if (bytes.size() != length_ || length == 0 || from > length_ || length > length_ - from)
    return fail(Code::out_of_range, "[merkle] {} bytes at {} of {}", length, from, length_);
  const auto first = from / kLeafSize, last = (from + length - 1) / kLeafSize;
  const auto data = bytes.subspan(first * kLeafSize);
  const auto size = std::min<std::size_t>(data.size(), (last + 1 - first) * kLeafSize);
  return LeafRun{{data.begin(), data.begin() + static_cast<std::ptrdiff_t>(size)}, closing(first, last)};
}

Result<Hash> run_root(Domain domain, std::uint64_t size, std::uint64_t from, std::uint64_t length, const LeafRun& run) {
  if (length == 0 || from > size || length > size - from)
    return fail(Code::malformed, "[merkle] {} bytes at {} of {}", length, from, size);
  auto first = from / kLeafSize, last = (from + length - 1) / kLeafSize;
  const auto end = std::min(size, (last + 1) * kLeafSize);
  if (run.data.size() != end - first * kLeafSize)
    return fail(Code::malformed, "[merkle] {} bytes are opened: {} expected", run.data.size(), end - first * kLeafSize);
  auto level = byte_leaves(domain, run.data);
  std::size_t used = 0;
  const auto depth = depth_of(leaf_count(size));
  for (unsigned d = 0; d < depth; ++d, first >>= 1, last >>= 1) {
    if (used + (first & 1) + (~last & 1) > run.siblings.size())
      return fail(Code::malformed, "[merkle] {} siblings do not close {} bytes at {}", run.siblings.size(), length, from);
    if ((first & 1) == 1) level.insert(level.begin(), run.siblings[used++]);
    if ((last & 1) == 0) level.push_back(run.siblings[used++]);
    level = nodes_above(domain, level, Hash{});
  }
  if (used != run.siblings.size()) return fail(Code::malformed, "[merkle] {} siblings: {} expected", run.siblings.size(), used);
  return root_hash(domain, size, level[0]);
}

}  // namespace koinon::base
