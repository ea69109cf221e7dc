#include "engine/run/packs.hpp"

namespace koinon::engine::run {

Packs::Shared Packs::get(const base::Hash& key, const std::function<kernels::Filters()>& make) {
  const auto find = [&]() -> Shared {
    const auto at = held_.find(key);
    return at == held_.end() ? nullptr : at->second.lock();
  };
  {
    const std::lock_guard lock(mutex_);
    if (auto there = find()) return there;
  }
  auto made = std::make_shared<const kernels::Filters>(make());
  const std::lock_guard lock(mutex_);
  if (auto there = find()) return there;  // another thread was faster
  std::erase_if(held_, [](const auto& entry) { return entry.second.expired(); });
  held_[key] = made;
  return made;
}

}  // namespace koinon::engine::run
