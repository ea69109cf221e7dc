#include "base/clock.hpp"

#include <fmt/format.h>

#include <chrono>
#include <ctime>

namespace koinon::base {

std::int64_t SystemClock::now_ms() const {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::string timestamp(std::int64_t unix_ms) {
  const auto ms = (unix_ms % 1000 + 1000) % 1000;
  const std::time_t seconds = (unix_ms - ms) / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                     utc.tm_min, utc.tm_sec, ms);
}

}  // namespace koinon::base
