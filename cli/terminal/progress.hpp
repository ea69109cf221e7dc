#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace koinon::cli {

/// Progress of long work on stderr: a bar that redraws itself on a terminal; elsewhere a line at each new stage, and how far it
/// is every few seconds. Shows no bar for work that ends within a second.
class Progress {
 public:
  /// `lines` (for --json): lines even on a terminal.
  explicit Progress(bool lines);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Names what is going on now, and how long it may take, say: the detail that a line begins with.
  void stage(std::string name, std::string detail = "");
  /// What stands behind the stage's name and changes all the time, such as the time left; only a bar shows it.
  void detail(std::string text) { detail_ = std::move(text); }
  /// `done` of `total` units of the stage; total 0: unknown, a moving mark is drawn.
  void update(std::uint64_t done, std::uint64_t total);
  /// Removes the bar.
  void finish();

 private:
  using Time = std::chrono::steady_clock::time_point;
  void draw(std::uint64_t done, std::uint64_t total);

  bool terminal_;
  bool drawn_ = false;
  std::string stage_, detail_;
  Time started_;
  Time last_draw_;
};

/// A bar of `width` cells filled to done/total.
std::string bar(std::uint64_t done, std::uint64_t total, std::size_t width);

}  // namespace koinon::cli
