#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace koinon::base {

/// A share of 0 to 1 in percent, as the page writes it: whole numbers, one decimal below 10 and above 99. "0 %" and "100 %"
/// stand for exactly that: 0.0004 is "< 0.1 %", 0.99999 is "99.9 %".
inline std::string percent(double share) {
  const double value = 100 * share;
  if (value == 0) return "0 %";
  if (value < 0.1) return "< 0.1 %";
  if (value >= 10 && (value <= 99 || value >= 100)) return fmt::format("{:.0f} %", value);
  const double tenths = std::min(99.9, std::round(value * 10) / 10);
  return fmt::format("{:g} %", tenths);
}

}  // namespace koinon::base
