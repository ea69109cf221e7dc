#pragma once
#include "engine/train/net/graph.hpp"

namespace koinon::engine::train {

/// Numbers are in commitments: never renumber.
enum class Method : std::uint8_t { sgd = 1, adamw = 2 };
enum class Schedule : std::uint8_t {
  constant = 1,
  linear = 2,  ///< from the rate to `final_share` of it over the run
  cosine = 3,  ///< the same along half a cosine
};

struct OptimiserOptions {
  Method method = Method::sgd;
  double rate = 0.01;
  double momentum = 0;                                ///< sgd
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;  ///< adamw
  double decay = 0;                                   ///< of weights: added to the gradient (sgd), decoupled (adamw)
  double clip = 0;                                    ///< largest norm of all gradients together; 0: none
  Schedule schedule = Schedule::constant;
  std::uint64_t warmup = 0;  ///< steps in which the rate grows from 0
  std::uint64_t steps = 0;   ///< of the run, for schedules
  double final_share = 0;

  /// Errors: invalid_argument naming what is out of its range.
  [[nodiscard]] base::Status check() const;
  /// Rate of a step, the first is 0. In double, with our own cosine.
  [[nodiscard]] double rate_at(std::uint64_t step) const;
  [[nodiscard]] base::Bytes encode() const;
};

/// Moves the parameters of a graph along their gradients.
class Optimiser {
 public:
  /// `graph` outlives it.
  Optimiser(Graph& graph, const OptimiserOptions& options);
  /// Takes step number `step`. Returns the norm of the gradients before clipping: the square root of the sum of their squares,
  /// in chunks of kChunk in float32, chunks added in double.
  double take(const Machine& machine, std::uint64_t step);

  /// What it remembers, in the order of the parameters: one array each (sgd: velocity) or two (adamw: mean, mean square).
  [[nodiscard]] std::vector<std::vector<float>>& state() { return state_; }
  [[nodiscard]] const std::vector<std::vector<float>>& state() const { return state_; }

 private:
  [[nodiscard]] double norm(const Machine& machine) const;

  Graph& graph_;
  OptimiserOptions options_;
  std::vector<int> parameters_;
  std::vector<std::vector<float>> state_;
};

}  // namespace koinon::engine::train
