#include "cli/graph/fold.hpp"

#include <algorithm>
#include <numeric>

namespace koinon::cli {
namespace {

using engine::program::Program;
using engine::program::Step;

constexpr std::size_t kLongestPeriod = 512;
constexpr std::size_t kMostComparisons = 20'000'000;
constexpr std::size_t kMostFolds = 40;

std::size_t mix(std::size_t hash, std::uint64_t value) {
  return (hash ^ value) * 0x9e3779b97f4a7c15ULL + (hash >> 29);  // golden ratio: spreads small numbers
}

/// Equal for steps of one kind with the same shapes. Types and parameters are left out: a layer that was calibrated to 16 bits
/// is the same layer.
std::size_t signature(const Step& step) {
  auto out = mix(1, static_cast<std::uint64_t>(step.kind));
  for (const auto operand : step.operands) out = mix(out, static_cast<std::uint64_t>(operand.source()));
  for (const auto& output : step.outputs)
    for (const auto size : output.shape) out = mix(out, static_cast<std::uint64_t>(size));
  return out;
}

/// A place where `times` rounds of `period` steps follow each other.
struct Repeat {
  std::size_t at = 0, period = 0, times = 0;
  [[nodiscard]] std::size_t saved() const { return times < 2 ? 0 : (times - 1) * period; }
};

class Folder {
 public:
  explicit Folder(const Program& program) : stands_(program.steps.size()) {
    std::iota(stands_.begin(), stands_.end(), std::size_t{0});
    for (std::size_t s = 0; s < program.steps.size(); ++s) left_.push_back({s, signature(program.steps[s]), false});
  }

  [[nodiscard]] std::size_t size() const { return left_.size(); }

  /// Folds what saves most. False when nothing repeats.
  bool step() {
    const auto found = best();
    if (found.saved() < 2) return false;
    const auto begin = left_.begin() + static_cast<std::ptrdiff_t>(found.at);
    const auto first_end = begin + static_cast<std::ptrdiff_t>(found.period);
    const auto end = begin + static_cast<std::ptrdiff_t>(found.period * found.times);
    for (auto item = first_end; item != end; ++item)
      stands_[item->step] = begin[(item - begin) % static_cast<std::ptrdiff_t>(found.period)].step;
    std::erase_if(blocks_, [&](const Block& block) {
      return std::any_of(first_end, end, [&](const Item& item) { return item.step == block.first; });
    });
    blocks_.push_back({begin->step, found.period, found.times});
    // Rounds within a round: only whole blocks are equal to each other from now on.
    for (std::size_t i = 0; i < found.period; ++i) {
      begin[static_cast<std::ptrdiff_t>(i)].signature =
          mix(mix(begin[static_cast<std::ptrdiff_t>(i)].signature, found.times), i + 7);
      begin[static_cast<std::ptrdiff_t>(i)].inside = begin[static_cast<std::ptrdiff_t>(i)].inside || i > 0;
    }
    left_.erase(first_end, end);
    return true;
  }

  Folded finish(std::size_t most) && {
    Folded out;
    out.cut = left_.size() > most ? left_.size() - most : 0;
    std::vector<bool> drawn(stands_.size());
    for (std::size_t i = 0; i < left_.size() - out.cut; ++i) {
      out.shown.push_back(left_[i].step);
      drawn[left_[i].step] = true;
    }
    out.stands = std::move(stands_);
    for (auto& step : out.stands) {
      while (out.stands[step] != step && step != Folded::kNowhere) step = out.stands[step];
      if (!drawn[step]) step = Folded::kNowhere;
    }
    for (const auto& block : blocks_)
      if (drawn[block.first]) out.blocks.push_back(block);
    return out;
  }

 private:
  struct Item {
    std::size_t step, signature;
    bool inside;  ///< of a block, and not its beginning
  };

  [[nodiscard]] Repeat best() const {
    Repeat out;
    const auto n = left_.size();
    const auto longest = std::min({kLongestPeriod, n / 2, n == 0 ? 0 : kMostComparisons / n});
    for (std::size_t period = 1; period <= longest; ++period)
      for (std::size_t at = 0; at + period < n;) {
        auto end = at;
        while (end + period < n && left_[end].signature == left_[end + period].signature) ++end;
        auto begin = at;
        while (begin < end && left_[begin].inside) ++begin;
        const Repeat here{begin, period, (end - begin) / period + 1};
        if (here.saved() > out.saved()) out = here;
        at = end + 1;
      }
    return out;
  }

  std::vector<Item> left_;
  std::vector<std::size_t> stands_;
  std::vector<Block> blocks_;
};

}  // namespace

Folded fold(const Program& program, std::size_t comfortable, std::size_t most) {
  Folder folder(program);
  for (std::size_t i = 0; i < kMostFolds && folder.size() > comfortable; ++i)
    if (!folder.step()) break;
  return std::move(folder).finish(most);
}

}  // namespace koinon::cli
