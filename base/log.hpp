#pragma once
#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace koinon::base {

enum class LogLevel { debug, info, warn, error };

/// Writes one line to stderr: time, level, text. Thread-safe. Never pass a secret.
void log_line(LogLevel level, std::string_view text);
/// Lines below `level` are dropped. The default is info; KOINON_LOG=debug|info|warn|error overrides it.
void set_log_level(LogLevel level);

template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::warn, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace koinon::base
