#include "market/rules/registry.hpp"

#include <algorithm>

#include "base/hash.hpp"

namespace koinon::market::rules {
namespace {

constexpr std::uint64_t kMostWeight = (1 << 20) - 1;
constexpr Amount kParts = 64, kPrices = 20;
constexpr std::uint32_t kBaseRecord = 4, kMostStreak = 12;
constexpr std::size_t kSpareTries = 16;

Amount free_stake(const Account& a) { return a.stake - a.locked; }

/// uint256(keccak256(abi.encode(seed, i))) % left
std::uint64_t lot(const base::Hash& seed, std::uint64_t i, std::uint64_t left) {
  std::array<std::uint8_t, 32> word{};
  const auto tail = base::be64(i);
  std::copy(tail.begin(), tail.end(), word.begin() + 24);
  Amount rest = 0;
  for (const auto byte : base::keccak256({seed.view(), word}).bytes) rest = (rest << 8 | byte) % left;
  return static_cast<std::uint64_t>(rest);
}

/// The leaves that a draw has taken out, in rising order (Offers.Lot).
struct Taken {
  std::vector<std::uint64_t> starts, weights;

  /// The leaf at `mark` of the weight that is left.
  DrawTree::Found take(const DrawTree& tree, std::uint64_t mark) {
    std::size_t place = 0;
    for (; place < starts.size() && mark >= starts[place]; ++place) mark += weights[place];
    const auto found = tree.find(mark);
    starts.insert(starts.begin() + static_cast<std::ptrdiff_t>(place), found.start);
    weights.insert(weights.begin() + static_cast<std::ptrdiff_t>(place), found.weight);
    return found;
  }
};

}  // namespace

std::uint32_t Registry::open(Amount free) {
  Account fresh;
  fresh.free = free;
  deposited_ += free;
  accounts_.push_back(fresh);
  return count();
}

void Registry::deposit(std::uint32_t id, Amount amount) {
  at(id).free += amount;
  deposited_ += amount;
}

bool Registry::stake(std::uint32_t id, Amount amount) {
  auto& a = at(id);
  if (amount == 0 || a.free < amount) return false;
  a.free -= amount;
  a.stake += amount;
  reweigh(a);
  return true;
}

bool Registry::offer(std::uint32_t id, std::uint8_t tier) {
  auto& a = at(id);
  if (tier >= kTiers || free_stake(a) < std::max(kPrices * price(tier), least_stake_)) return false;
  if (tree_.full(tier) && !(a.active && a.tier == tier)) return false;
  retire(id);
  a.active = true;
  a.tier = tier;
  a.place = tree_.occupy(tier, id);
  reweigh(a);
  return true;
}

void Registry::retire(std::uint32_t id) {
  auto& a = at(id);
  if (!a.active) return;
  set_weight(a, 0);
  tree_.vacate(a.tier, a.place);
  a.active = a.suspended = false;
}

void Registry::remember(std::uint32_t id, std::uint32_t streak) {
  at(id).streak = streak;
  reweigh(at(id));
}

std::vector<Drawn> Registry::seat(std::uint8_t max_tier, std::uint8_t wanted, Amount lock, const base::Hash& seed,
                                  std::span<const std::uint32_t> excluded) {
  std::vector<Drawn> out;
  std::vector<std::uint32_t> drawn;
  Taken taken;
  auto left = tree_.sum(max_tier);
  const std::size_t tries = wanted + excluded.size() + kSpareTries;
  for (std::size_t i = 0; i < tries && out.size() < wanted && left != 0; ++i) {
    const auto found = taken.take(tree_, lot(seed, i, left));
    left -= found.weight;
    if (std::ranges::find(excluded, found.account) != excluded.end()) continue;
    drawn.push_back(found.account);
    auto& a = at(found.account);
    if (free_stake(a) < lock) continue;
    a.locked += lock;
    out.push_back({found.account, a.tier});
  }
  // The contract draws by the weights before the block; so what the draw itself changes is noticed when it is over.
  for (const auto id : drawn) reweigh(at(id));
  return out;
}

std::uint64_t Registry::eligible_beside(std::uint8_t max_tier, std::span<const std::uint32_t> excluded) const {
  auto out = tree_.count(max_tier);
  for (const auto id : excluded)
    if (const auto& a = account(id); a.weight != 0 && a.tier <= max_tier) --out;
  return out;
}

bool Registry::debit(std::uint32_t id, Amount amount) {
  auto& a = at(id);
  if (a.free < amount) return false;
  a.free -= amount;
  held_ += amount;
  return true;
}

bool Registry::can_pledge(std::uint32_t id, Amount amount) const {
  const auto& a = account(id);
  return a.free + free_stake(a) >= amount;
}

bool Registry::pledge(std::uint32_t id, Amount amount) {
  if (!can_pledge(id, amount)) return false;
  auto& a = at(id);
  const auto free = std::min(a.free, amount);
  a.free -= free;
  held_ += amount;
  if (free == amount) return true;
  a.stake -= amount - free;
  reweigh(a);
  return true;
}

void Registry::credit(std::uint32_t id, Amount amount) {
  release(amount);
  at(id).free += amount;
}

void Registry::settle(std::span<const Settlement> members, Amount burned) {
  Amount paid = 0;
  for (const auto& m : members) {
    auto& a = at(m.account);
    slashed_ += m.slashed;
    held_ += m.slashed;
    paid += m.paid;
    a.locked -= m.locked;
    a.stake -= m.slashed;
    a.free += m.paid;
    a.points += m.fee;
    if (m.verdict == Standing::accepted) {
      ++a.accepted;
      ++a.streak;
    } else if (m.verdict == Standing::rejected) {
      ++a.rejected;
      a.streak = 0;
    } else if (m.verdict == Standing::silent) {
      ++a.silent;
      a.streak = 0;
      if (a.active) a.suspended = true;
    }
    reweigh(a);
  }
  release(paid + burned);
  burned_ += burned;
}

bool Registry::solvent() const {
  Amount owed = held_ + burned_;
  for (const auto& a : accounts_) {
    if (a.locked > a.stake) return false;
    owed += a.free + a.stake;
  }
  return owed == deposited_;
}

std::uint64_t Registry::weight_of(const Account& a) const {
  const auto free = free_stake(a);
  if (a.suspended || free < kPrices * price(a.tier)) return 0;
  const auto part = least_stake_ < kParts ? Amount{1} : least_stake_ / kParts;
  const auto units = std::min<Amount>(free / part, kMostWeight);
  return static_cast<std::uint64_t>(units) * (kBaseRecord + std::min(a.streak, kMostStreak));
}

void Registry::reweigh(Account& a) {
  if (a.active) set_weight(a, weight_of(a));
}

void Registry::set_weight(Account& a, std::uint64_t weight) {
  if (a.weight == weight) return;
  tree_.set(a.tier, a.place, weight);
  a.weight = weight;
}

void Registry::release(Amount amount) {
  KOINON_INVARIANT(held_ >= amount);
  held_ -= amount;
}

}  // namespace koinon::market::rules
