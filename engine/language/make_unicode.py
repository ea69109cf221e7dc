#!/usr/bin/python3
"""Writes unicode.cpp: which characters are letters (category L) and numbers (category N), from Python's unicodedata.

    /usr/bin/python3 engine/language/make_unicode.py > engine/language/unicode.cpp && clang-format-19 -i engine/language/unicode.cpp
"""
import unicodedata


def ranges(category):
    out = []
    for code in range(0x110000):
        if unicodedata.category(chr(code))[0] != category:
            continue
        if out and out[-1][1] == code - 1:
            out[-1][1] = code
        else:
            out.append([code, code])
    return out


def table(name, category):
    pairs = [f"{{{a:#x}, {b:#x}}}" for a, b in ranges(category)]
    lines = [", ".join(pairs[i : i + 6]) for i in range(0, len(pairs), 6)]
    return f"constexpr Range {name}[] = {{\n    " + ",\n    ".join(lines) + "};\n"


print(f"""// Letters and numbers of Unicode {unicodedata.unidata_version}. Written by make_unicode.py.
#include "engine/language/unicode.hpp"

#include <algorithm>
#include <iterator>

namespace koinon::engine::language {{
namespace {{

struct Range {{
  char32_t first, last;
}};

// clang-format off
{table("kLetters", "L")}{table("kNumbers", "N")}// clang-format on

template <std::size_t N>
bool within(const Range (&ranges)[N], char32_t c) {{
  const auto* found = std::upper_bound(std::begin(ranges), std::end(ranges), c, [](char32_t v, const Range& r) {{ return v < r.first; }});
  return found != std::begin(ranges) && c <= std::prev(found)->last;
}}

}}  // namespace

bool is_letter(char32_t c) {{ return within(kLetters, c); }}
bool is_number(char32_t c) {{ return within(kNumbers, c); }}
bool is_space(char32_t c) {{
  return (c >= 9 && c <= 13) || c == 32 || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
         c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}}

}}  // namespace koinon::engine::language""")
