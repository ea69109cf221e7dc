#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace koinon::cli {

/// A table for people: columns as wide as their content, numbers to the right, one line a row.
class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string title;
    Align align = Align::left;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// Precondition: as many cells as columns.
  void add(std::vector<std::string> cells);
  /// The table with a rule under its head. Every line ends with a newline.
  [[nodiscard]] std::string text() const;
  /// The same; of more than `most` rows the first and the last, with a line between them that says how many are left out.
  [[nodiscard]] std::string text(std::size_t most) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// Columns that a UTF-8 text takes on a terminal: code points, without combining marks and escape sequences.
std::size_t display_width(std::string_view text);

}  // namespace koinon::cli
