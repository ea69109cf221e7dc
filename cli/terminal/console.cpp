#include "cli/terminal/console.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace koinon::cli {

void Console::print(std::string_view text) const {
  if (!json_) std::fwrite(text.data(), 1, text.size(), stdout);
}

void Console::object(const nlohmann::json& value) const {
  if (!json_) return;
  const auto text = value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void Console::note(std::string_view text) const { std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data()); }

void Console::failure(const base::Error& error) const {
  note("koinon: " + error.text);
  failed(error.code, error.text);
}

void Console::failed(base::Code code, std::string_view text) const {
  object({{"error", {{"code", base::code_name(code)}, {"text", text}}}});
}

std::string clean(std::string_view text, std::size_t limit) {
  std::string out;
  for (std::size_t i = 0; i < text.size() && out.size() < limit; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c1) ++i;
    out += byte < 0x20 || byte == 0x7f || c1 ? '?' : text[i];
  }
  if (out.size() == limit && limit < text.size())
    while (!out.empty() && (static_cast<unsigned char>(text[out.size()]) & 0xc0) == 0x80) out.pop_back();
  return out;
}

std::string clean_end(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return clean(text, limit);
  std::size_t from = text.size() - limit + 1;
  while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xc0) == 0x80) ++from;
  return "…" + clean(text.substr(from), limit);
}

std::string size_text(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string seconds_text(double seconds) {
  if (seconds < 1) return fmt::format("{:.1f} ms", seconds * 1000);
  return fmt::format("{:.1f} s", seconds);
}

tl::unexpected<base::Error> advise(base::Error error, std::string_view next) {
  error.text += fmt::format("\n  Next: {}", next);
  return base::fail(std::move(error));
}

}  // namespace koinon::cli
