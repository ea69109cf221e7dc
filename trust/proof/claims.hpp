#pragma once
#include "trust/proof/argument.hpp"

namespace koinon::trust::proof {

inline constexpr SumcheckLabels kRowLabels{"rows.total", "rows.message", "rows.point", "rows.values"};
inline constexpr SumcheckLabels kFormLabels{"form.total", "form.message", "form.point", "form.values"};

/// The verifier's coins up to the last linear form.
struct Coins {
  Ext alpha, beta;                         ///< of the lookups
  std::vector<Ext> tau, rows_point;        ///< of the sumcheck over rows
  std::vector<std::vector<Ext>> form_tau;  ///< one a bilinear form: for its rows, then its columns
  std::vector<std::vector<Ext>> form_point;
  Ext lambda;  ///< of the combination of all linear claims
};

/// Variables that choose a row, and a column, of a bilinear form's result.
unsigned form_rows_log(const Bilinear& form);
unsigned form_columns_log(const Bilinear& form);

/// table + beta x + beta^2 y.
Ext fingerprint(std::uint32_t table, Fp x, Fp y, const Ext& beta);

/// Every linear claim of the argument as one: the sum over all oracle places of weight * value is `sum`.
struct CombinedClaim {
  std::vector<Ext> weights;  ///< [layout.columns(), rows]
  Ext sum;
  Ext constant;  ///< the public part, which `sum` leaves out: claimed values, each times its power of lambda, are sum +
                 ///< constant
};
CombinedClaim combine_claims(const Layout& layout, const Circuit& circuit, const Coins& coins, const Argument& argument);

/// What a verifier that does not know the circuit is left with once it has followed an argument's messages: two numbers that
/// the circuit gives at its coins (contracts/src/proof/Argument.sol).
struct Reduction {
  Ext constant;  ///< of CombinedClaim
  Ext value;     ///< sum over the columns but the masks of weight at `point` * value sent
  std::vector<Ext> point;
  std::vector<std::uint32_t> places;  ///< drawn, distinct, ascending
};
/// Follows the messages without checking them. Precondition: there are as many of each as `verify_circuit` asks for.
Reduction reduce_argument(const Layout& layout, const Circuit& circuit, const Argument& argument, Transcript& transcript);

}  // namespace koinon::trust::proof
