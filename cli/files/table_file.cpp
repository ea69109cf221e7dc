#include "cli/files/table_file.hpp"

#include <charconv>
#include <cmath>

namespace koinon::cli {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kMostColumns = 4096;
constexpr std::size_t kMostValues = std::size_t{1} << 26;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

/// The fields of a line; quotes around a field are taken off, a doubled quote within stands for one.
std::vector<std::string> fields_of(std::string_view line) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= line.size();) {
    std::string field;
    while (at < line.size() && line[at] == ' ') ++at;
    if (at < line.size() && line[at] == '"') {
      for (++at; at < line.size(); ++at) {
        if (line[at] != '"') {
          field += line[at];
        } else if (at + 1 < line.size() && line[at + 1] == '"') {
          field += line[++at];
        } else {
          break;
        }
      }
      at = std::min(line.find(',', at), line.size());
    } else {
      const auto end = std::min(line.find(',', at), line.size());
      field = trimmed(line.substr(at, end - at));
      at = end;
    }
    out.push_back(std::move(field));
    ++at;
  }
  return out;
}

Result<double> number(const std::string& field, std::size_t line, const std::string& name) {
  double out = 0;
  const auto* first = field.data() + (field.starts_with('+') ? 1 : 0);
  const auto* last = field.data() + field.size();
  const auto [end, error] = std::from_chars(first, last, out);
  if (error != std::errc{} || end != last || !std::isfinite(out))
    return fail(Code::malformed, "[table] line {}, column '{}': '{}' is no number", line, name, field.substr(0, 40));
  return out;
}

}  // namespace

Result<Table> parse_table(std::string_view text) {
  Table out;
  std::size_t number_of_line = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number_of_line;
    if (line.empty()) continue;
    auto fields = fields_of(line);
    if (out.names.empty()) {
      if (fields.size() > kMostColumns)
        return fail(Code::out_of_range, "[table] {} columns: at most {}", fields.size(), kMostColumns);
      out.names = std::move(fields);
      continue;
    }
    if (fields.size() != out.names.size())
      return fail(Code::malformed, "[table] line {} has {} fields: {} expected", number_of_line, fields.size(),
                  out.names.size());
    if (out.values.size() + fields.size() > kMostValues)
      return fail(Code::out_of_range, "[table] more than {} values", kMostValues);
    for (std::size_t i = 0; i < fields.size(); ++i) {
      KOINON_TRY(out.values.emplace_back(), number(fields[i], number_of_line, out.names[i]));
    }
  }
  if (out.names.empty()) return fail(Code::malformed, "[table] no line of names");
  if (out.values.empty()) return fail(Code::malformed, "[table] no rows");
  return out;
}

}  // namespace koinon::cli
