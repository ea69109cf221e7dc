#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace koinon::engine::kernels {

/// Bytes that begin at a multiple of 64 and are not cleared. Loads of up to 64 bytes may begin at any byte inside: as many lie
/// behind the end.
class Buffer {
 public:
  static constexpr std::size_t kAlign = 64;

  Buffer() = default;
  explicit Buffer(std::size_t size)
      : size_(size), bytes_(static_cast<std::uint8_t*>(std::aligned_alloc(kAlign, (size / kAlign + 2) * kAlign))) {
    if (bytes_ == nullptr) throw std::bad_alloc();
  }
  [[nodiscard]] std::uint8_t* data() const { return bytes_.get(); }
  template <class T>
  [[nodiscard]] T* as() const {
    return reinterpret_cast<T*>(bytes_.get());
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(std::uint8_t* p) const { std::free(p); }
  };
  std::size_t size_ = 0;
  std::unique_ptr<std::uint8_t, Free> bytes_;
};

}  // namespace koinon::engine::kernels
