#pragma once
#include <vector>

#include "engine/program/program.hpp"

namespace koinon::cli {

/// Steps that repeat: `count` drawn ones, from step `first` on, stand for `times` rounds of themselves.
struct Block {
  std::size_t first = 0;  ///< step of the program
  std::size_t count = 0;  ///< steps that are drawn
  std::size_t times = 0;
};

/// What of a program's steps is drawn.
struct Folded {
  std::vector<std::size_t> shown;   ///< steps, in their order
  std::vector<std::size_t> stands;  ///< for each step of the program the drawn one that stands for it
  std::vector<Block> blocks;        ///< an inner one before the one that it lies in
  std::size_t cut = 0;              ///< drawn by nothing: so many steps at the end are left out

  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);  ///< in `stands`: cut
};

/// Folds runs of equal steps (kind and shapes) until at most `comfortable` steps are left or nothing repeats, then
/// leaves out what is more than `most`. Cost: steps * the longest period looked for, bounded.
Folded fold(const engine::program::Program& program, std::size_t comfortable, std::size_t most);

}  // namespace koinon::cli
