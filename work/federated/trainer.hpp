#pragma once
#include <memory>
#include <optional>

#include "base/random.hpp"
#include "engine/train/recipe/recipe.hpp"
#include "engine/train/recipe/run.hpp"
#include "work/federated/update.hpp"

namespace koinon::work::federated {

using engine::train::DataSet;
using engine::train::Machine;
using engine::train::Recipe;
using engine::train::Score;
using Samples = std::vector<std::uint32_t>;  ///< indices into a data set

/// What one participant does in one round.
struct LocalWork {
  std::uint64_t epochs = 1;  ///< through its own samples
  std::uint64_t round = 0;   ///< decides the rate, by the recipe's schedule over `rounds`
  std::uint64_t rounds = 1;
  std::uint64_t seed = 0;  ///< of the order of its samples and of dropout
};

/// Training with differential privacy for each sample (Abadi et al., "Deep learning with differential privacy", CCS 2016):
/// every sample is in a step's batch with probability `batch / samples`, its gradient is clipped to `clip`, and noise of
/// deviation `noise * clip` is added to the sum. The noise comes from a secret of the participant: what others could draw again
/// they could take off again.
struct PrivateWork {
  double clip = 1;
  double noise = 1;
};

/// What private training samples: the probability of a sample to be in a step's batch, and the steps of so many epochs.
struct Sampling {
  double rate = 1;
  std::uint64_t steps = 0;
};

/// One net that many participants take turns to use: values in, change of values out. The same bits on every machine for the
/// same recipe, samples and work; with PrivateWork for the same random bytes.
class Trainer {
 public:
  /// `data` and the machine's pool outlive it. Errors: those of engine::train::Run::make.
  static base::Result<std::unique_ptr<Trainer>> make(const Recipe& recipe, const DataSet& data, const Machine& machine);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Trained values and running means together.
  [[nodiscard]] std::size_t size() const;
  /// The values that the recipe's seed, or its model, begins with.
  [[nodiscard]] const Values& initial() const;

  /// How training on `samples` changes `from`. Batches are the recipe's, or all samples when there are fewer. Errors:
  /// invalid_argument (no samples), out_of_range (the loss or a value is not finite).
  base::Result<Values> train(const Values& from, const Samples& samples, const LocalWork& work);
  /// The same with privacy; errors too, and unsupported for nets with batch norm, where samples of a batch meet.
  base::Result<Values> train_private(const Values& from, const Samples& samples, const LocalWork& work,
                                     const PrivateWork& terms, base::Random& secret);
  [[nodiscard]] Sampling sampling(std::size_t samples, std::uint64_t epochs) const;
  /// Loss and share of right answers of `values` on samples of `data` (of the shapes of the training data; all when absent).
  base::Result<Score> evaluate(const Values& values, const DataSet& data, const Samples* samples = nullptr);
  /// The net with these values in it, for export.
  const engine::train::Net& net(const Values& values);

 private:
  struct State;
  explicit Trainer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace koinon::work::federated
