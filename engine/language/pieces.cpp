#include "engine/language/pieces.hpp"

#include <cstddef>
#include <cstdint>

#include "engine/language/unicode.hpp"

namespace koinon::engine::language {
namespace {

enum class Sort : std::uint8_t { space, letter, number, other };

struct Character {
  std::size_t size;
  Sort sort;
};

/// The character at the front of a text that is not empty.
Character front(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = byte(0);
  const std::size_t size = first < 0x80                    ? 1
                           : first >= 0xc2 && first < 0xe0 ? 2
                           : first >= 0xe0 && first < 0xf0 ? 3
                           : first >= 0xf0 && first < 0xf5 ? 4
                                                           : 0;
  if (size == 0 || size > text.size()) return {1, Sort::other};
  char32_t code = size == 1 ? first : first & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return {1, Sort::other};
    code = code << 6 | (byte(i) & 0x3fU);
  }
  static constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {1, Sort::other};
  return {size, is_space(code) ? Sort::space : is_letter(code) ? Sort::letter : is_number(code) ? Sort::number : Sort::other};
}

std::size_t contraction(std::string_view text) {
  for (std::string_view end : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.starts_with(end)) return end.size();
  return 0;
}

/// Bytes of the characters of one sort at `at`.
std::size_t run_of(std::string_view text, std::size_t at, Sort sort) {
  std::size_t size = 0;
  while (at + size < text.size()) {
    const auto c = front(text.substr(at + size));
    if (c.sort != sort) break;
    size += c.size;
  }
  return size;
}

/// Bytes of white space: all of it at the end of the text, else without the last character, unless it is the only one.
std::size_t spaces(std::string_view text) {
  std::size_t size = 0, before = 0;
  while (size < text.size()) {
    const auto c = front(text.substr(size));
    if (c.sort != Sort::space) break;
    before = size;
    size += c.size;
  }
  return size == text.size() || before == 0 ? size : before;
}

std::size_t piece(std::string_view text) {
  if (const auto size = contraction(text); size > 0) return size;
  const std::size_t lead = text[0] == ' ' ? 1 : 0;
  if (lead < text.size()) {
    const auto sort = front(text.substr(lead)).sort;
    if (sort != Sort::space) return lead + run_of(text, lead, sort);
  }
  return spaces(text);
}

}  // namespace

std::vector<std::string_view> gpt2_pieces(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const auto size = piece(text);
    out.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace koinon::engine::language
