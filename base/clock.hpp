#pragma once
#include <atomic>
#include <cstdint>
#include <string>

namespace koinon::base {

/// Milliseconds since the Unix epoch. An interface, so that tests and simulations own time.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual std::int64_t now_ms() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t now_ms() const override;
};

/// A clock that a test moves by hand. Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::int64_t start_ms = 0) : now_(start_ms) {}
  [[nodiscard]] std::int64_t now_ms() const override { return now_; }
  void advance(std::int64_t ms) { now_ += ms; }

 private:
  std::atomic<std::int64_t> now_;
};

/// A time as RFC 3339 writes it: "2026-11-23T10:15:30.123Z".
std::string timestamp(std::int64_t unix_ms);

}  // namespace koinon::base
