#include "cli/terminal/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace koinon::cli {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFirstDraw{1000};
constexpr milliseconds kRedraw{100};
constexpr milliseconds kLine{5000};  ///< between two lines where nothing can be redrawn
constexpr std::size_t kBarWidth = 24;

double seconds_since(steady_clock::time_point start) { return duration<double>(steady_clock::now() - start).count(); }

}  // namespace

std::string bar(std::uint64_t done, std::uint64_t total, std::size_t width) {
  const auto filled = total == 0
                          ? 0
                          : static_cast<std::size_t>(static_cast<double>(width) * static_cast<double>(std::min(done, total)) /
                                                     static_cast<double>(total));
  std::string out;
  for (std::size_t i = 0; i < width; ++i) out += i < filled ? "█" : "░";
  return out;
}

Progress::Progress(bool lines)
    : terminal_(!lines && ::isatty(STDERR_FILENO) == 1), started_(steady_clock::now()), last_draw_(started_) {}

Progress::~Progress() { finish(); }

void Progress::stage(std::string name, std::string detail) {
  if (name == stage_) return;
  stage_ = std::move(name);
  detail_ = std::move(detail);
  if (terminal_)
    draw(0, 0);
  else
    std::fprintf(stderr, "%s%s%s\n", stage_.c_str(), detail_.empty() ? "" : ", ", detail_.c_str());
}

void Progress::update(std::uint64_t done, std::uint64_t total) {
  const auto now = steady_clock::now();
  if (terminal_ ? now - started_ < kFirstDraw || now - last_draw_ < kRedraw : total == 0 || now - last_draw_ < kLine) return;
  if (terminal_) return draw(done, total);
  last_draw_ = now;
  std::fprintf(stderr, "%s%s%.0f %% after %.0f s\n", stage_.c_str(), stage_.empty() ? "" : ": ",
               100.0 * static_cast<double>(done) / static_cast<double>(total), seconds_since(started_));
}

void Progress::draw(std::uint64_t done, std::uint64_t total) {
  last_draw_ = steady_clock::now();
  drawn_ = true;
  const auto seconds = seconds_since(started_);
  auto line = fmt::format("\r\x1b[K{}{}{}", stage_, detail_.empty() ? "" : ", ", detail_);
  if (total != 0) {
    line += fmt::format("  {} {:3.0f} %", bar(done, total, kBarWidth),
                        100.0 * static_cast<double>(done) / static_cast<double>(total));
    if (done != 0)
      line += fmt::format("  {:.0f} s left", seconds * (static_cast<double>(total) / static_cast<double>(done) - 1.0));
  } else {
    line += fmt::format("  {:.1f} s", seconds);
  }
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

void Progress::finish() {
  if (!drawn_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace koinon::cli
