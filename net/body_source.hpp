#pragma once
#include <memory>
#include <optional>

#include "net/http.hpp"

namespace koinon::net {

/// An opened response body that is read piece by piece.
class BodySource {
 public:
  static constexpr std::size_t kPiece = 256u << 10;  ///< most bytes of one read

  /// Errors: not_found or io when a file cannot be opened.
  static Result<BodySource> open(Body body);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// True when reading may block (a file or a producer).
  [[nodiscard]] bool streams() const { return !std::holds_alternative<std::string>(body_); }
  /// True when nobody knows the size: read() then gives the next piece, whatever the offset, and an empty one at the end.
  [[nodiscard]] bool is_endless() const { return std::holds_alternative<StreamBody>(body_); }
  /// The bytes from `offset`, at least one and at most `limit`. Precondition: offset < size() and limit > 0.
  /// Errors: io when the file shrank, or what the producer gives.
  Result<std::string> read(std::uint64_t offset, std::uint64_t limit);

 private:
  struct File;
  Body body_;
  std::uint64_t size_ = 0;
  std::shared_ptr<File> file_;  ///< shared, because a std::function that holds a source must be copyable
};

/// Both ends included.
struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

/// Reads a Range header field for a body of `size` bytes (RFC 9110, section 14). Nothing when the field is to be ignored
/// (another unit, several ranges, not well-formed). Errors: out_of_range when no byte of the body is wanted (416).
Result<std::optional<ByteRange>> parse_range(std::string_view field, std::uint64_t size);

}  // namespace koinon::net
