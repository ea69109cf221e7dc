#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace koinon::cli {

/// A bar for each class. Values that are not shares already (0 or more, adding to 1) are turned into shares by softmax, which
/// the head of the column then says; the largest is marked, the first of equals. `labels` may be shorter than the values: the
/// rest have their number.
std::string class_chart(std::span<const double> values, const std::vector<std::string>& labels = {});

/// Whether an output looks like one value a class: one row of 2 to 20 numbers that are shares, or, when it is the only output,
/// not all whole (choices, signs and counts are).
bool are_classes(std::span<const std::int64_t> shape, std::span<const double> values, bool only_output);

/// An output's values for people: a chart when `classes`, else the first ones and, of many, the largest.
std::string values_text(std::span<const double> values, bool classes, const std::vector<std::string>& labels = {});

/// The values themselves, or softmax of them. Shares add to 1.
std::vector<double> shares(std::span<const double> values);

}  // namespace koinon::cli
