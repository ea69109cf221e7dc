#include <algorithm>
#include <charconv>

#include "base/codec.hpp"
#include "engine/io/formats.hpp"
#include "engine/io/read.hpp"

namespace koinon::engine::io {
namespace {

using base::ByteView;
using base::Code;
using base::fail;

// The text behind "'key':" in the header, which is a Python dictionary of three keys.
base::Result<std::string_view> field(std::string_view header, std::string_view key) {
  const auto at = header.find(fmt::format("'{}':", key));
  if (at == std::string_view::npos) return fail(Code::malformed, "[npy] header without {}", key);
  auto rest = header.substr(at + key.size() + 3);
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  return rest;
}

base::Result<tensor::Shape> read_shape(std::string_view text) {
  const auto close = text.find(')');
  if (text.empty() || text.front() != '(' || close == std::string_view::npos)
    return fail(Code::malformed, "[npy] shape expected");
  tensor::Shape shape;
  const char* at = text.data() + 1;
  const char* end = text.data() + close;
  while (at < end) {
    if (*at == ' ' || *at == ',') {
      ++at;
      continue;
    }
    std::int64_t n = 0;
    const auto [next, error] = std::from_chars(at, end, n);
    if (error != std::errc{}) return fail(Code::malformed, "[npy] shape {}", text.substr(0, close + 1));
    shape.push_back(n);
    at = next;
  }
  KOINON_CHECK(tensor::check_shape(shape));
  return shape;
}

template <class T>
base::Result<std::vector<double>> values(ByteView data, std::int64_t count) {
  if (data.size() != static_cast<std::size_t>(count) * sizeof(T))
    return fail(Code::malformed, "[npy] {} bytes of data: {} expected", data.size(),
                static_cast<std::size_t>(count) * sizeof(T));
  std::vector<double> out;
  out.reserve(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < data.size(); i += sizeof(T)) {
    T v;
    std::memcpy(&v, data.data() + i, sizeof v);
    out.push_back(static_cast<double>(v));
  }
  return out;
}

base::Result<std::vector<double>> convert(std::string_view type, ByteView data, std::int64_t n) {
  if (type == "<f4") return values<float>(data, n);
  if (type == "<f8") return values<double>(data, n);
  if (type == "|i1") return values<std::int8_t>(data, n);
  if (type == "|u1" || type == "|b1") return values<std::uint8_t>(data, n);
  if (type == "<i2") return values<std::int16_t>(data, n);
  if (type == "<u2") return values<std::uint16_t>(data, n);
  if (type == "<i4") return values<std::int32_t>(data, n);
  if (type == "<u4") return values<std::uint32_t>(data, n);
  if (type == "<i8") return values<std::int64_t>(data, n);
  return fail(Code::unsupported, "[npy] element type {}: f4, f8, i1 to i8, u1 to u4 or b1, little-endian, expected", type);
}

}  // namespace

base::Result<RealTensor> read_npy(ByteView bytes) {
  base::Reader in(bytes);
  KOINON_TRY(const auto magic, in.raw(6));
  if (base::as_text(magic) != "\x93NUMPY") return fail(Code::malformed, "[npy] not a .npy file");
  KOINON_TRY(const auto major, in.number<std::uint8_t>());
  KOINON_TRY([[maybe_unused]] const auto minor, in.number<std::uint8_t>());
  if (major < 1 || major > 3) return fail(Code::unsupported, "[npy] version {}: 1 to 3 expected", major);
  std::uint32_t length = 0;
  if (major == 1) {
    KOINON_TRY(length, in.number<std::uint16_t>());
  } else {
    KOINON_TRY(length, in.number<std::uint32_t>());
  }
  KOINON_TRY(const auto view, in.raw(length));
  const auto header = base::as_text(view);
  KOINON_TRY(const auto order, field(header, "fortran_order"));
  if (!order.starts_with("False")) return fail(Code::unsupported, "[npy] Fortran order: C order expected");
  KOINON_TRY(const auto type, field(header, "descr"));
  if (type.size() < 5 || type[0] != '\'' || type[4] != '\'') return fail(Code::unsupported, "[npy] structured element type");
  KOINON_TRY(const auto shape_text, field(header, "shape"));
  RealTensor out;
  KOINON_TRY(out.shape, read_shape(shape_text));
  KOINON_TRY(const auto data, in.raw(in.left()));
  KOINON_TRY(out.data, convert(type.substr(1, 3), data, tensor::element_count(out.shape)));
  return out;
}

base::Result<std::vector<RealTensor>> read_npz(ByteView bytes, std::uint64_t most) {
  KOINON_TRY(const auto members, read_zip(bytes, std::min(most, kMaxUnpacked)));
  std::vector<RealTensor> out;
  for (const auto& member : members) {
    KOINON_TRY(auto array, read_npy(member.bytes));
    array.name = member.name.ends_with(".npy") ? member.name.substr(0, member.name.size() - 4) : member.name;
    out.push_back(std::move(array));
  }
  return out;
}

}  // namespace koinon::engine::io
