#include "trust/private/memory.hpp"

#include <map>
#include <mutex>
#include <new>
#include <vector>

namespace koinon::trust::fhe {
namespace {

constexpr std::align_val_t kLine{64};
constexpr std::size_t kSmallest = std::size_t{64} << 10;  // smaller ones the system's allocator serves without mapping
constexpr std::size_t kHeld = std::size_t{256} << 20;

/// Blocks that were given back, by size.
struct Shelf {
  std::mutex mutex;
  std::map<std::size_t, std::vector<void*>> blocks;  // guarded by mutex, with held
  std::size_t held = 0;
};

/// Never destroyed: polynomials of static storage may outlive any order of destruction.
Shelf& shelf() {
  static auto* const kShelf = new Shelf;
  return *kShelf;
}

}  // namespace

void* take_block(std::size_t bytes) {
  if (bytes >= kSmallest) {
    auto& from = shelf();
    const std::lock_guard lock(from.mutex);
    auto found = from.blocks.find(bytes);
    if (found != from.blocks.end() && !found->second.empty()) {
      auto* block = found->second.back();
      found->second.pop_back();
      from.held -= bytes;
      return block;
    }
  }
  return ::operator new(bytes, kLine);
}

void give_block(void* block, std::size_t bytes) noexcept {
  if (bytes >= kSmallest) {
    auto& to = shelf();
    const std::lock_guard lock(to.mutex);
    if (to.held + bytes <= kHeld) {
      try {
        to.blocks[bytes].push_back(block);
        to.held += bytes;
        return;
      } catch (const std::bad_alloc&) {  // no room to remember it: let it go
      }
    }
  }
  ::operator delete(block, kLine);
}

}  // namespace koinon::trust::fhe
