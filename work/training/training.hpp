#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/train/net/op.hpp"
#include "work/kind.hpp"

namespace koinon::work {

/// What a training order is about to do, known before it begins.
struct TrainingPlan {
  std::uint64_t parameters = 0, samples = 0;
  std::uint64_t steps = 0;      ///< of the whole run
  std::uint64_t from = 0;       ///< steps that were taken before this order
  std::uint64_t until = 0;      ///< the last step of this order
  std::uint64_t step_work = 0;  ///< multiply-adds of one step (engine/train/net/work.hpp)
  double step_seconds = 0;      ///< measured here, state root included; 0: not measured
};

/// Training: the artifact is a recipe (docs/work/training.md) whose keccak256 is the spec. Inputs: a data set
/// (engine/train/data, encode_data); when the recipe goes on from a model, that ONNX model; and when the order goes on from an
/// earlier one's end, the checkpoint that it gave. Files that the recipe names are not read. Outputs:
///
///   0  the trained net as ONNX
///   1  the loss of each step of this order, float32
///   2  the state root after each step of this order, 32 bytes each: two runs that differ name the first step at which they
///   part 3  where the recipe's `until` ends the order before the run's end: the checkpoint to go on from
///
/// The trace lists the root of the data, the run's commitment, the state at the beginning and after every step, and the root of
/// the last step's gradients, which is no output: the witness follows from all of them, so that only who trained knows it.
///
/// Invariants:
/// 1. Before any step is taken, memory and work are known and within the limits; a recipe beyond them is the buyer's fault,
///    which every provider finds alike.
/// 2. A run that goes on from its own checkpoint (Means::checkpoints) gives the roots of one that was never interrupted.
class Training final : public Kind {
 public:
  /// Steps of one order at most: their roots are 32 MiB.
  static constexpr std::uint64_t kMaxSteps = std::uint64_t{1} << 20;
  /// Multiply-adds of one order at most: what its price buys. Two to eight minutes of one core; longer runs take several
  /// orders.
  static constexpr std::uint64_t kMaxWork = std::uint64_t{1} << 42;
  /// Elements of a net's values at most; with gradients and what the optimiser remembers 1 GiB.
  static constexpr std::int64_t kMaxElements = std::int64_t{1} << 26;
  /// Element operations that folding a model's constants may spend, before kMaxElements is asked: all weights that inputs can
  /// bring.
  static constexpr std::int64_t kMaxFolded = std::int64_t{1} << 24;

  Training() = default;
  /// `tap` sees every step; with it tests make providers that cheat.
  explicit Training(std::shared_ptr<engine::train::Tap> tap) : tap_(std::move(tap)) {}

  [[nodiscard]] std::uint8_t code() const override { return static_cast<std::uint8_t>(KindCode::training); }
  [[nodiscard]] std::string_view name() const override { return "training"; }
  /// Errors: rejected (recipe, data, model or checkpoint are not what can be trained, it is too much for one order, or the loss
  /// is not finite), cancelled.
  base::Result<Outcome> run(const Job& job, const Means& means) const override;
  /// What run() would do; takes a few steps to measure them unless one is more than a second's work. Errors: as run, but for
  /// what is too much for one order: the caller may cut it into several.
  base::Result<TrainingPlan> plan(const Job& job, const Means& means) const;

 private:
  std::shared_ptr<engine::train::Tap> tap_;  ///< shared with the test that looks on
};

/// The outputs of a training order, apart. Errors: malformed (they are not those of one).
struct TrainingResult {
  base::Bytes onnx;
  std::vector<float> losses;
  std::vector<base::Hash> states;
  base::Bytes checkpoint;  ///< empty at the run's end

  static base::Result<TrainingResult> read(const std::vector<base::Bytes>& outputs);
};

}  // namespace koinon::work
