#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace koinon::cli {

/// A table of numbers with named columns.
struct Table {
  std::vector<std::string> names;
  std::vector<double> values;  ///< [rows, names]

  [[nodiscard]] std::size_t rows() const { return names.empty() ? 0 : values.size() / names.size(); }
};

/// Reads comma-separated values (RFC 4180 without line breaks in fields): a line of names, then lines of numbers; empty lines
/// at the end are passed over. Errors: malformed, naming line and column; out_of_range for more than 4096 columns or 2^26
/// values.
base::Result<Table> parse_table(std::string_view text);

}  // namespace koinon::cli
