#include "net/rate_limit.hpp"

#include <algorithm>

namespace koinon::net {

RateLimit::RateLimit(std::uint32_t per_second, std::uint32_t burst)
    : per_second_(per_second), most_(std::max<std::int64_t>(burst, 1) * 1000) {}

std::int64_t RateLimit::level(const Bucket& bucket, std::int64_t now_ms) const {
  const std::int64_t to_fill = (most_ - bucket.level + per_second_ - 1) / per_second_;
  const std::int64_t passed = std::max<std::int64_t>(now_ms - bucket.at_ms, 0);
  return passed >= to_fill ? most_ : bucket.level + passed * per_second_;
}

void RateLimit::forget_full(std::int64_t now_ms) {
  std::erase_if(buckets_, [&](const auto& entry) { return level(entry.second, now_ms) == most_; });
  sweep_at_ = std::clamp<std::size_t>(2 * buckets_.size(), 1024, kMostClients);
  next_sweep_ms_ = now_ms + 1000;
}

std::int64_t RateLimit::ask(const std::string& client, std::int64_t now_ms) {
  if (per_second_ == 0) return 0;
  const std::lock_guard hold(lock_);
  auto at = buckets_.find(client);
  if (at == buckets_.end()) {
    if (buckets_.size() >= sweep_at_ && now_ms >= next_sweep_ms_) forget_full(now_ms);
    at = buckets_.try_emplace(buckets_.size() < kMostClients ? client : std::string(), Bucket{most_, now_ms}).first;
  }
  Bucket& bucket = at->second;
  bucket = {level(bucket, now_ms), now_ms};
  if (bucket.level < 1000) return (1000 - bucket.level + per_second_ - 1) / per_second_;
  bucket.level -= 1000;
  return 0;
}

}  // namespace koinon::net
