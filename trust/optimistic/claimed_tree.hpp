#pragma once
#include <map>
#include <optional>
#include <utility>

#include "base/tree.hpp"
#include "trust/optimistic/demand.hpp"

namespace koinon::trust::optimistic {

/// What an answer shows of a tree: nodes by level and place, items of a list, leaves of bytes, and the root that binds it all.
struct Shown {
  base::Hash root;
  std::uint64_t length = 0;
  base::Hash top;
  std::map<std::pair<unsigned, std::uint64_t>, base::Hash> nodes;
  std::map<std::uint64_t, base::Hash> items;
  std::map<std::uint64_t, base::Bytes> leaves;
};

/// Levels that one answer goes down.
unsigned levels_shown(ClaimTree tree);
/// Levels above the leaves of a tree with this length. A twin of the place's rule of the contracts.
unsigned depth_of(ClaimTree tree, std::uint64_t length);
/// Whether the tree has such a place.
bool exists(const Demand& demand, std::uint64_t length);
/// Reads an answer. Errors: rejected (sizes that do not fit the place or the length).
base::Result<Shown> show(const Demand& demand, const Answer& answer);

/// One tree of a claim, as far as it is known, beside that of the own run. Where a node is that of the own tree, all below it
/// is the own; so what is not known is asked for only where the two differ.
/// Invariant: everything learned is bound by the claim.
class ClaimedTree {
 public:
  /// Borrows `own`, which is over `own_length` bytes or items.
  ClaimedTree(ClaimTree which, std::uint64_t value, const base::Hash& root, const base::Tree& own, std::uint64_t own_length)
      : which_(which), value_(value), root_(root), own_(&own), own_length_(own_length) {}

  void learn(const Shown& shown);
  [[nodiscard]] const base::Hash& root() const { return root_; }
  [[nodiscard]] const base::Tree& own() const { return *own_; }
  [[nodiscard]] bool same() const { return root_ == own_->root(); }
  /// What the tree says of itself; the own length when it is the same tree; nothing before anything was learned.
  [[nodiscard]] std::optional<std::uint64_t> length() const;
  [[nodiscard]] base::Hash top() const { return same() ? own_->top() : top_; }
  [[nodiscard]] unsigned depth() const { return own_->depth(); }

  /// The same, or asks.
  base::Result<std::uint64_t> length_or_ask();

  /// The functions below take the tree to have the own length. When something must be asked for, missing() says what, and
  /// they return not_found.
  base::Result<base::Hash> node(unsigned level, std::uint64_t index);
  /// Siblings of a leaf upwards; what closes a run of leaves.
  base::Result<std::vector<base::Hash>> path(std::uint64_t index);
  base::Result<std::vector<base::Hash>> closing(std::uint64_t first, std::uint64_t last);
  /// The first leaf that differs from the own one, absent ones included; nothing when none does.
  base::Result<std::optional<std::uint64_t>> first_difference();
  /// The item at a place where the leaf differs.
  base::Result<base::Hash> item(std::uint64_t index);
  /// The bytes of a leaf that differs.
  base::Result<base::ByteView> leaf(std::uint64_t index);
  [[nodiscard]] const std::optional<Demand>& missing() const { return missing_; }

 private:
  tl::unexpected<base::Error> ask(unsigned level, std::uint64_t index);
  tl::unexpected<base::Error> ask(DemandKind kind, unsigned level, std::uint64_t index);

  ClaimTree which_;
  std::uint64_t value_;
  base::Hash root_;
  const base::Tree* own_;
  std::uint64_t own_length_;
  std::optional<std::uint64_t> length_;
  base::Hash top_;
  std::map<std::pair<unsigned, std::uint64_t>, base::Hash> nodes_;
  std::map<std::uint64_t, base::Hash> items_;
  std::map<std::uint64_t, base::Bytes> leaves_;
  std::optional<Demand> missing_;
};

}  // namespace koinon::trust::optimistic
