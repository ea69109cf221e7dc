#pragma once
#include <functional>
#include <stop_token>
#include <string>

#include "base/random.hpp"
#include "trust/private/models/aided.hpp"
#include "trust/private/models/logistic.hpp"

namespace koinon::work {

/// One of the providers that a client asks: sends a body to a path and returns the answer.
struct Helper {
  std::string name;  ///< for errors
  std::function<base::Result<base::Bytes>(const std::string& path, base::ByteView body)> ask;
};

/// What a client's rounds took.
struct RoundCost {
  std::size_t rounds = 0;
  std::uint64_t sent = 0, received = 0;  ///< bytes, all helpers
  double client_seconds = 0;             ///< of the client's own work
};
/// Told before each round. The stop token ends the run with `cancelled`.
struct RoundMeans {
  std::function<void(std::size_t done, std::size_t total)> progress;
  std::stop_token stop;
};

/// A client-aided run: every round sends the same ciphertext to all helpers and goes on only when all give the same bytes,
/// since a helper whose wrong result is answered could learn from the answer. Keys are made for the run and forgotten. Which
/// rounds are sent depends on no decrypted value. Errors: conflict, naming helpers that differ; those of helpers; before the
/// first round invalid_argument, out_of_range for an input that the program does not take; after the last out_of_range where
/// sums were none of an honest run; cancelled.
struct AidedRun {
  std::vector<engine::tensor::IntTensor> outputs;
  RoundCost cost;
};
base::Result<AidedRun> run_aided(const trust::fhe::AidedProgram& program, const engine::tensor::IntTensor& input,
                                 std::span<const Helper> helpers, base::Random& random, const RoundMeans& means = {});

/// Logistic regression on rows that helpers hold encrypted, the client refreshing between the products: weights equal those of
/// train_plain. Each helper's sessions are closed at the end. Errors as run_aided; those of encrypt_rows.
struct TrainedRun {
  std::vector<std::int64_t> weights;
  RoundCost cost;
};
base::Result<TrainedRun> train_encrypted(const trust::fhe::LogisticPlan& plan, std::span<const std::int64_t> x,
                                         std::span<const int> labels, std::size_t steps, std::span<const Helper> helpers,
                                         base::Random& random, const RoundMeans& means = {});

}  // namespace koinon::work
