#include "trust/proof/cut.hpp"

#include <algorithm>

#include "trust/proof/open_common.hpp"

namespace koinon::trust::proof {

using base::Code;
using base::fail;

namespace {

/// A tree of a proof: what is opened of it, at which leaves.
template <class Opened>
struct Opening {
  std::vector<std::uint32_t> places;
  const std::vector<Opened>* opened = nullptr;
  OpenedTree tree;

  /// What is opened at `some` of the places (ascending).
  [[nodiscard]] std::vector<Opened> at(const std::vector<std::uint32_t>& some) const {
    std::vector<Opened> out;
    for (const auto place : some)
      out.push_back(
          (*opened)[static_cast<std::size_t>(std::lower_bound(places.begin(), places.end(), place) - places.begin())]);
    return out;
  }
};

template <class Opened, class Hash>
base::Result<Opening<Opened>> opening_of(unsigned depth, std::vector<std::uint32_t> places, const std::vector<Opened>& opened,
                                         const std::vector<base::Hash>& siblings, Hash&& hash) {
  if (opened.size() != places.size())
    return fail(Code::rejected, "[proof] {} leaves are opened: {} expected", opened.size(), places.size());
  std::vector<base::Hash> leaves;
  for (const auto& leaf : opened) leaves.push_back(hash(leaf));
  KOINON_TRY(auto tree, OpenedTree::of(depth, places, std::move(leaves), siblings));
  return Opening<Opened>{std::move(places), &opened, std::move(tree)};
}

std::vector<std::uint32_t> above(std::vector<std::uint32_t> places, unsigned fold) {
  for (auto& place : places) place >>= fold;
  return distinct(std::move(places));
}

/// All trees of an argument's openings: of oracles, and of layers that fold them.
struct Trees {
  std::vector<unsigned> plan;
  std::vector<Opening<Row>> oracles;
  std::vector<Opening<std::vector<Ext>>> layers;

  /// The openings of some of the places (ascending), in the encoding of proofs.
  [[nodiscard]] base::Bytes at(std::vector<std::uint32_t> some) const {
    std::vector<OracleOpening> rows;
    for (const auto& oracle : oracles) rows.push_back({oracle.at(some), oracle.tree.open(some)});
    std::vector<LayerOpening> cosets;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      some = above(std::move(some), plan[i]);
      cosets.push_back({layers[i].at(some), layers[i].tree.open(some)});
    }
    return encode_queries(rows, cosets);
  }
};

base::Result<Trees> trees_of(const Layout& layout, const Argument& argument, const std::vector<std::uint32_t>& places) {
  const auto& opening = argument.opening;
  Trees out{fold_plan(layout.params.rows_log), {}, {}};
  const std::size_t first = layout.weight_cells > 0 ? 0 : 1;
  if (opening.oracles.size() != 3 - first || opening.layers.size() != out.plan.size())
    return fail(Code::rejected, "[proof] {} oracles and {} layers are opened: {} and {} expected", opening.oracles.size(),
                opening.layers.size(), 3 - first, out.plan.size());
  unsigned bits = layout.params.rows_log + kRateLog;
  for (std::size_t i = 0; i < opening.oracles.size(); ++i) {
    const auto kind = static_cast<OracleKind>(i + first + 1);
    KOINON_TRY(auto made, opening_of(bits, places, opening.oracles[i].rows, opening.oracles[i].siblings,
                                     [&](const Row& row) { return row_hash(kind, row); }));
    out.oracles.push_back(std::move(made));
  }
  for (std::size_t i = 0; i < out.plan.size(); ++i) {
    bits -= out.plan[i];
    KOINON_TRY(auto made,
               opening_of(bits, above(i == 0 ? places : out.layers.back().places, out.plan[i]), opening.layers[i].cosets,
                          opening.layers[i].siblings, [](const auto& coset) { return coset_hash(coset); }));
    out.layers.push_back(std::move(made));
  }
  return out;
}

std::vector<std::uint32_t> between(const std::vector<std::uint32_t>& places, std::size_t from, std::size_t to) {
  return {places.begin() + static_cast<std::ptrdiff_t>(from), places.begin() + static_cast<std::ptrdiff_t>(to)};
}

}  // namespace

base::Result<CutProof> cut_proof(const Layout& layout, const Argument& argument, const std::vector<std::uint32_t>& places,
                                 std::size_t count) {
  KOINON_TRY(const auto trees, trees_of(layout, argument, places));
  CutProof out{encode_messages(argument), {}};
  for (std::size_t part = 0; part < count; ++part) {
    const std::size_t from = places.size() * part / count, to = places.size() * (part + 1) / count;
    out.parts.push_back({to, trees.at(between(places, from, to))});
  }
  return out;
}

base::Result<base::Bytes> cut_part(const Layout& layout, const Argument& argument, const std::vector<std::uint32_t>& places,
                                   std::size_t from, std::size_t to) {
  if (from >= to || to > places.size())
    return fail(Code::invalid_argument, "[proof] places {} to {} of {}", from, to, places.size());
  KOINON_TRY(const auto trees, trees_of(layout, argument, places));
  return trees.at(between(places, from, to));
}

}  // namespace koinon::trust::proof
