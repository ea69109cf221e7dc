#pragma once
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

namespace koinon::net {

/// How often each client may ask: a bucket that holds `burst` requests and fills at `per_second`. Thread-safe.
class RateLimit {
 public:
  /// Of no limit when `per_second` is 0.
  RateLimit(std::uint32_t per_second, std::uint32_t burst);
  /// Takes one request out of the client's bucket. Returns 0, or how many milliseconds there is none; times must not fall.
  std::int64_t ask(const std::string& client, std::int64_t now_ms);

  /// Clients that are told apart. A bucket that is full again is forgotten; beyond this many that are not, newcomers share one.
  static constexpr std::size_t kMostClients = 65'536;

 private:
  struct Bucket {
    std::int64_t level;  ///< thousandths of a request
    std::int64_t at_ms;
  };

  void forget_full(std::int64_t now_ms);
  [[nodiscard]] std::int64_t level(const Bucket& bucket, std::int64_t now_ms) const;

  const std::int64_t per_second_, most_;  ///< most_: thousandths
  std::mutex lock_;
  std::unordered_map<std::string, Bucket> buckets_;  ///< guarded by lock_
  std::size_t sweep_at_ = 1024;                      ///< buckets that make it worth to look for full ones; guarded by lock_
  std::int64_t next_sweep_ms_ = 0;                   ///< guarded by lock_
};

}  // namespace koinon::net
