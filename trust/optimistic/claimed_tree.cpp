#include "trust/optimistic/claimed_tree.hpp"

#include <algorithm>
#include <bit>

namespace koinon::trust::optimistic {
namespace {

using base::Code;
using base::Domain;
using base::fail;
using base::Hash;
using base::Result;

constexpr unsigned kMaxLeafLevel = 2;  ///< of a demand for bytes

Domain domain_of(ClaimTree tree) {
  return tree == ClaimTree::trace ? Domain::trace : tree == ClaimTree::outputs ? Domain::outputs : Domain::tensor;
}

std::uint64_t leaves_of(ClaimTree tree, std::uint64_t length) {
  if (tree != ClaimTree::tensor) return std::max<std::uint64_t>(1, length);
  return std::max<std::uint64_t>(1, length / base::kLeafSize + (length % base::kLeafSize != 0 ? 1 : 0));
}

tl::unexpected<base::Error> misfit(const Demand& demand) {
  return fail(Code::rejected, "[dispute] an answer that does not fit level {}, place {} of tree {}", demand.level, demand.index,
              static_cast<int>(demand.tree));
}

/// Folds the nodes of `level` from place `first` on to one node, whose place is returned with it; notes all.
struct Fold {
  Domain domain;
  Shown& shown;
  unsigned level;
  std::uint64_t index;
  std::vector<Hash> row;

  void note() {
    for (std::size_t i = 0; i < row.size(); ++i) shown.nodes[{level, index + i}] = row[i];
  }
  void up() {
    for (std::size_t i = 0; i * 2 < row.size(); ++i) row[i] = base::tree_node_hash(domain, row[2 * i], row[2 * i + 1]);
    row.resize(row.size() / 2);
    ++level;
    index >>= 1;
    note();
  }
  /// With what stands beside it.
  void up(const Hash& sibling) {
    shown.nodes[{level, index ^ 1}] = sibling;
    if ((index & 1) != 0) {
      row.insert(row.begin(), sibling);
      --index;
    } else {
      row.push_back(sibling);
    }
    up();
  }
};

/// The lowest nodes that an answer gives.
Result<std::vector<Hash>> lowest(const Demand& demand, const Answer& answer, Shown& out) {
  if (demand.kind == DemandKind::leaf) {
    const auto first = demand.index << demand.level, count = std::uint64_t{1} << demand.level;
    const auto from = std::min(answer.length, first * base::kLeafSize);
    if (!answer.hashes.empty() || answer.data.size() != std::min(answer.length - from, count * base::kLeafSize))
      return misfit(demand);
    std::vector<Hash> row;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto start = std::min<std::size_t>(answer.data.size(), i * base::kLeafSize);
      const auto bytes = base::ByteView(answer.data).subspan(start, std::min(base::kLeafSize, answer.data.size() - start));
      row.push_back(base::byte_leaf_hash(Domain::tensor, bytes));
      out.leaves[first + i] = base::Bytes(bytes.begin(), bytes.end());
    }
    return row;
  }
  const auto below = std::min<unsigned>(levels_shown(demand.tree), demand.level);
  const auto count = std::uint64_t{1} << below, first = demand.index << below;
  if (!answer.data.empty()) return misfit(demand);
  if (demand.tree == ClaimTree::tensor || demand.level > below) {
    if (answer.hashes.size() != count) return misfit(demand);
    return answer.hashes;
  }
  const auto there = first < answer.length ? std::min(count, answer.length - first) : 0;
  if (answer.hashes.size() != there) return misfit(demand);
  std::vector<Hash> row(count);
  for (std::uint64_t i = 0; i < there; ++i) {
    row[i] = base::list_leaf_hash(domain_of(demand.tree), first + i, answer.hashes[i]);
    out.items[first + i] = answer.hashes[i];
  }
  return row;
}

}  // namespace

unsigned levels_shown(ClaimTree tree) { return tree == ClaimTree::tensor ? 6 : 5; }

unsigned depth_of(ClaimTree tree, std::uint64_t length) {
  return static_cast<unsigned>(std::bit_width(leaves_of(tree, length) - 1));
}

bool exists(const Demand& demand, std::uint64_t length) {
  const auto depth = depth_of(demand.tree, length);
  if (demand.kind == DemandKind::summit) return true;
  if (demand.level > depth || demand.index >> (depth - demand.level) != 0) return false;
  return demand.kind == DemandKind::nodes || (demand.tree == ClaimTree::tensor && demand.level <= kMaxLeafLevel);
}

Result<Shown> show(const Demand& demand, const Answer& answer) {
  Shown out;
  out.length = answer.length;
  const auto domain = domain_of(demand.tree);
  if (demand.kind == DemandKind::summit || !exists(demand, answer.length)) {
    if (answer.hashes.size() != 1 || !answer.data.empty() || !answer.siblings.empty()) return misfit(demand);
    out.top = answer.hashes[0];
  } else {
    const auto depth = depth_of(demand.tree, answer.length);
    if (answer.siblings.size() != depth - demand.level) return misfit(demand);
    KOINON_TRY(auto row, lowest(demand, answer, out));
    const auto below = static_cast<unsigned>(std::bit_width(row.size() - 1));
    Fold fold{domain, out, demand.level - below, demand.index << below, std::move(row)};
    fold.note();
    while (fold.row.size() > 1) fold.up();
    for (const auto& sibling : answer.siblings) fold.up(sibling);
    out.top = fold.row[0];
  }
  out.root = base::tree_root_hash(domain, out.length, out.top);
  return out;
}

void ClaimedTree::learn(const Shown& shown) {
  length_ = shown.length;
  top_ = shown.top;
  nodes_.insert(shown.nodes.begin(), shown.nodes.end());
  items_.insert(shown.items.begin(), shown.items.end());
  leaves_.insert(shown.leaves.begin(), shown.leaves.end());
  missing_.reset();
}

std::optional<std::uint64_t> ClaimedTree::length() const { return same() ? std::optional(own_length_) : length_; }

tl::unexpected<base::Error> ClaimedTree::ask(unsigned level, std::uint64_t index) {
  // Few leaves are asked for as bytes at once.
  const bool bytes = which_ == ClaimTree::tensor && level <= kMaxLeafLevel;
  return ask(bytes ? DemandKind::leaf : DemandKind::nodes, level, index);
}

tl::unexpected<base::Error> ClaimedTree::ask(DemandKind kind, unsigned level, std::uint64_t index) {
  missing_ = Demand{which_, kind, value_, static_cast<std::uint8_t>(level), index};
  return fail(Code::not_found, "[dispute] level {}, place {} of the claim is not known", level, index);
}

Result<std::uint64_t> ClaimedTree::length_or_ask() {
  if (const auto known = length()) return *known;
  return ask(own_->depth(), 0);
}

Result<Hash> ClaimedTree::node(unsigned level, std::uint64_t index) {
  if (same()) return own_->node(level, index);
  const auto depth = own_->depth();
  if (!length_) return ask(depth, 0);
  if (level == depth) return top_;
  if (const auto known = nodes_.find({level, index}); known != nodes_.end()) return known->second;
  // The group that holds it hangs under the top or under the lowest nodes of another.
  const auto step = levels_shown(which_), above = depth - (depth - level - 1) / step * step;
  const auto parent = index >> (above - level);
  KOINON_TRY(const auto over, node(above, parent));
  if (over == own_->node(above, parent)) return own_->node(level, index);
  return ask(above, parent);
}

Result<std::vector<Hash>> ClaimedTree::path(std::uint64_t index) {
  std::vector<Hash> out;
  for (unsigned level = 0; level < depth(); ++level) {
    KOINON_TRY(out.emplace_back(), node(level, index >> level ^ 1));
  }
  return out;
}

Result<std::vector<Hash>> ClaimedTree::closing(std::uint64_t first, std::uint64_t last) {
  std::vector<Hash> out;
  for (unsigned level = 0; level < depth(); ++level) {
    const auto low = first >> level, high = last >> level;
    if ((low & 1) == 1) {
      KOINON_TRY(out.emplace_back(), node(level, low - 1));
    }
    if ((high & 1) == 0) {
      KOINON_TRY(out.emplace_back(), node(level, high + 1));
    }
  }
  return out;
}

Result<std::optional<std::uint64_t>> ClaimedTree::first_difference() {
  if (same()) return std::optional<std::uint64_t>{};
  std::uint64_t index = 0;
  for (auto level = depth(); level > 0; --level) {
    index *= 2;
    KOINON_TRY(const auto left, node(level - 1, index));
    if (left == own_->node(level - 1, index)) ++index;
  }
  KOINON_TRY(const auto found, node(0, index));
  if (found == own_->node(0, index)) return fail(Code::internal, "[dispute] trees of another root without a difference");
  return std::optional(index);
}

Result<Hash> ClaimedTree::item(std::uint64_t index) {
  if (const auto known = items_.find(index); known != items_.end()) return known->second;
  const auto step = levels_shown(which_), level = depth() == 0 ? 0 : depth() - (depth() - 1) / step * step;
  return ask(level, index >> level);
}

Result<base::ByteView> ClaimedTree::leaf(std::uint64_t index) {
  if (const auto known = leaves_.find(index); known != leaves_.end()) return base::ByteView(known->second);
  return ask(DemandKind::leaf, 0, index);
}

}  // namespace koinon::trust::optimistic
