#include "net/body_source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "net/text.hpp"

namespace koinon::net {
namespace {

std::optional<std::uint64_t> digits(std::string_view text) {
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

}  // namespace

struct BodySource::File {
  explicit File(int descriptor) : fd(descriptor) {}
  ~File() { ::close(fd); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const int fd;
};

Result<BodySource> BodySource::open(Body body) {
  BodySource out;
  if (const auto* file = std::get_if<FileBody>(&body)) {
    const int fd = ::open(file->path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return base::fail(errno == ENOENT ? Code::not_found : Code::io, "[http] the file of the body cannot be opened");
    out.file_ = std::make_shared<File>(fd);
    struct stat info{};
    if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return base::fail(Code::not_found, "[http] the body is not a file");
    out.size_ = static_cast<std::uint64_t>(info.st_size);
  } else if (std::holds_alternative<StreamBody>(body)) {
    out.size_ = UINT64_MAX;
  } else if (const auto* produced = std::get_if<ProducedBody>(&body)) {
    out.size_ = produced->size;
  } else {
    out.size_ = std::get<std::string>(body).size();
  }
  out.body_ = std::move(body);
  return out;
}

Result<std::string> BodySource::read(std::uint64_t offset, std::uint64_t limit) {
  if (const auto* stream = std::get_if<StreamBody>(&body_)) return stream->next();
  const auto most = static_cast<std::size_t>(std::min({limit, size_ - offset, std::uint64_t{kPiece}}));
  if (const auto* text = std::get_if<std::string>(&body_)) return text->substr(static_cast<std::size_t>(offset), most);
  if (const auto* produced = std::get_if<ProducedBody>(&body_)) {
    KOINON_TRY(auto piece, produced->produce(offset));
    if (piece.empty()) return base::fail(Code::io, "[http] the body ended at {} of {} bytes", offset, size_);
    if (piece.size() > limit) piece.resize(static_cast<std::size_t>(limit));
    return piece;
  }
  std::string out(most, '\0');
  for (;;) {
    const auto n = ::pread(file_->fd, out.data(), most, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return base::fail(Code::io, "[http] the file of the body ended at {} of {} bytes", offset, size_);
    out.resize(static_cast<std::size_t>(n));
    return out;
  }
}

Result<std::optional<ByteRange>> parse_range(std::string_view field, std::uint64_t size) {
  field = trimmed(field);
  if (field.size() < 6 || !equal_without_case(field.substr(0, 6), "bytes=")) return std::nullopt;
  field = trimmed(field.substr(6));
  const auto dash = field.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first_text = trimmed(field.substr(0, dash));
  const auto last_text = trimmed(field.substr(dash + 1));
  const auto first = digits(first_text);
  const auto last = digits(last_text);
  if (first_text.empty()) {
    if (!last) return std::nullopt;
    if (*last == 0 || size == 0) return base::fail(Code::out_of_range, "[http] range of no byte");
    return ByteRange{size - std::min(size, *last), size - 1};
  }
  if (!first || (!last && !last_text.empty()) || (last && *last < *first)) return std::nullopt;
  if (*first >= size) return base::fail(Code::out_of_range, "[http] range from {}: the body has {} bytes", *first, size);
  return ByteRange{*first, std::min(last.value_or(size - 1), size - 1)};
}

}  // namespace koinon::net
