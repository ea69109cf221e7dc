#include "market/rules/draw_tree.hpp"

#include "base/result.hpp"

namespace koinon::market::rules {

bool DrawTree::full(std::uint8_t tier) const {
  const auto& t = tiers_[tier];
  return t.vacant.empty() && t.accounts.size() == kCapacity;
}

void DrawTree::grow(Tier& t) {
  const auto old = t.nodes.size();
  const auto size = old == 0 ? 16 : 2 * old;
  t.nodes.resize(size);
  t.weights.resize(size);
  t.nodes[size - 1] = t.total;  // node number `size` holds the sum of all; those between hold nothing yet
}

std::uint16_t DrawTree::occupy(std::uint8_t tier, std::uint32_t account) {
  KOINON_INVARIANT(!full(tier));
  auto& t = tiers_[tier];
  if (!t.vacant.empty()) {
    const auto place = t.vacant.back();
    t.vacant.pop_back();
    t.accounts[place] = account;
    return place;
  }
  if (t.accounts.size() == t.nodes.size()) grow(t);
  t.accounts.push_back(account);
  return static_cast<std::uint16_t>(t.accounts.size() - 1);
}

void DrawTree::vacate(std::uint8_t tier, std::uint16_t place) {
  auto& t = tiers_[tier];
  KOINON_INVARIANT(t.weights[place] == 0);
  t.vacant.push_back(place);
  t.accounts[place] = 0;
}

void DrawTree::set(std::uint8_t tier, std::uint16_t place, std::uint64_t weight) {
  auto& t = tiers_[tier];
  const auto old = t.weights[place];
  if (old == weight) return;
  if (old == 0) ++t.count;
  if (weight == 0) --t.count;
  t.weights[place] = weight;
  t.total += weight - old;
  // Unsigned: a smaller weight adds its difference modulo 2^64.
  for (std::size_t i = place + std::size_t{1}; i <= t.nodes.size(); i += i & (~i + 1)) t.nodes[i - 1] += weight - old;
}

std::uint64_t DrawTree::count(std::uint8_t max_tier) const {
  std::uint64_t out = 0;
  for (std::size_t t = 0; t <= max_tier; ++t) out += tiers_[t].count;
  return out;
}

std::uint64_t DrawTree::sum(std::uint8_t max_tier) const {
  std::uint64_t out = 0;
  for (std::size_t t = 0; t <= max_tier; ++t) out += tiers_[t].total;
  return out;
}

DrawTree::Found DrawTree::find(std::uint64_t mark) const {
  const auto wanted = mark;
  std::size_t tier = 0;
  while (mark >= tiers_[tier].total) {
    mark -= tiers_[tier++].total;
    KOINON_INVARIANT(tier < kTiers);
  }
  const auto& t = tiers_[tier];
  std::size_t place = 0;
  for (auto step = t.nodes.size(); step > 0; step /= 2) {
    if (place + step > t.nodes.size() || t.nodes[place + step - 1] > mark) continue;
    place += step;
    mark -= t.nodes[place - 1];
  }
  return {t.accounts[place], wanted - mark, t.weights[place]};
}

}  // namespace koinon::market::rules
