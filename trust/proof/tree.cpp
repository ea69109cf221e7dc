#include "trust/proof/tree.hpp"

#include <algorithm>
#include <bit>

#include "trust/proof/keccak.hpp"
#include "trust/proof/parallel.hpp"

namespace koinon::trust::proof {
namespace {

constexpr std::size_t kNodeSize = 65, kChunk = 1024;

void write_node(std::uint8_t* to, const base::Hash& left, const base::Hash& right) {
  to[0] = 0x11;
  std::memcpy(to + 1, left.bytes.data(), 32);
  std::memcpy(to + 33, right.bytes.data(), 32);
}

base::Hash node(const base::Hash& left, const base::Hash& right) {
  std::array<std::uint8_t, kNodeSize> message{};
  write_node(message.data(), left, right);
  return keccak256_once(message);
}

std::vector<base::Hash> level_above(const std::vector<base::Hash>& below, base::ThreadPool* pool) {
  std::vector<base::Hash> out(below.size() / 2);
  in_chunks(pool, out.size(), kChunk, [&](std::size_t, std::size_t begin, std::size_t end) {
    std::vector<std::uint8_t> messages((end - begin) * kNodeSize);
    for (std::size_t i = begin; i < end; ++i) write_node(&messages[(i - begin) * kNodeSize], below[2 * i], below[2 * i + 1]);
    keccak256_many(messages, kNodeSize, std::span(out).subspan(begin, end - begin));
  });
  return out;
}

}  // namespace

Tree::Tree(std::vector<base::Hash> leaves, base::ThreadPool* pool) {
  KOINON_INVARIANT(std::has_single_bit(leaves.size()));
  levels_.push_back(std::move(leaves));
  while (levels_.back().size() > 1) levels_.push_back(level_above(levels_.back(), pool));
}

std::vector<base::Hash> Tree::open(const std::vector<std::uint32_t>& places) const {
  std::vector<base::Hash> out;
  std::vector<std::uint32_t> level = places, above;
  for (std::size_t depth = 0; depth + 1 < levels_.size(); ++depth) {
    above.clear();
    for (std::size_t i = 0; i < level.size(); ++i) {
      if ((level[i] & 1) == 0 && i + 1 < level.size() && level[i + 1] == level[i] + 1)
        ++i;
      else
        out.push_back(levels_[depth][level[i] ^ 1]);
      above.push_back(level[i] >> 1);
    }
    level.swap(above);
  }
  return out;
}

base::Result<OpenedTree> OpenedTree::of(unsigned depth, std::vector<std::uint32_t> places, std::vector<base::Hash> leaves,
                                        const std::vector<base::Hash>& siblings) {
  const auto wrong = [&] {
    return base::fail(base::Code::rejected, "[proof] {} siblings of {} leaves: another number expected", siblings.size(),
                      leaves.size());
  };
  if (places.size() != leaves.size()) return wrong();
  OpenedTree out;
  auto& level = out.levels_.emplace_back();
  for (std::size_t i = 0; i < places.size(); ++i) level[places[i]] = leaves[i];
  std::size_t used = 0;
  for (unsigned d = 0; d < depth; ++d) {
    auto& below = out.levels_.back();
    for (const auto place : places)
      if (!below.contains(place ^ 1)) {
        if (used == siblings.size()) return wrong();
        below[place ^ 1] = siblings[used++];
      }
    std::map<std::uint32_t, base::Hash> above;
    std::vector<std::uint32_t> parents;
    for (const auto place : places) {
      const auto [at, added] = above.try_emplace(place >> 1);
      if (!added) continue;
      at->second = node(below.at(place & ~1U), below.at(place | 1U));
      parents.push_back(place >> 1);
    }
    out.levels_.push_back(std::move(above));
    places = std::move(parents);
  }
  if (used != siblings.size()) return wrong();
  return out;
}

std::vector<base::Hash> OpenedTree::open(std::vector<std::uint32_t> places) const {
  std::vector<base::Hash> out;
  for (std::size_t depth = 0; depth + 1 < levels_.size(); ++depth) {
    std::vector<std::uint32_t> above;
    for (std::size_t i = 0; i < places.size(); ++i) {
      const std::uint32_t place = places[i];
      above.push_back(place >> 1);
      if ((place & 1) == 0 && i + 1 < places.size() && places[i + 1] == place + 1)
        ++i;
      else
        out.push_back(levels_[depth].at(place ^ 1));
    }
    places = std::move(above);
  }
  return out;
}

bool opens(const base::Hash& root, unsigned depth, std::vector<std::uint32_t> places, std::vector<base::Hash> leaves,
           const std::vector<base::Hash>& siblings) {
  if (places.empty() || places.size() != leaves.size()) return false;
  std::size_t used = 0;
  for (unsigned d = 0; d < depth; ++d) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < places.size(); ++i) {
      const std::uint32_t place = places[i];
      base::Hash left = leaves[i], right;
      if ((place & 1) == 0 && i + 1 < places.size() && places[i + 1] == place + 1) {
        right = leaves[++i];
      } else {
        if (used == siblings.size()) return false;
        right = siblings[used++];
        if ((place & 1) != 0) std::swap(left, right);
      }
      leaves[kept] = node(left, right);
      places[kept++] = place >> 1;
    }
    leaves.resize(kept);
    places.resize(kept);
  }
  return used == siblings.size() && places.size() == 1 && places[0] == 0 && leaves[0] == root;
}

}  // namespace koinon::trust::proof
