#include "cli/terminal/table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/result.hpp"

namespace koinon::cli {

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0x1b) {  // an escape sequence ends at its first letter
      while (i < text.size() && (text[i] < 'A' || (text[i] > 'Z' && text[i] < 'a') || text[i] > 'z')) ++i;
      continue;
    }
    if ((byte & 0xc0) != 0x80) ++width;
  }
  return width;
}

void Table::add(std::vector<std::string> cells) {
  KOINON_INVARIANT(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::text() const { return text(rows_.size()); }

std::string Table::text(std::size_t most) const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    auto width = display_width(columns_[c].title);
    for (const auto& row : rows_) width = std::max(width, display_width(row[c]));
    widths.push_back(width);
  }
  std::string out;
  const auto line = [&](const auto& cell_of) {
    std::string text;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const std::string& cell = cell_of(c);
      const std::string gap(widths[c] - display_width(cell), ' ');
      text += (c == 0 ? "" : "  ") + (columns_[c].align == Align::right ? gap + cell : cell + gap);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  line([&](std::size_t c) -> const std::string& { return columns_[c].title; });
  std::vector<std::string> rules;
  for (const auto width : widths) {
    std::string rule;
    for (std::size_t i = 0; i < width; ++i) rule += "─";
    rules.push_back(std::move(rule));
  }
  line([&](std::size_t c) -> const std::string& { return rules[c]; });
  const auto hidden = rows_.size() > most ? rows_.size() - most : 0;
  const auto first = (most + 1) / 2;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (hidden > 0 && i == first) {
      out += fmt::format("... {} rows left out; --json has them all\n", hidden);
      i += hidden;
      if (i == rows_.size()) break;
    }
    line([&](std::size_t c) -> const std::string& { return rows_[i][c]; });
  }
  return out;
}

}  // namespace koinon::cli
