#include "engine/program/format.hpp"

namespace koinon::engine::program {
namespace {

// Length of the sequence that a lead byte opens, 0 for no lead byte, and the smallest code point that may use it.
struct Lead {
  std::size_t length;
  std::uint32_t bits, least;
};

Lead lead_of(unsigned char c) {
  if (c < 0x80) return {1, c, 0};
  if (c >= 0xc2 && c < 0xe0) return {2, c & 0x1fU, 0x80};
  if (c >= 0xe0 && c < 0xf0) return {3, c & 0x0fU, 0x800};
  if (c >= 0xf0 && c < 0xf5) return {4, c & 0x07U, 0x10000};
  return {0, 0, 0};
}

}  // namespace

bool printable_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const Lead lead = lead_of(static_cast<unsigned char>(text[i]));
    if (lead.length == 0 || lead.length > text.size() - i) return false;
    std::uint32_t point = lead.bits;
    for (std::size_t j = 1; j < lead.length; ++j) {
      const auto c = static_cast<unsigned char>(text[i + j]);
      if ((c & 0xc0) != 0x80) return false;
      point = point << 6 | (c & 0x3fU);
    }
    const bool control = point < 0x20 ? point != '\n' && point != '\t' : point >= 0x7f && point < 0xa0;
    if (point < lead.least || point > 0x10ffff || (point >= 0xd800 && point < 0xe000) || control) return false;
    i += lead.length;
  }
  return true;
}

}  // namespace koinon::engine::program
