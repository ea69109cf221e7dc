#pragma once
#include <span>

#include "trust/private/cipher.hpp"

namespace koinon::trust::fhe {

/// Logistic regression in integers: gradient descent over all rows, whose every step is exact.
///
///   z_i = sum_j x_ij w_j
///   r_i = sigmoid(z_i >> score_shift) - 256 y_i      sigmoid of k / 32 in units of 1/256, k kept within +-256
///   g_j = sum_i r_i x_ij
///   w_j = clamp(w_j - ((g_j + 2^(step_shift - 1)) >> step_shift), -weight_bound, weight_bound)
struct LogisticRule {
  std::size_t features = 0;  ///< a constant feature serves as offset
  std::size_t rows = 0;
  std::int64_t feature_bound = 127;
  std::int64_t weight_bound = 32767;
  int score_shift = 0;
  int step_shift = 1;  ///< at least 1
};

/// r of a row's score and its label, 0 or 1.
std::int64_t residual(const LogisticRule& rule, std::int64_t score, int label);
/// A weight after a step.
std::int64_t stepped(const LogisticRule& rule, std::int64_t weight, std::int64_t gradient);
/// The plain twin: `steps` steps from zero weights over x [rows, features] and labels [rows].
std::vector<std::int64_t> train_plain(const LogisticRule& rule, std::span<const std::int64_t> x, std::span<const int> labels,
                                      std::size_t steps);

/// How that runs over encrypted rows. The trainer holds the rows encrypted and computes both matrix products, two for every
/// step, on ciphertexts; the client, who holds the key and the labels, refreshes between them: it decrypts scores, encrypts
/// residuals, decrypts the gradient and encrypts the weights. The trainer learns no row, label, score or weight. All of the
/// trainer's work is for one client, so nothing is concealed from it.
///
/// Rows lie in coefficients: row i of a chunk at i * features + j. Weights in reverse order make coefficient i * features +
/// features - 1 of the product the score of row i; residuals at X^(-i * features) make coefficient j the gradient. One product
/// of ciphertexts a chunk, left at three parts: no evaluation keys.
struct LogisticPlan {
  LogisticRule rule;
  Parameters parameters;

  [[nodiscard]] std::size_t rows_a_chunk() const { return parameters.degree / rule.features; }
  [[nodiscard]] std::size_t chunks() const { return (rule.rows + rows_a_chunk() - 1) / rows_a_chunk(); }
};

/// Errors: invalid_argument (sizes); out_of_range (scores or gradients can reach 2^28, says which and what helps).
base::Result<LogisticPlan> plan_logistic(const LogisticRule& rule);

/// Client: all rows, once. Errors: invalid_argument on another size, out_of_range beyond feature_bound.
base::Result<std::vector<Ciphertext>> encrypt_rows(const Context& context, const LogisticPlan& plan, const SecretKey& key,
                                                   std::span<const std::int64_t> x, base::Random& random);
/// Client: weights of a step. Errors as encrypt_rows.
base::Result<Ciphertext> encrypt_weights(const Context& context, const LogisticPlan& plan, const SecretKey& key,
                                         std::span<const std::int64_t> weights, base::Random& random);
/// Trainer: scores of every chunk. Errors: invalid_argument on ciphertexts that are no fresh encryptions.
base::Result<std::vector<Ciphertext>> encrypted_scores(const Context& context, const LogisticPlan& plan,
                                                       std::span<const Ciphertext> rows, const Ciphertext& weights);
/// Client: [rows]. Errors: those of decrypt.
base::Result<std::vector<std::int64_t>> decrypt_scores(const Context& context, const LogisticPlan& plan, const SecretKey& key,
                                                       std::span<const Ciphertext> scores);
/// Client: residuals of every chunk. Errors as encrypt_rows.
base::Result<std::vector<Ciphertext>> encrypt_residuals(const Context& context, const LogisticPlan& plan, const SecretKey& key,
                                                        std::span<const std::int64_t> residuals, base::Random& random);
/// Trainer: the gradient, summed over all chunks.
base::Result<Ciphertext> encrypted_gradient(const Context& context, const LogisticPlan& plan, std::span<const Ciphertext> rows,
                                            std::span<const Ciphertext> residuals);
/// Client: [features].
base::Result<std::vector<std::int64_t>> decrypt_gradient(const Context& context, const LogisticPlan& plan, const SecretKey& key,
                                                         const Ciphertext& gradient);

}  // namespace koinon::trust::fhe
