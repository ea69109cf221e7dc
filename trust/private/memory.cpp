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

/// The list of a size with room for one more, or null when there is no memory to remember a block in.
std::vector<void*>* list_of(Shelf& shelf, std::size_t bytes) {
  try {
    auto& list = shelf.blocks[bytes];
    if (list.size() == list.capacity()) list.reserve(2 * list.size() + 8);
    return &list;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
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
      if (auto* list = list_of(to, bytes); list != nullptr) {
        list->push_back(block);
        to.held += bytes;
        return;
      }
    }
  }
  ::operator delete(block, kLine);
}

}  // namespace koinon::trust::fhe
