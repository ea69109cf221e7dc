#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "engine/train/data/data_set.hpp"

namespace koinon::engine::train {
namespace {

using base::Bytes;
using base::ByteView;
using base::Code;
using base::Result;

bool is_gzip(ByteView bytes) { return bytes.size() > 2 && bytes[0] == 0x1f && bytes[1] == 0x8b; }

/// RFC 1952, at most kMaxData bytes.
Result<Bytes> gunzip(ByteView bytes) {
  z_stream z{};
  if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) return base::fail(Code::internal, "[gzip] no memory");
  z.next_in = const_cast<Bytef*>(bytes.data());
  z.avail_in = static_cast<uInt>(std::min<std::size_t>(bytes.size(), UINT32_MAX));
  Bytes out;
  int state = Z_OK;
  while (state == Z_OK && out.size() < kMaxData) {
    const auto at = out.size();
    out.resize(at + (std::size_t{1} << 20));
    z.next_out = out.data() + at;
    z.avail_out = 1U << 20;
    state = inflate(&z, Z_NO_FLUSH);
    out.resize(out.size() - z.avail_out);
  }
  inflateEnd(&z);
  if (state != Z_STREAM_END) return base::fail(Code::malformed, "[gzip] broken or cut off after {} bytes", out.size());
  return out;
}

/// Lines with their numbers, without the ends of lines; empty ones are left out.
struct Line {
  std::string_view text;
  std::size_t number;
};
std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> out;
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!line.empty()) out.push_back({line, number});
  }
  return out;
}

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t' || s.front() == '"')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '"')) s.remove_suffix(1);
  return s;
}

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> out;
  for (;;) {
    const auto end = std::min(line.find(','), line.size());
    out.push_back(trimmed(line.substr(0, end)));
    if (end == line.size()) return out;
    line.remove_prefix(end + 1);
  }
}

Result<float> number(std::string_view cell, std::size_t line, std::string_view column) {
  float value = 0;
  const auto* end = cell.data() + cell.size();
  const auto read = std::from_chars(cell.data(), end, value);
  if (read.ec != std::errc{} || read.ptr != end || !std::isfinite(value))
    return base::fail(Code::malformed, "[csv] line {}, column {}: '{}': a number expected", line, column.substr(0, 60),
                      cell.substr(0, 60));
  return value;
}

}  // namespace

Result<Idx> read_idx(ByteView bytes) {
  Bytes unpacked;
  if (is_gzip(bytes)) {
    KOINON_TRY(unpacked, gunzip(bytes));
    bytes = unpacked;
  }
  if (bytes.size() < 4 || bytes[0] != 0 || bytes[1] != 0 || bytes[2] != 8 || bytes[3] < 1 || bytes[3] > 4)
    return base::fail(Code::malformed, "[idx] no idx of unsigned bytes with 1 to 4 axes");
  Idx out;
  std::size_t at = 4;
  for (int axis = 0; axis < bytes[3]; ++axis, at += 4) {
    if (bytes.size() < at + 4) return base::fail(Code::malformed, "[idx] cut off within its heading");
    const auto size =
        std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 | std::uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
    out.shape.push_back(size);
  }
  KOINON_CHECK(tensor::check_shape(out.shape));
  const auto count = static_cast<std::size_t>(tensor::element_count(out.shape));
  if (bytes.size() - at != count)
    return base::fail(Code::malformed, "[idx] {} bytes behind the heading: {} expected for {}", bytes.size() - at, count,
                      tensor::shape_text(out.shape));
  out.values.assign(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end());
  return out;
}

Result<DataSet> read_csv(ByteView bytes, const std::string& target, bool values) {
  const auto lines = lines_of(base::as_text(bytes));
  if (lines.size() < 2) return base::fail(Code::malformed, "[csv] {} lines: a heading and samples expected", lines.size());
  const auto heading = cells_of(lines[0].text);
  auto column = heading.size() - 1;
  if (!target.empty()) {
    column = static_cast<std::size_t>(std::find(heading.begin(), heading.end(), target) - heading.begin());
    if (column == heading.size())
      return base::fail(Code::invalid_argument, "[csv] no column '{}': line {} names {}", target, lines[0].number,
                        lines[0].text.substr(0, 200));
  }
  if (heading.size() < 2) return base::fail(Code::malformed, "[csv] line {}: two columns or more expected", lines[0].number);
  DataSet set;
  set.sample = {static_cast<std::int64_t>(heading.size() - 1)};
  std::vector<std::string_view> words;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto cells = cells_of(lines[i].text);
    if (cells.size() != heading.size())
      return base::fail(Code::malformed, "[csv] line {}: {} columns: {} expected", lines[i].number, cells.size(),
                        heading.size());
    for (std::size_t c = 0; c < cells.size(); ++c) {
      if (c == column && !values) {
        words.push_back(cells[c]);
        continue;
      }
      KOINON_TRY(const auto value, number(cells[c], lines[i].number, heading[c]));
      (c == column ? set.targets : set.numbers).push_back(value);
    }
    ++set.count;
  }
  if (values) return set;
  std::map<std::string_view, float> classes;
  for (auto w : words) classes.emplace(w, 0.0F);
  if (classes.size() > 65536)
    return base::fail(Code::out_of_range, "[csv] {} classes in column {}: at most 65536", classes.size(), heading[column]);
  for (auto& [word, index] : classes) {
    index = static_cast<float>(set.names.size());
    set.names.emplace_back(word);
  }
  for (auto w : words) set.targets.push_back(classes[w]);
  set.classes = static_cast<std::int64_t>(set.names.size());
  return set;
}

Result<DataSet> read_text(ByteView bytes, std::int64_t context) {
  if (context < 1 || context > 65536)
    return base::fail(Code::invalid_argument, "[text] context {}: 1 to 65536 expected", context);
  if (bytes.size() < static_cast<std::size_t>(context) + 1)
    return base::fail(Code::invalid_argument, "[text] {} bytes: more than the context of {} expected", bytes.size(), context);
  const std::set<std::uint8_t> letters(bytes.begin(), bytes.end());
  std::array<std::uint8_t, 256> token{};
  DataSet set;
  for (auto letter : letters) {
    token[letter] = static_cast<std::uint8_t>(set.names.size());
    set.names.emplace_back(1, static_cast<char>(letter));
  }
  set.kind = DataSet::Kind::text;
  set.sample = set.target = {context};
  set.classes = static_cast<std::int64_t>(letters.size());
  set.count = (bytes.size() - 1) / static_cast<std::size_t>(context);
  for (auto b : bytes.first(set.count * static_cast<std::size_t>(context) + 1)) set.bytes.push_back(token[b]);
  return set;
}

}  // namespace koinon::engine::train
