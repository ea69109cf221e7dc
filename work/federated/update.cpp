#include "work/federated/update.hpp"

#include <cmath>
#include <cstring>

#include "base/codec.hpp"
#include "base/merkle.hpp"

namespace koinon::work::federated {
namespace {

using base::Code;
using base::fail;

constexpr std::string_view kMagic = "KOINONUP";
constexpr std::uint32_t kVersion = 1;

}  // namespace

// An update, little-endian:   "KOINONUP" | u32 version | u64 values | f32 each
base::Bytes encode_update(std::span<const float> values) {
  base::Writer to;
  to.raw(base::as_bytes(kMagic));
  to.number(kVersion);
  to.number(static_cast<std::uint64_t>(values.size()));
  to.raw({reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()});
  return std::move(to).take();
}

base::Result<Values> decode_update(base::ByteView bytes, std::size_t count) {
  base::Reader from(bytes);
  KOINON_TRY(const auto magic, from.raw(kMagic.size()));
  KOINON_TRY(const auto version, from.number<std::uint32_t>());
  if (base::as_text(magic) != kMagic || version != kVersion) return fail(Code::malformed, "[update] no update of this version");
  KOINON_TRY(const auto size, from.number<std::uint64_t>());
  if (size != count || size > kMostValues) return fail(Code::malformed, "[update] {} values: {} expected", size, count);
  KOINON_TRY(const auto data, from.raw(count * sizeof(float)));
  KOINON_CHECK(from.finish());
  Values out(count);
  if (count > 0) std::memcpy(out.data(), data.data(), data.size());
  for (std::size_t i = 0; i < count; ++i)
    if (!std::isfinite(out[i])) return fail(Code::out_of_range, "[update] value {} is not finite", i);
  return out;
}

base::Hash update_root(base::ByteView bytes) { return base::byte_tree_root(base::Domain::tensor, bytes); }

}  // namespace koinon::work::federated
