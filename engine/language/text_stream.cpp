#include "engine/language/text_stream.hpp"

#include <cstddef>
#include <string_view>

namespace koinon::engine::language {
namespace {

constexpr const char* kReplacement = "\xef\xbf\xbd";

/// Bytes of a character by its first; 0 where none begins.
std::size_t size_of(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/// How many of the first `size` bytes can be a part of one character.
std::size_t fitting(std::string_view text, std::size_t size) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t n = 1;
  while (n < size && n < text.size()) {
    unsigned low = 0x80, high = 0xbf;
    if (n == 1 && byte(0) == 0xe0) low = 0xa0;
    if (n == 1 && byte(0) == 0xed) high = 0x9f;  // surrogates
    if (n == 1 && byte(0) == 0xf0) low = 0x90;
    if (n == 1 && byte(0) == 0xf4) high = 0x8f;
    if (byte(n) < low || byte(n) > high) break;
    ++n;
  }
  return n;
}

bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return (first < 0x20 && first != '\n' && first != '\t') || first == 0x7f;
  return first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

}  // namespace

std::string TextStream::add(const std::string& bytes) {
  waiting_ += bytes;
  const std::string_view all = waiting_;
  std::string out;
  std::size_t at = 0;
  while (at < all.size()) {
    const auto size = size_of(static_cast<unsigned char>(all[at]));
    const auto there = size == 0 ? 1 : fitting(all.substr(at), size);
    if (size > 0 && there == size) {
      const auto character = all.substr(at, size);
      out += is_control(character) ? "?" : character;
    } else if (size > 0 && at + there == all.size()) {
      break;  // the rest may come
    } else {
      out += kReplacement;
    }
    at += there;
  }
  waiting_.erase(0, at);
  return out;
}

std::string TextStream::finish() {
  const bool left = !waiting_.empty();
  waiting_.clear();
  return left ? kReplacement : "";
}

std::string TextStream::whole(const std::string& bytes) {
  TextStream stream;
  auto out = stream.add(bytes);
  return out + stream.finish();
}

}  // namespace koinon::engine::language
