#pragma once
#include <span>
#include <vector>

#include "trust/private/models/logistic.hpp"

namespace koinon::work {

/// Rows of real numbers as the integers that logistic regression takes: each column is moved to its middle and divided by a
/// unit of its own, so that it fills [-feature_bound, feature_bound]; a constant column is added at the end, whose weight is
/// the offset.
struct FixedRows {
  struct Column {
    double middle = 0, unit = 1;  ///< x = middle + integer * unit
  };
  trust::fhe::LogisticRule rule;
  std::vector<Column> columns;
  std::vector<std::int64_t> x;  ///< [rows, columns + 1]
};

/// The finest integers for which every score and gradient stays below 2^28, and shifts for a learning rate near `rate` (a power
/// of two times less than 1.5 away), of columns scaled to [-1, 1]. `values`: [rows, columns]. Errors: invalid_argument (sizes,
/// a value that is no number, a rate not in (0, 1000]), out_of_range (too many rows or columns, says how many fit).
base::Result<FixedRows> fix_rows(std::span<const double> values, std::size_t rows, std::size_t columns, double rate);

/// A trained model in the units of the rows that it was given.
struct RealWeights {
  std::vector<double> weights;  ///< [columns]
  double offset = 0;
};
/// score = offset + sum of weights * x, and a label is 1 where it is positive.
RealWeights real_weights(const FixedRows& rows, std::span<const std::int64_t> weights);
/// Rows whose label the weights give, of labels [rows].
std::size_t right_labels(const FixedRows& rows, std::span<const std::int64_t> weights, std::span<const int> labels);

}  // namespace koinon::work
