#include "engine/language/state_trees.hpp"

#include <algorithm>
#include <bit>

#include "base/keccak_lanes.hpp"

namespace koinon::engine::language {
namespace {

using base::Hash;
using base::kLeafSize;

constexpr auto kDomain = static_cast<std::uint8_t>(base::Domain::tensor);
constexpr std::size_t kHash = sizeof(Hash::bytes);
constexpr std::size_t kLeafMessage = 2 + kLeafSize, kNodeMessage = 2 + 2 * kHash, kRootMessage = 2 + 8 + kHash;

/// Messages of one length, hashed side by side; layouts are those of base/merkle.hpp.
class Lanes {
 public:
  Lanes(std::size_t length, std::uint8_t role) : length_(length), role_(role), messages_(kTogether * length) {}

  /// Where the next message goes, its two first bytes written. `to` gets its hash by the end of flush().
  std::uint8_t* next(Hash* to) {
    if (targets_.size() == kTogether) flush();
    std::uint8_t* out = messages_.data() + targets_.size() * length_;
    targets_.push_back(to);
    out[0] = role_;
    out[1] = kDomain;
    return out + 2;
  }
  void flush() {
    std::array<Hash, kTogether> hashes;
    base::keccak256_each(messages_.data(), length_, targets_.size(), hashes.data());
    for (std::size_t i = 0; i < targets_.size(); ++i) *targets_[i] = hashes[i];
    targets_.clear();
  }

 private:
  static constexpr std::size_t kTogether = 32;
  std::size_t length_;
  std::uint8_t role_;
  base::Bytes messages_;
  std::vector<Hash*> targets_;
};

std::uint8_t* put(std::uint8_t* to, base::ByteView bytes) { return std::copy(bytes.begin(), bytes.end(), to); }

}  // namespace

StateTrees::StateTrees(std::span<const tensor::IntTensor> zeros) : trees_(zeros.size()), roots_(zeros.size()) {
  const base::Bytes leaf(kLeafSize);
  Hash zero;
  Lanes leaves(kLeafMessage, 0);
  put(leaves.next(&zero), leaf);
  leaves.flush();
  for (std::size_t i = 0; i < zeros.size(); ++i) {
    auto& tree = trees_[i];
    tree.length = zeros[i].bytes.size();
    auto count = std::max<std::size_t>(1, (zeros[i].bytes.size() + kLeafSize - 1) / kLeafSize);
    tree.absent = {zero};
    tree.levels.emplace_back(count, zero);
    while (count > 1) {
      count = (count + 1) / 2;
      Lanes nodes(kNodeMessage, 1);
      Hash above;
      put(put(nodes.next(&above), tree.absent.back().view()), tree.absent.back().view());
      nodes.flush();
      tree.absent.push_back(above);
      tree.levels.emplace_back(count, above);
    }
    tree.changed = {0};  // so that the first roots are computed
  }
}

void StateTrees::touch(std::size_t tensor, std::uint64_t first, std::uint64_t count) {
  auto& changed = trees_[tensor].changed;
  for (auto leaf = first / kLeafSize; leaf * kLeafSize < first + count; ++leaf)
    if (changed.empty() || changed.back() != leaf) changed.push_back(leaf);
}

const std::vector<Hash>& StateTrees::roots(std::span<const tensor::IntTensor> tensors) {
  KOINON_INVARIANT(tensors.size() == trees_.size());
  std::size_t most = 0;
  std::vector<std::size_t> dirty;
  for (std::size_t i = 0; i < trees_.size(); ++i) {
    auto& tree = trees_[i];
    KOINON_INVARIANT(tensors[i].bytes.size() == tree.length);
    if (tree.changed.empty()) continue;
    dirty.push_back(i);
    std::ranges::sort(tree.changed);
    tree.changed.erase(std::ranges::unique(tree.changed).begin(), tree.changed.end());
    most = std::max(most, tree.levels.size());
  }
  hash_leaves(tensors);
  for (std::size_t level = 1; level < most; ++level) hash_level(level);
  Lanes lanes(kRootMessage, 2);
  for (auto i : dirty) {
    put(put(lanes.next(&roots_[i]), base::be64(trees_[i].length)), trees_[i].levels.back()[0].view());
    trees_[i].changed.clear();
  }
  lanes.flush();
  return roots_;
}

void StateTrees::hash_leaves(std::span<const tensor::IntTensor> tensors) {
  Lanes lanes(kLeafMessage, 0);
  for (std::size_t i = 0; i < trees_.size(); ++i)
    for (auto leaf : trees_[i].changed) {
      const auto data = base::ByteView(tensors[i].bytes).subspan(leaf * kLeafSize);
      const auto size = std::min(kLeafSize, data.size());
      std::uint8_t* end = put(lanes.next(&trees_[i].levels[0][leaf]), data.first(size));
      std::fill_n(end, kLeafSize - size, std::uint8_t{0});
    }
  lanes.flush();
}

// Nodes of `level` above those of the level below that changed.
void StateTrees::hash_level(std::size_t level) {
  Lanes lanes(kNodeMessage, 1);
  for (auto& tree : trees_) {
    if (tree.levels.size() <= level) continue;
    for (auto& node : tree.changed) node /= 2;
    tree.changed.erase(std::ranges::unique(tree.changed).begin(), tree.changed.end());
    const auto& below = tree.levels[level - 1];
    for (auto node : tree.changed) {
      const auto& right = 2 * node + 1 < below.size() ? below[2 * node + 1] : tree.absent[level - 1];
      put(put(lanes.next(&tree.levels[level][node]), below[2 * node].view()), right.view());
    }
  }
  lanes.flush();
}

}  // namespace koinon::engine::language
