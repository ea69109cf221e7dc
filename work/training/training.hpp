#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "work/kind.hpp"

namespace koinon::work {

/// Training: the artifact is a recipe (docs/work/training.md) whose keccak256 is the spec; input 0 a data set
/// (engine/train/data, encode_data), input 1, when the recipe goes on from a model, that ONNX model. Files that the recipe
/// names are not read. Outputs:
///
///   0  the trained net as ONNX
///   1  the loss of each step, float32
///   2  the state root after each step, 32 bytes each: two runs that differ name the first step at which they part
///
/// The trace lists the root of the data, the run's commitment, every state root, and the hash of the last checkpoint, which is
/// no output: the witness follows from all of them, so that only who trained knows it.
class Training final : public Kind {
 public:
  /// Steps of one order at most: their roots are 32 MiB.
  static constexpr std::uint64_t kMaxSteps = std::uint64_t{1} << 20;

  [[nodiscard]] std::uint8_t code() const override { return static_cast<std::uint8_t>(KindCode::training); }
  [[nodiscard]] std::string_view name() const override { return "training"; }
  /// Errors: rejected (recipe, data or model are not what can be trained, or the loss is not finite), cancelled.
  base::Result<Outcome> run(const Job& job, const Means& means) const override;
};

/// The first step, counted from 0, after which two lists of state roots (output 2) differ; absent when they are equal. A list
/// that ends early differs at its end.
std::optional<std::uint64_t> first_divergent_step(base::ByteView a, base::ByteView b);

}  // namespace koinon::work
