#include <zlib.h>

#include "base/codec.hpp"
#include "engine/io/formats.hpp"

namespace koinon::engine::io {
namespace {

using base::ByteView;
using base::Code;
using base::fail;
using base::Reader;

constexpr std::size_t kEndSize = 22;
constexpr std::uint32_t kEndMark = 0x06054b50, kEntryMark = 0x02014b50, kLocalMark = 0x04034b50;

// What the central directory says of a member.
struct Entry {
  std::string name;
  std::uint16_t flags = 0, method = 0;
  std::uint32_t crc = 0, packed = 0, size = 0, offset = 0;
};

base::Result<std::size_t> find_end(ByteView bytes) {
  for (std::size_t back = kEndSize; back <= bytes.size() && back <= kEndSize + 65535; ++back) {
    Reader in(bytes.subspan(bytes.size() - back));
    if (in.number<std::uint32_t>().value() == kEndMark) return bytes.size() - back;
  }
  return fail(Code::malformed, "[zip] no end of central directory");
}

base::Result<Entry> read_entry(Reader& in) {
  Entry e;
  KOINON_TRY(const auto mark, in.number<std::uint32_t>());
  if (mark != kEntryMark) return fail(Code::malformed, "[zip] central directory entry {:#x}", mark);
  KOINON_TRY([[maybe_unused]] const auto versions, in.number<std::uint32_t>());
  KOINON_TRY(e.flags, in.number<std::uint16_t>());
  KOINON_TRY(e.method, in.number<std::uint16_t>());
  KOINON_TRY([[maybe_unused]] const auto time, in.number<std::uint32_t>());
  KOINON_TRY(e.crc, in.number<std::uint32_t>());
  KOINON_TRY(e.packed, in.number<std::uint32_t>());
  KOINON_TRY(e.size, in.number<std::uint32_t>());
  KOINON_TRY(const auto name, in.number<std::uint16_t>());
  KOINON_TRY(const auto extra, in.number<std::uint16_t>());
  KOINON_TRY(const auto comment, in.number<std::uint16_t>());
  KOINON_TRY([[maybe_unused]] const auto attributes, in.raw(8));
  KOINON_TRY(e.offset, in.number<std::uint32_t>());
  KOINON_TRY(const auto text, in.raw(name));
  e.name = std::string(base::as_text(text));
  KOINON_TRY([[maybe_unused]] const auto rest, in.raw(std::size_t{extra} + comment));
  if ((e.flags & 1) != 0 || (e.method != 0 && e.method != 8))
    return fail(Code::unsupported, "[zip] member with method {} and flags {:#x}: stored or deflated expected", e.method,
                e.flags);
  return e;
}

base::Result<base::Bytes> inflate_all(ByteView packed, std::size_t size) {
  base::Bytes out(size);
  z_stream z{};
  if (inflateInit2(&z, -15) != Z_OK) return fail(Code::exhausted, "[zip] no memory to inflate");
  std::uint8_t none = 0;
  z.next_in = const_cast<Bytef*>(packed.data());
  z.avail_in = static_cast<uInt>(packed.size());
  z.next_out = out.empty() ? &none : out.data();
  z.avail_out = static_cast<uInt>(out.size());
  const int status = inflate(&z, Z_FINISH);
  const bool whole = status == Z_STREAM_END && z.total_out == size;
  inflateEnd(&z);
  if (!whole) return fail(Code::malformed, "[zip] deflated data does not give {} bytes", size);
  return out;
}

base::Result<Member> read_member(ByteView bytes, const Entry& e) {
  if (e.offset > bytes.size()) return fail(Code::malformed, "[zip] member at {} of {} bytes", e.offset, bytes.size());
  Reader in(bytes.subspan(e.offset));
  KOINON_TRY(const auto mark, in.number<std::uint32_t>());
  if (mark != kLocalMark) return fail(Code::malformed, "[zip] local header {:#x}", mark);
  KOINON_TRY([[maybe_unused]] const auto fields, in.raw(22));
  KOINON_TRY(const auto name, in.number<std::uint16_t>());
  KOINON_TRY(const auto extra, in.number<std::uint16_t>());
  KOINON_TRY([[maybe_unused]] const auto rest, in.raw(std::size_t{name} + extra));
  KOINON_TRY(const auto packed, in.raw(e.packed));
  // Deflate makes at most 1032 bytes of one: a small file cannot ask for a large buffer.
  if (e.method == 8 && e.size / 1032 > packed.size())
    return fail(Code::malformed, "[zip] {} bytes from {}", e.size, packed.size());
  Member out{e.name, {}};
  if (e.method == 0) {
    if (e.packed != e.size) return fail(Code::malformed, "[zip] stored member of {} and {} bytes", e.packed, e.size);
    out.bytes.assign(packed.begin(), packed.end());
  } else {
    KOINON_TRY(out.bytes, inflate_all(packed, e.size));
  }
  if (crc32(0, out.bytes.data(), static_cast<uInt>(out.bytes.size())) != e.crc)
    return fail(Code::malformed, "[zip] wrong CRC-32");
  return out;
}

}  // namespace

base::Result<std::vector<Member>> read_zip(ByteView bytes, std::uint64_t most) {
  KOINON_TRY(const auto end, find_end(bytes));
  Reader tail(bytes.subspan(end + 8));  // after mark and disk numbers
  KOINON_TRY([[maybe_unused]] const auto here, tail.number<std::uint16_t>());
  KOINON_TRY(const auto count, tail.number<std::uint16_t>());
  KOINON_TRY([[maybe_unused]] const auto size, tail.number<std::uint32_t>());
  KOINON_TRY(const auto offset, tail.number<std::uint32_t>());
  if (offset > end) return fail(Code::malformed, "[zip] central directory at {} of {} bytes", offset, end);
  Reader in(bytes.subspan(offset, end - offset));
  std::vector<Member> out;
  std::uint64_t total = 0;
  for (unsigned i = 0; i < count; ++i) {
    KOINON_TRY(const auto entry, read_entry(in));
    total += entry.size;
    if (total > most) return fail(Code::out_of_range, "[zip] more than {} bytes unpacked", most);
    KOINON_TRY(auto member, read_member(bytes, entry));
    out.push_back(std::move(member));
  }
  return out;
}

}  // namespace koinon::engine::io
