#pragma once
#include "base/thread_pool.hpp"
#include "trust/proof/multilinear.hpp"
#include "trust/proof/transcript.hpp"

namespace koinon::trust::proof {

/// A sumcheck whose messages are hidden by a committed random polynomial (Libra, Xie et al., CRYPTO 2019, section 4.1): what is
/// summed is the product plus mask(x) = c_0 + sum over variables i and 1 <= k <= degree of c_{i,k} x_i^k.
struct SumcheckProof {
  Ext total;                  ///< of product and mask over the cube
  std::vector<Ext> messages;  ///< degree a round: p(0), p(2), ..., p(degree)
  std::array<Ext, 2> values;  ///< of the two factors that the verifier cannot compute, at the point
  Ext mask;                   ///< of the mask at the point
  friend bool operator==(const SumcheckProof&, const SumcheckProof&) = default;
};

/// Labels of a sumcheck in the transcript.
struct SumcheckLabels {
  std::string_view total, message, point, values;
};

/// Coefficients of a mask: c_0, then c_{0,1}, ..., c_{0,degree}, c_{1,1}, ...
struct MaskPolynomial {
  unsigned degree = 2;
  std::vector<Ext> coefficients;

  [[nodiscard]] unsigned variables() const { return static_cast<unsigned>((coefficients.size() - 1) / degree); }
  /// Sum over the cube.
  [[nodiscard]] Ext total() const;
  /// Sum over the free variables after `bound` ones are fixed, with variable bound.size() at x.
  [[nodiscard]] Ext partial(std::span<const Ext> bound, const Ext& x) const;
  [[nodiscard]] Ext at(std::span<const Ext> point) const;
};
/// Weight of each coefficient in the total, and in the value at a point.
std::vector<Ext> mask_total_weights(unsigned degree, unsigned variables);
std::vector<Ext> mask_value_weights(unsigned degree, std::span<const Ext> point);

/// Runs the prover. `factors`: mask.degree tables of 2^variables; the last two are those whose values are sent. Returns the
/// proof and its point.
std::pair<SumcheckProof, std::vector<Ext>> prove_sumcheck(std::vector<std::vector<Ext>> factors, const MaskPolynomial& mask,
                                                          const SumcheckLabels& labels, Transcript& transcript,
                                                          base::ThreadPool* pool);

/// Follows a proof's messages: its point, and what product + mask must be there. Precondition: messages.size() is degree *
/// variables.
struct SumcheckEnd {
  std::vector<Ext> point;
  Ext claim;
};
SumcheckEnd follow_sumcheck(const SumcheckProof& proof, unsigned degree, unsigned variables, const SumcheckLabels& labels,
                            Transcript& transcript);

}  // namespace koinon::trust::proof
