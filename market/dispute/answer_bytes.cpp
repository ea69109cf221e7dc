#include "market/dispute/answer_bytes.hpp"

#include "base/codec.hpp"
#include "market/dispute/ports.hpp"

namespace koinon::market {
namespace {

using base::Code;
using base::fail;
using base::Hash;
using base::Result;
using trust::optimistic::Answer;

constexpr std::string_view kMagic = "KNA1";
constexpr std::size_t kMaxHashes = 64;     // of a group of nodes, or a path
constexpr std::size_t kMaxLeaves = 4'096;  // bytes of four leaves

void write(base::Writer& out, const std::vector<Hash>& hashes) {
  KOINON_INVARIANT(hashes.size() <= kMaxHashes);
  out.number(static_cast<std::uint8_t>(hashes.size()));
  for (const auto& hash : hashes) out.raw(hash.view());
}

Result<std::vector<Hash>> read(base::Reader& in) {
  KOINON_TRY(const auto count, in.number<std::uint8_t>());
  if (count > kMaxHashes) return fail(Code::out_of_range, "[answer] {} hashes: at most {}", count, kMaxHashes);
  std::vector<Hash> out;
  for (unsigned i = 0; i < count; ++i) {
    KOINON_TRY(const auto hash, in.fixed_bytes<32>());
    out.push_back(hash);
  }
  return out;
}

/// One 32-byte big-endian word of a number.
Hash word(std::uint64_t value) {
  Hash out;
  const auto tail = base::be64(value);
  std::copy(tail.begin(), tail.end(), out.bytes.begin() + 24);
  return out;
}

}  // namespace

base::Bytes encode_answer(const Answer& answer) {
  base::Writer out;
  out.raw(base::as_bytes(kMagic));
  out.number(answer.length);
  write(out, answer.hashes);
  out.blob(answer.data);
  write(out, answer.siblings);
  out.number(answer.count);
  write(out, answer.list);
  return std::move(out).take();
}

Result<Answer> decode_answer(base::ByteView bytes) {
  base::Reader in(bytes);
  KOINON_TRY(const auto magic, in.raw(kMagic.size()));
  if (base::as_text(magic) != kMagic) return fail(Code::malformed, "[answer] does not begin with {}", kMagic);
  Answer out;
  KOINON_TRY(out.length, in.number<std::uint64_t>());
  KOINON_TRY(out.hashes, read(in));
  KOINON_TRY(const auto data, in.blob(kMaxLeaves));
  out.data.assign(data.begin(), data.end());
  KOINON_TRY(out.siblings, read(in));
  KOINON_TRY(out.count, in.number<std::uint64_t>());
  KOINON_TRY(out.list, read(in));
  KOINON_CHECK(in.finish());
  return out;
}

Hash challenge_commitment(const trust::OrderContext& context, std::uint32_t account, std::uint8_t fraud, base::ByteView proof,
                          const Hash& salt) {
  static const auto kName = base::keccak256(base::as_bytes("koinon.challenge"));
  Hash market;
  std::copy(context.market.bytes.begin(), context.market.bytes.end(), market.bytes.begin() + 12);
  return base::keccak256({kName.view(), word(context.chain_id).view(), market.view(), word(context.order).view(),
                          word(account).view(), word(fraud).view(), base::keccak256(proof).view(), salt.view()});
}

}  // namespace koinon::market
