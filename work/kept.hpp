#pragma once
#include <map>
#include <memory>
#include <mutex>

#include "base/hash.hpp"

namespace koinon::work {

/// What was made of artifacts, kept for the next order that names the same: those used last, within `limit` bytes. A larger one
/// is made for its order alone. T tells what it takes by bytes(), never zero.
///
/// Threads: any may use it. Who asks first makes it; others that ask for the same meanwhile wait and do not make it again.
template <class T>
class Kept {
 public:
  using Ptr = std::shared_ptr<const T>;  // shared with the orders that are under way

  explicit Kept(std::uint64_t limit) : limit_(limit) {}

  /// What is kept for `id`, or what `make` gives. Errors: those of `make`, which is then tried again by who asks next.
  template <class Make>
  base::Result<Ptr> get(const base::Hash& id, Make&& make) {
    const auto slot = slot_of(id);
    const std::lock_guard lock(slot->mutex);
    if (slot->held != nullptr) return slot->held;
    base::Result<Ptr> made = make();
    if (made) slot->held = *made;
    account(id, slot, made ? (*made)->bytes() : 0);
    return made;
  }

 private:
  struct Slot {
    std::mutex mutex;
    Ptr held;  // guarded by mutex
  };
  struct Item {
    std::shared_ptr<Slot> slot;         // shared with who waits for it
    std::uint64_t bytes = 0, used = 0;  // when it was last asked for
  };

  std::shared_ptr<Slot> slot_of(const base::Hash& id) {
    const std::lock_guard lock(mutex_);
    auto& item = items_[id];
    if (item.slot == nullptr) item.slot = std::make_shared<Slot>();
    item.used = ++clock_;
    return item.slot;
  }

  /// Counts what a slot holds now, drops the slot when that is nothing or too much, and those used longest ago.
  void account(const base::Hash& id, const std::shared_ptr<Slot>& slot, std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto at = items_.find(id);
    if (at == items_.end() || at->second.slot != slot) return;
    if (bytes == 0 || bytes > limit_) {
      items_.erase(at);
      return;
    }
    at->second.bytes = bytes;
    held_ += bytes;
    while (held_ > limit_) {
      // Those that are being made have no bytes yet.
      auto oldest = items_.end();
      for (auto it = items_.begin(); it != items_.end(); ++it)
        if (it->second.bytes > 0 && (oldest == items_.end() || it->second.used < oldest->second.used)) oldest = it;
      held_ -= oldest->second.bytes;
      items_.erase(oldest);
    }
  }

  const std::uint64_t limit_;
  std::mutex mutex_;  // guards what follows
  std::map<base::Hash, Item> items_;
  std::uint64_t held_ = 0, clock_ = 0;  // bytes of all; counts what was asked for
};

}  // namespace koinon::work
