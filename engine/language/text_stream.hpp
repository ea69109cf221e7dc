#pragma once
#include <string>

namespace koinon::engine::language {

/// Text that comes in pieces of bytes, such as tokens, made safe for a terminal and whole: a character is given out when all of
/// its bytes are there, bytes that are not UTF-8 become U+FFFD, control characters other than newline and tab become '?'.
class TextStream {
 public:
  /// Takes more bytes; what can be shown now.
  std::string add(const std::string& bytes);
  /// What is left at the end.
  std::string finish();
  /// A whole text at once.
  static std::string whole(const std::string& bytes);

 private:
  std::string waiting_;
};

}  // namespace koinon::engine::language
