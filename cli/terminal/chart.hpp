#pragma once
#include <span>
#include <string>
#include <vector>

namespace koinon::cli {

/// A bar for each class. Values that are not shares already (0 or more, adding to 1) are turned into shares by softmax; the
/// largest is marked, the first of equals. `labels` may be shorter than the values: the rest have their number.
std::string class_chart(std::span<const double> values, const std::vector<std::string>& labels = {});

/// The values themselves, or softmax of them. Shares add to 1.
std::vector<double> shares(std::span<const double> values);

}  // namespace koinon::cli
