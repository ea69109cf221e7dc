#include "work/sandbox/launcher/arguments.hpp"

#include <charconv>
#include <limits>
#include <string_view>

namespace koinon::work::sandbox {
namespace {

template <class T>
bool number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool inside(std::string_view path) {
  return path.size() > 1 && path.front() == '/' && path.find("..") == std::string_view::npos;
}

}  // namespace

std::string parse(int count, char** words, Arguments& out) {
  int at = 1;
  const auto values = [&](int wanted) { return at + wanted < count; };
  for (; at < count && std::string_view(words[at]) != "--"; ++at) {
    const std::string option = words[at];
    if (option == "--view" && values(2)) {
      out.views.push_back({words[at + 1], words[at + 2]});
      at += 2;
      if (!inside(out.views.back().to)) return "--view: " + out.views.back().to + " is no absolute path without '..'";
      continue;
    }
    if (!values(1)) return option + ": unknown, or its value is missing";
    const std::string value = words[++at];
    bool good = true;
    if (option == "--root")
      out.root = value;
    else if (option == "--identity")
      good = number(value, out.identity);
    else if (option == "--scratch")
      good = number(value, out.scratch_bytes);
    else if (option == "--scratch-files")
      good = number(value, out.scratch_files);
    else if (option == "--open-files")
      good = number(value, out.open_files);
    else
      return option + ": unknown";
    if (!good) return option + ": " + value + " is no number that fits";
  }
  if (at + 1 >= count) return "no program: -- PROGRAM [ARGUMENT]... comes last";
  out.program.assign(words + at + 1, words + count);
  if (!inside(out.program.front())) return "the program " + out.program.front() + " is no absolute path without '..'";
  return {};
}

}  // namespace koinon::work::sandbox
