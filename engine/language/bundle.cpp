#include "engine/language/bundle.hpp"

#include <algorithm>
#include <map>

#include "base/codec.hpp"

namespace koinon::engine::language {
namespace {

using base::ByteView;
using base::Code;
using base::fail;
using base::Hash;
using base::Result;
using base::Status;
using program::Constant;
using program::Program;

constexpr std::uint64_t kVersion = 1;

using ByRoot = std::map<Hash, const Constant*>;

ByRoot by_root(const Program& program) {
  ByRoot out;
  for (const auto& weight : program.weights) out.emplace(weight.root, &weight);
  return out;
}

/// The weight of decode that is this one, or null.
const Constant* find_same(const ByRoot& held, const Constant& weight) {
  const auto found = held.find(weight.root);
  return found != held.end() && found->second->info == weight.info ? found->second : nullptr;
}

void write_part(base::Writer& to, ByteView bytes) {
  to.number(static_cast<std::uint64_t>(bytes.size()));
  to.raw(bytes);
}

Result<ByteView> read_part(base::Reader& from) {
  KOINON_TRY(const auto size, from.number<std::uint64_t>());
  if (size > from.left())
    return fail(Code::malformed, "[bundle] a part of {} bytes at byte {}: {} are left", size, from.position(), from.left());
  return from.raw(static_cast<std::size_t>(size));
}

Result<Program> read_program(ByteView bytes, std::string_view name) {
  auto out = program::decode(bytes);
  if (!out) return fail(std::move(out).error().within(name));
  return *std::move(out);
}

/// The data of the weights of `prefill` that `decode` does not hold, one behind the other.
base::Bytes own_weights(const Program& prefill, const Program& decode) {
  const auto held = by_root(decode);
  base::Bytes out;
  for (const auto& weight : prefill.weights)
    if (find_same(held, weight) == nullptr) out.insert(out.end(), weight.data.begin(), weight.data.end());
  return out;
}

/// Fills in the weights of a public description: from decode, or from `own`.
Status take_weights(Program& to, const Program& decode, ByteView own) {
  const auto held = by_root(decode);
  for (auto& weight : to.weights) {
    if (const auto* same = find_same(held, weight)) {
      weight.data = same->data;
      continue;
    }
    const auto& [dtype, shape] = weight.info;
    const auto size = static_cast<std::size_t>(tensor::element_count(shape)) * tensor::dtype_size(dtype);
    if (size > own.size())
      return fail(Code::malformed, "[bundle] prefill: weight {} is neither there nor in decode", base::to_hex(weight.root));
    weight.data.assign(own.begin(), own.begin() + static_cast<std::ptrdiff_t>(size));
    own = own.subspan(size);
    if (tensor::tensor_root({dtype, shape, weight.data}) != weight.root)
      return fail(Code::malformed, "[bundle] prefill: the data of a weight has not the root {}", base::to_hex(weight.root));
  }
  if (!own.empty()) return fail(Code::malformed, "[bundle] prefill: {} bytes behind its weights", own.size());
  return program::validate(to);  // what weights can make overflow is known now
}

}  // namespace

bool is_bundle(ByteView bytes) { return base::as_text(bytes).starts_with(kBundleMagic); }

Hash bundle_id(const Folder& folder) {
  base::Bytes head;
  const auto add = [&](ByteView bytes) { head.insert(head.end(), bytes.begin(), bytes.end()); };
  add(base::as_bytes("koinon.language"));
  add(base::be64(kVersion));
  add(folder.model.decode_id.view());
  add(folder.model.prefill_id.view());
  add(base::keccak256(folder.tokeniser_bytes).view());
  add(base::be64(folder.ends.size()));
  for (auto end : folder.ends) add(base::be64(static_cast<std::uint64_t>(end)));
  return base::keccak256(head);
}

base::Bytes encode_bundle(const Folder& folder) {
  const auto& programs = folder.model.programs;
  KOINON_INVARIANT(programs.decode.has_weights() && folder.ends.size() <= kMostEnds);
  base::Writer out;
  out.raw(base::as_bytes(kBundleMagic));
  write_part(out, program::encode(programs.decode));
  const bool prefill = programs.chunk > 1;
  write_part(out, prefill ? program::encode(programs.prefill, false) : base::Bytes());
  write_part(out, prefill ? own_weights(programs.prefill, programs.decode) : base::Bytes());
  write_part(out, folder.tokeniser_bytes);
  out.number(static_cast<std::uint32_t>(folder.ends.size()));
  for (auto end : folder.ends) out.number(static_cast<std::uint32_t>(end));
  return std::move(out).take();
}

Result<Folder> decode_bundle(ByteView bytes) {
  base::Reader in(bytes);
  KOINON_TRY(const auto magic, in.raw(kBundleMagic.size()));
  if (base::as_text(magic) != kBundleMagic) return fail(Code::malformed, "[bundle] does not begin with {}", kBundleMagic);
  KOINON_TRY(const auto decode_bytes, read_part(in));
  KOINON_TRY(const auto prefill_bytes, read_part(in));
  KOINON_TRY(const auto own, read_part(in));
  KOINON_TRY(const auto tokeniser, read_part(in));
  KOINON_TRY(const auto count, in.number<std::uint32_t>());
  if (count > kMostEnds) return fail(Code::malformed, "[bundle] {} ends: at most {}", count, kMostEnds);
  Folder out;
  for (std::uint32_t i = 0; i < count; ++i) {
    KOINON_TRY(const auto end, in.number<std::uint32_t>());
    out.ends.push_back(end);
  }
  KOINON_CHECK(in.finish());
  KOINON_TRY(auto decode, read_program(decode_bytes, "decode"));
  if (!decode.has_weights()) return fail(Code::malformed, "[bundle] decode has no weights");
  std::optional<Program> prefill;
  if (!prefill_bytes.empty()) {
    KOINON_TRY(prefill, read_program(prefill_bytes, "prefill"));
    // One model, one encoding.
    if (!prefill->weights.empty() && prefill->has_weights()) return fail(Code::malformed, "[bundle] prefill has its weights");
    KOINON_CHECK(take_weights(*prefill, decode, own));
  } else if (!own.empty()) {
    return fail(Code::malformed, "[bundle] weights of a prefill that is not there");
  }
  KOINON_TRY(out.model, Model::from(std::move(decode), std::move(prefill)));
  for (auto end : out.ends)
    if (end >= out.model.vocabulary()) return fail(Code::malformed, "[bundle] the end {} is no token", end);
  out.tokeniser_bytes.assign(tokeniser.begin(), tokeniser.end());
  KOINON_TRY(out.tokeniser, read_tokeniser(out.tokeniser_bytes));
  return out;
}

}  // namespace koinon::engine::language
