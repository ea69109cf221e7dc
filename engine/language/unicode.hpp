#pragma once

namespace koinon::engine::language {

/// Categories L and N of Unicode, and its property White_Space (make_unicode.py).
bool is_letter(char32_t c);
bool is_number(char32_t c);
bool is_space(char32_t c);

}  // namespace koinon::engine::language
