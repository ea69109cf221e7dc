#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace koinon::cli {

/// Progress of long work on stderr: a bar that redraws itself on a terminal, a line at each new stage elsewhere. Shows nothing
/// for work that ends within a second.
class Progress {
 public:
  /// `quiet` (for --json) draws nothing.
  explicit Progress(bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Names what is going on now.
  void stage(std::string name);
  /// `done` of `total` units of the stage; total 0: unknown, a moving mark is drawn.
  void update(std::uint64_t done, std::uint64_t total);
  /// Removes the bar.
  void finish();

 private:
  using Time = std::chrono::steady_clock::time_point;
  void draw(std::uint64_t done, std::uint64_t total);

  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  std::string stage_;
  Time started_;
  Time last_draw_;
};

/// A bar of `width` cells filled to done/total.
std::string bar(std::uint64_t done, std::uint64_t total, std::size_t width);

}  // namespace koinon::cli
