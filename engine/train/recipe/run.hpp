#pragma once
#include <functional>
#include <memory>

#include "engine/train/data/data_set.hpp"
#include "engine/train/net/state.hpp"
#include "engine/train/net/work.hpp"
#include "engine/train/recipe/recipe.hpp"

namespace koinon::engine::train {

/// How well a net does on data it is not trained on.
struct Score {
  std::size_t samples = 0;
  double loss = 0;   ///< mean
  double right = 0;  ///< share of targets whose class has the largest output; 0 without classes
};

/// A training run: a net, its optimiser, the data, and where it stands. The order of the samples of an epoch is a permutation
/// drawn from the seed; a last batch that is not full is left out.
class Run {
 public:
  /// `train` and the machine's pool outlive it. Errors: those of build_net and import_net; invalid_argument when net and data
  /// do not fit each other.
  /// `model`: the bytes of recipe.onnx when they do not come from a file.
  static base::Result<std::unique_ptr<Run>> make(const Recipe& recipe, const DataSet& train, const Machine& machine,
                                                 base::ByteView model = {});

  /// Takes one step; returns its loss. `tap` sees what is computed. Errors: out_of_range when the loss is not finite (the step
  /// is not taken).
  base::Result<float> step(Tap* tap = nullptr);
  /// What one step takes, in multiply-adds (net/work.hpp).
  [[nodiscard]] std::uint64_t work_of_step() const { return train::work_of_step(net_.graph, optimiser_); }
  /// Binds the gradients of the step that was taken last: list_root of their byte trees, in the order of the parameters.
  [[nodiscard]] base::Hash gradients_root() const;
  /// The score on a data set of the same shapes. Errors: invalid_argument.
  base::Result<Score> evaluate(const DataSet& data);
  /// Outputs for sample `index` of a data set.
  base::Result<std::vector<float>> outputs(const DataSet& data, std::size_t index);

  [[nodiscard]] std::uint64_t done() const { return done_; }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  [[nodiscard]] std::uint64_t steps_an_epoch() const { return epoch_; }
  [[nodiscard]] const std::vector<float>& losses() const { return losses_; }  ///< of every step so far
  [[nodiscard]] const Net& net() const { return net_; }
  /// What the optimiser remembers (Optimiser::state).
  [[nodiscard]] const std::vector<std::vector<float>>& memory() const { return optimiser_.state(); }
  [[nodiscard]] base::Hash state() const { return state_root(machine_, net_.graph, optimiser_, done_); }
  /// Binds everything that decides the run: graph, first state, optimiser, batch, seed, steps, loss, data. Computed once.
  [[nodiscard]] const base::Hash& commitment() const { return commitment_; }

  /// All that is needed to go on. Layout in run.cpp.
  [[nodiscard]] base::Bytes checkpoint() const;
  /// Goes on from bytes that nobody vouches for. Errors: malformed, also where a number is not finite; conflict when they are
  /// of another run. Nothing changes then.
  base::Status restore(base::ByteView bytes);

 private:
  Run(Net net, const Recipe& recipe, const DataSet& data, const Machine& machine);
  void load(const DataSet& data, const std::uint32_t* samples, std::size_t count);
  [[nodiscard]] Pass pass(bool training) const { return {machine_, training, seed_, done_, nullptr}; }
  [[nodiscard]] std::vector<std::vector<float>*> arrays();
  [[nodiscard]] std::vector<const std::vector<float>*> arrays() const;

  Net net_;
  OptimiserOptions options_;
  const DataSet& data_;
  Machine machine_;
  std::uint64_t seed_, epoch_, steps_, done_ = 0;
  std::size_t batch_;
  Loss loss_;
  Optimiser optimiser_;
  std::vector<std::uint32_t> order_;  ///< of the epoch that order_of_ names
  std::uint64_t order_of_ = UINT64_MAX;
  std::vector<float> losses_;
  base::Hash commitment_;
};

}  // namespace koinon::engine::train
