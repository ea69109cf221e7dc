#include "base/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace koinon::base {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warn: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto out = std::make_shared<spdlog::logger>("koinon", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    out->set_pattern("%H:%M:%S.%e %^%l%$ %v");
    out->flush_on(spdlog::level::info);
    if (const char* level = std::getenv("KOINON_LOG")) out->set_level(spdlog::level::from_str(level));
    return out;
  }();
  return *instance;
}

}  // namespace

void log_line(LogLevel level, std::string_view text) { logger().log(to_spdlog(level), "{}", text); }

void set_log_level(LogLevel level) {
  if (std::getenv("KOINON_LOG") == nullptr) logger().set_level(to_spdlog(level));
}

}  // namespace koinon::base
