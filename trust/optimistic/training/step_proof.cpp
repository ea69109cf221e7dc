#include "trust/optimistic/training/step_proof.hpp"

#include "base/tree.hpp"
#include "engine/train/net/state.hpp"

namespace koinon::trust::optimistic::training {
namespace {

using base::Domain;
using base::Hash;
using base::Tree;

constexpr std::uint64_t kInLeaf = base::kLeafSize / sizeof(float);

std::vector<Hash> part(const std::vector<Hash>& all, std::size_t from, std::size_t count) {
  const auto begin = all.begin() + static_cast<std::ptrdiff_t>(from);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace

Hash state_of(const std::vector<Hash>& arrays, std::uint64_t steps) {
  return base::keccak256(
      {base::as_bytes("koinon.training.state"), base::be64(steps), base::list_root(Domain::tensor, arrays).view()});
}

ClaimedStep::ClaimedStep(const Tape& tape, Values values, std::uint64_t step)
    : tape_(tape), values_(std::move(values)), tape_roots_(tape.roots()) {
  for (const auto& f : tape.formulas) formulas_.push_back(base::keccak256(f.encode()));
  for (std::size_t i = 0; i < values_.size(); ++i) {
    KOINON_INVARIANT(values_[i].size() == tape.elements[i]);
    roots_.push_back(base::byte_tree_root(Domain::tensor, engine::train::canonical_bytes(values_[i])));
  }
  claim_ = {tape_roots_.root(), base::list_root(Domain::trace, roots_), state_of(part(roots_, 0, tape.arrays), step),
            state_of(part(roots_, tape.arrays, tape.arrays), step + 1), step};
}

StepElementProof ClaimedStep::prove(std::size_t number, std::size_t index) const {
  const auto& f = tape_.formulas[number];
  std::vector<std::set<std::uint64_t>> leaves(f.operands.size() + 1);
  element(f, values_, index, [&](std::size_t operand, std::size_t i) { leaves[operand].insert(i / kInLeaf); });
  leaves.back().insert(index / kInLeaf);
  StepElementProof out{tape_roots_, number, f.encode(), Tree::of_list(Domain::steps, formulas_).path(number), index, {}};
  for (std::size_t i = 0; i < leaves.size(); ++i)
    out.opened.push_back(open(i < f.operands.size() ? f.operands[i].id : f.output.id, leaves[i]));
  return out;
}

/// Neighbours go into one run.
Opened ClaimedStep::open(std::uint32_t value, const std::set<std::uint64_t>& leaves) const {
  Opened out{roots_[value], Tree::of_list(Domain::trace, roots_).path(value), {}};
  const auto bytes = engine::train::canonical_bytes(values_[value]);
  const auto tree = Tree::of_bytes(Domain::tensor, bytes);
  for (auto at = leaves.begin(); at != leaves.end();) {
    const auto first = *at;
    auto last = first;
    while (++at != leaves.end() && *at == last + 1) ++last;
    const auto from = static_cast<std::ptrdiff_t>(first * base::kLeafSize);
    const auto end = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(bytes.size(), (last + 1) * base::kLeafSize));
    out.runs.push_back({first, {bytes.begin() + from, bytes.begin() + end}, tree.closing(first, last)});
  }
  return out;
}

StepStateProof ClaimedStep::compare(bool after, std::size_t array, const std::vector<Hash>& state) const {
  const auto place = array + (after ? tape_.arrays : 0);
  return {tape_roots_,   after,
          array,         base::list_root(Domain::tensor, state),
          state[array],  Tree::of_list(Domain::tensor, state).path(array),
          roots_[place], Tree::of_list(Domain::trace, roots_).path(place)};
}

}  // namespace koinon::trust::optimistic::training
