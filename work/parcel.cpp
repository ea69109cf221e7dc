#include "work/parcel.hpp"

#include "base/codec.hpp"

namespace koinon::work {
namespace {

using base::Bytes;
using base::ByteView;
using base::Code;
using base::fail;
using base::Hash;
using base::Result;

constexpr std::string_view kInputMagic = "KNI1";
constexpr std::string_view kResultMagic = "KNR1";
constexpr std::string_view kProvenMagic = "KNR2";

std::vector<Hash> part_roots(const std::vector<Bytes>& parts) {
  std::vector<Hash> out;
  out.reserve(parts.size());
  for (const auto& part : parts) out.push_back(base::byte_tree_root(base::Domain::tensor, part));
  return out;
}

void write_parts(base::Writer& writer, const std::vector<Bytes>& parts) {
  writer.number(static_cast<std::uint32_t>(parts.size()));
  for (const auto& part : parts) writer.blob(part);
}

Result<std::vector<Bytes>> read_parts(base::Reader& reader) {
  KOINON_TRY(const auto count, reader.number<std::uint32_t>());
  if (count > kMaxParts) return fail(Code::out_of_range, "[parcel] {} parts: at most {}", count, kMaxParts);
  std::vector<Bytes> out;
  for (std::uint32_t i = 0; i < count; ++i) {
    KOINON_TRY(const auto view, reader.blob(kMaxPart));
    out.emplace_back(view.begin(), view.end());
  }
  return out;
}

base::Status expect_magic(base::Reader& reader, std::string_view magic) {
  KOINON_TRY(const auto found, reader.raw(magic.size()));
  if (base::as_text(found) != magic) return fail(Code::malformed, "[parcel] does not begin with {}", magic);
  return {};
}

}  // namespace

Hash Parcel::root() const {
  const std::array<std::uint8_t, 2> head = {3, static_cast<std::uint8_t>(base::Domain::inputs)};
  return base::keccak256({head, salt.view(), public_root().view()});
}

Hash Parcel::public_root() const { return base::list_root(base::Domain::inputs, part_roots(parts)); }

Bytes Parcel::encode() const {
  base::Writer writer;
  writer.raw(base::as_bytes(kInputMagic));
  writer.raw(salt.view());
  write_parts(writer, parts);
  return std::move(writer).take();
}

Result<Parcel> Parcel::decode(ByteView bytes) {
  base::Reader reader(bytes);
  KOINON_CHECK(expect_magic(reader, kInputMagic));
  Parcel out;
  KOINON_TRY(out.salt, reader.fixed_bytes<32>());
  KOINON_TRY(out.parts, read_parts(reader));
  KOINON_CHECK(reader.finish());
  return out;
}

Hash outputs_root(const std::vector<Bytes>& parts) { return base::list_root(base::Domain::outputs, part_roots(parts)); }

Bytes Delivery::encode() const {
  base::Writer writer;
  writer.raw(base::as_bytes(proof.empty() ? kResultMagic : kProvenMagic));
  writer.raw(output_root.view());
  writer.raw(trace_root.view());
  writer.raw(signature.view());
  write_parts(writer, outputs);
  if (!proof.empty()) writer.blob(proof);
  return std::move(writer).take();
}

Result<Delivery> Delivery::decode(ByteView bytes) {
  base::Reader reader(bytes);
  const bool proven = base::as_text(bytes).starts_with(kProvenMagic);
  KOINON_CHECK(expect_magic(reader, proven ? kProvenMagic : kResultMagic));
  Delivery out;
  KOINON_TRY(out.output_root, reader.fixed_bytes<32>());
  KOINON_TRY(out.trace_root, reader.fixed_bytes<32>());
  KOINON_TRY(out.signature, reader.fixed_bytes<65>());
  KOINON_TRY(out.outputs, read_parts(reader));
  if (proven) {
    KOINON_TRY(const auto proof, reader.blob(kMaxPart));
    if (proof.empty()) return fail(Code::malformed, "[parcel] {} with an empty proof", kProvenMagic);
    out.proof.assign(proof.begin(), proof.end());
  }
  KOINON_CHECK(reader.finish());
  return out;
}

}  // namespace koinon::work
