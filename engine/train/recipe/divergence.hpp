#pragma once
#include <optional>

#include "engine/train/recipe/run.hpp"

namespace koinon::engine::train {

/// What a run shows of itself: its commitment, and the state root after each step from step `from` on.
struct StateTrace {
  base::Hash commitment;
  std::uint64_t from = 0;
  std::vector<base::Hash> states;

  [[nodiscard]] base::Bytes encode() const;
  /// Bytes that nobody vouches for. Errors: malformed.
  static base::Result<StateTrace> decode(base::ByteView bytes);
};

/// The first step, counted from 0, after which two lists of state roots differ; absent when they are equal. A list that ends
/// early differs at its end. Found from the top of their Merkle trees downwards: so many comparisons as the tree is high, which
/// is what two parties who only know each other's roots would ask for. `compared`: how many there were.
std::optional<std::uint64_t> first_divergent_step(const std::vector<base::Hash>& a, const std::vector<base::Hash>& b,
                                                  std::size_t* compared = nullptr);

/// All that one training step computes, in the order in which it does: the batch, every operator's output, the loss, every
/// gradient from the last operator to the first, then parameters, buffers and the optimiser's memory after the step.
struct StepRecord {
  struct Entry {
    std::string name;  ///< for people, such as "forward of conv, node 3" or "gradient of 0.conv.weight by conv, node 3"
    std::vector<float> values;
  };
  base::Hash commitment;
  std::uint64_t step = 0;
  std::vector<Entry> entries;

  /// Takes the next step of `run` and records it. Errors: those of Run::step.
  static base::Result<StepRecord> of(Run& run);
  [[nodiscard]] base::Bytes encode() const;
  /// Bytes that nobody vouches for. Errors: malformed.
  static base::Result<StepRecord> decode(base::ByteView bytes);
};

/// Where two records of one step part: the first entry whose bits differ, and in it the first element.
struct StepDifference {
  std::size_t entry = 0;
  std::string name;
  std::size_t element = 0;  ///< of `elements`
  std::size_t elements = 0;
  float a = 0, b = 0;
};

/// Absent when every bit is equal (NaNs are one). Errors: invalid_argument when they are not records of one step of one run.
base::Result<std::optional<StepDifference>> first_difference(const StepRecord& a, const StepRecord& b);

}  // namespace koinon::engine::train
