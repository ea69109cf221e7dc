#pragma once
#include <optional>
#include <vector>

#include "engine/program/program.hpp"

namespace koinon::engine::language {

/// How a run changes one state tensor, seen as [outer, length, inner]: rows (o, indices[i]) become rows [outer, count, inner].
struct Growth {
  std::size_t indices = 0, rows = 0;  ///< outputs of the program
  std::int64_t outer = 1, length = 1, inner = 1;

  /// Writes a run's rows into the state. Calls touched(first byte, bytes) for each. Precondition: outputs are those of the
  /// program, so that the indices are in range.
  template <class F>
  void apply(const std::vector<tensor::IntTensor>& outputs, tensor::IntTensor& state, F&& touched) const {
    const auto& at = outputs[indices];
    const auto& from = outputs[rows].bytes;
    const auto row = static_cast<std::size_t>(inner) * tensor::dtype_size(state.dtype);
    std::size_t source = 0;
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::int64_t i = 0; i < at.size(); ++i, source += row) {
        const auto to = static_cast<std::size_t>(o * length + at.at(i)) * row;
        KOINON_INVARIANT(to + row <= state.bytes.size() && source + row <= from.size());
        std::memcpy(state.bytes.data() + to, from.data() + source, row);
        touched(to, row);
      }
  }
};

/// A language model's program that returns, in the place of each state tensor, what a run writes into it: the same integers
/// without a copy of the state. It is made here from the program and never named in a claim.
struct RowProgram {
  program::Program program;    ///< outputs: token, logits, then indices and rows
  std::vector<Growth> growth;  ///< one a state tensor
};

/// Nothing when a state tensor is made in another way than by one scatter into what entered. Precondition: the program is one
/// that Model::from takes.
std::optional<RowProgram> rows_of(const program::Program& program);

}  // namespace koinon::engine::language
