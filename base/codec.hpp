#pragma once
#include <bit>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace koinon::base {

/// Appends canonical little-endian bytes. Variable-length fields carry a u32 (blob, text) length.
class Writer {
 public:
  template <std::integral T>
  void number(T value) {
    auto v = static_cast<std::make_unsigned_t<T>>(value);
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      out_.push_back(static_cast<std::uint8_t>(v & 0xff));
      if constexpr (sizeof(T) > 1) v = static_cast<std::make_unsigned_t<T>>(v >> 8);
    }
  }
  void raw(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void blob(ByteView bytes) {
    number(static_cast<std::uint32_t>(bytes.size()));
    raw(bytes);
  }
  void text(std::string_view value) { blob(as_bytes(value)); }
  [[nodiscard]] std::size_t size() const { return out_.size(); }
  [[nodiscard]] const Bytes& bytes() const { return out_; }
  [[nodiscard]] Bytes take() && { return std::move(out_); }

 private:
  Bytes out_;
};

/// Reads what Writer wrote, from bytes that nobody vouches for. Every read is bounded by what is left, so a hostile length
/// never allocates more than the input's own size. Errors: malformed, naming the position.
class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes) {}

  template <std::integral T>
  Result<T> number() {
    if (left() < sizeof(T)) return short_of(sizeof(T));
    std::make_unsigned_t<T> v = 0;
    for (std::size_t i = sizeof(T); i-- > 0;) {
      if constexpr (sizeof(T) > 1) v = static_cast<std::make_unsigned_t<T>>(v << 8);
      v = static_cast<std::make_unsigned_t<T>>(v | bytes_[at_ + i]);
    }
    at_ += sizeof(T);
    return static_cast<T>(v);
  }
  Result<ByteView> raw(std::size_t size) {
    if (left() < size) return short_of(size);
    auto out = bytes_.subspan(at_, size);
    at_ += size;
    return out;
  }
  /// A blob of at most `limit` bytes, borrowed from the input.
  Result<ByteView> blob(std::size_t limit) {
    KOINON_TRY(auto size, number<std::uint32_t>());
    if (size > limit) return fail(Code::malformed, "[decode] length {} at byte {}: at most {}", size, at_ - 4, limit);
    return raw(size);
  }
  Result<std::string> text(std::size_t limit) {
    KOINON_TRY(auto view, blob(limit));
    return std::string(as_text(view));
  }
  template <std::size_t N>
  Result<FixedBytes<N>> fixed_bytes() {
    KOINON_TRY(auto view, raw(N));
    return fixed<N>(view);
  }
  /// Succeeds only when every byte was read: trailing bytes would give one object two encodings.
  Status finish() const {
    if (left() != 0) return fail(Code::malformed, "[decode] {} bytes after the end at byte {}", left(), at_);
    return {};
  }
  [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }
  [[nodiscard]] std::size_t position() const { return at_; }

 private:
  [[nodiscard]] tl::unexpected<Error> short_of(std::size_t size) const {
    return fail(Code::malformed, "[decode] {} bytes left at byte {}: {} expected", left(), at_, size);
  }
  ByteView bytes_;
  std::size_t at_ = 0;
};

}  // namespace koinon::base
