#include "ledger/local/journal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/codec.hpp"
#include "base/file.hpp"
#include "base/hash.hpp"

namespace koinon::ledger::local {
namespace {

constexpr std::size_t kMaxPayload = 1u << 20;
constexpr std::uint64_t kMaxFile = std::uint64_t{4} << 30;

std::uint32_t check_of(ByteView payload) {
  const auto digest = base::sha256(payload);
  std::uint32_t out = 0;
  for (std::size_t i = 4; i-- > 0;) out = (out << 8) | digest.bytes[i];
  return out;
}

Result<JournalRecord> read_payload(ByteView payload) {
  base::Reader reader(payload);
  JournalRecord out;
  KOINON_TRY(const auto kind, reader.number<std::uint8_t>());
  if (kind < 1 || kind > 3) return fail(Code::malformed, "[journal] record kind {}: 1 to 3 expected", kind);
  out.kind = static_cast<JournalRecord::Kind>(kind);
  if (out.kind == JournalRecord::Kind::transaction) {
    KOINON_TRY(const auto raw, reader.raw(reader.left()));
    out.raw.assign(raw.begin(), raw.end());
  } else if (out.kind == JournalRecord::Kind::block) {
    KOINON_TRY(out.number, reader.number<std::uint64_t>());
    KOINON_TRY(out.time, reader.number<std::uint64_t>());
  } else {
    KOINON_TRY(out.hash, reader.fixed_bytes<32>());
    KOINON_TRY(out.state_root, reader.fixed_bytes<32>());
  }
  KOINON_CHECK(reader.finish());
  return out;
}

/// The payload at the front, or nothing when it is torn or damaged.
std::optional<ByteView> whole_payload(ByteView bytes) {
  base::Reader reader(bytes);
  const auto size = reader.number<std::uint32_t>();
  const auto check = reader.number<std::uint32_t>();
  if (!size || !check || *size > kMaxPayload || *size == 0) return std::nullopt;
  const auto payload = reader.raw(*size);
  if (!payload || check_of(*payload) != *check) return std::nullopt;
  return *payload;
}

}  // namespace

JournalRecord JournalRecord::transaction(Bytes raw) {
  JournalRecord out;
  out.raw = std::move(raw);
  return out;
}

JournalRecord JournalRecord::block(std::uint64_t number, std::uint64_t time) {
  JournalRecord out;
  out.kind = Kind::block;
  out.number = number;
  out.time = time;
  return out;
}

JournalRecord JournalRecord::result(const Hash& hash, const Hash& state_root) {
  JournalRecord out;
  out.kind = Kind::result;
  out.hash = hash;
  out.state_root = state_root;
  return out;
}

Bytes encode_record(const JournalRecord& record) {
  base::Writer payload;
  payload.number(static_cast<std::uint8_t>(record.kind));
  if (record.kind == JournalRecord::Kind::transaction) payload.raw(record.raw);
  if (record.kind == JournalRecord::Kind::block) {
    payload.number(record.number);
    payload.number(record.time);
  }
  if (record.kind == JournalRecord::Kind::result) {
    payload.raw(record.hash.view());
    payload.raw(record.state_root.view());
  }
  base::Writer out;
  out.number(static_cast<std::uint32_t>(payload.size()));
  out.number(check_of(payload.bytes()));
  out.raw(payload.bytes());
  return std::move(out).take();
}

Result<JournalContent> read_journal(ByteView bytes) {
  JournalContent out;
  while (out.whole < bytes.size()) {
    const auto payload = whole_payload(bytes.subspan(out.whole));
    if (!payload) break;
    KOINON_TRY(auto record, read_payload(*payload));
    out.records.push_back(std::move(record));
    out.whole += 8 + payload->size();
  }
  // A crash tears the end alone. A damaged record whose successor is whole was changed by something else.
  const auto rest = bytes.subspan(out.whole);
  base::Reader reader(rest);
  if (const auto size = reader.number<std::uint32_t>(); size && *size > 0 && *size <= kMaxPayload &&
                                                        rest.size() > 8 + std::size_t{*size} &&
                                                        whole_payload(rest.subspan(8 + *size)))
    return fail(Code::malformed, "[journal] the record at byte {} is damaged, and whole ones follow it", out.whole);
  return out;
}

Result<Journal> Journal::open(const std::filesystem::path& file, std::vector<JournalRecord>& records) {
  records.clear();
  std::size_t whole = 0;
  if (std::filesystem::exists(file)) {
    KOINON_TRY(const auto bytes, base::read_file(file, kMaxFile));
    auto content = read_journal(bytes);
    if (!content) return fail(std::move(content).error().within(file.string()));
    records = std::move(content->records);
    whole = content->whole;
  } else {
    KOINON_CHECK(base::write_file(file, {}, 0600));
  }
  const int opened = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  Journal out(opened);
  if (opened < 0 || ::ftruncate(opened, static_cast<off_t>(whole)) != 0 || ::lseek(opened, 0, SEEK_END) < 0 ||
      ::fdatasync(opened) != 0)
    return fail(Code::io, "[journal] {}: {}", file.string(), std::strerror(errno));
  return out;
}

Journal::Journal(Journal&& other) noexcept : file_(std::exchange(other.file_, -1)), broken_(other.broken_) {}

Journal& Journal::operator=(Journal&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(broken_, other.broken_);
  return *this;
}

Journal::~Journal() {
  if (file_ >= 0) ::close(file_);
}

Status Journal::append(const std::vector<JournalRecord>& records, bool sync) {
  if (broken_) return fail(Code::io, "[journal] an earlier write failed");
  Bytes all;
  for (const auto& record : records) {
    const auto one = encode_record(record);
    all.insert(all.end(), one.begin(), one.end());
  }
  for (std::size_t at = 0; at < all.size();) {
    const auto wrote = ::write(file_, all.data() + at, all.size() - at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      broken_ = true;
      return fail(Code::io, "[journal] write: {}", std::strerror(errno));
    }
    at += static_cast<std::size_t>(wrote);
  }
  if (sync && ::fdatasync(file_) != 0) {
    broken_ = true;
    return fail(Code::io, "[journal] sync: {}", std::strerror(errno));
  }
  return {};
}

}  // namespace koinon::ledger::local
