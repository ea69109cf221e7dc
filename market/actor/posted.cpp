#include "market/actor/posted.hpp"

#include "work/parcel.hpp"

namespace koinon::market {
namespace {

using base::Bytes;
using base::Code;
using base::fail;

constexpr std::uint64_t kSpan = base::kSubtreeLeaves * base::kLeafSize;

std::uint64_t subtrees_of(std::uint64_t size) { return size == 0 ? 1 : (size + kSpan - 1) / kSpan; }

/// Subtrees of one byte tree, by number.
using Parts = std::map<std::uint32_t, Bytes>;

/// The parts in order, or the first that is absent.
std::optional<std::uint32_t> join(const Parts& parts, std::uint64_t size, Bytes& out) {
  for (std::uint32_t i = 0; i < subtrees_of(size); ++i) {
    const auto at = parts.find(i);
    if (at == parts.end()) return i;
    out.insert(out.end(), at->second.begin(), at->second.end());
  }
  return {};
}

}  // namespace

Result<PostedEnvelope> posted_envelope(MarketLedger& ledger, const OrderView& order, const Publication& publication) {
  Parts parts;
  for (const auto& one : order.posted) {
    if (one.output || one.envelope_root != publication.envelope_root || parts.contains(one.subtree)) continue;
    KOINON_TRY(parts[one.subtree], ledger.posted(one));
  }
  PostedEnvelope out;
  if (const auto absent = join(parts, publication.envelope_size, out.bytes)) {
    out.missing = Gap{0, *absent};
    return out;
  }
  if (base::byte_tree_root(base::Domain::envelope, out.bytes) != publication.envelope_root)
    return fail(Code::rejected, "[posted] what was answered is not the envelope of account {}", publication.publisher);
  return out;
}

Result<PostedOutputs> posted_outputs(MarketLedger& ledger, const OrderView& order, const Seat& seat) {
  std::map<std::uint32_t, Parts> tensors;
  std::map<std::uint32_t, std::uint64_t> sizes;
  std::uint64_t count = 0;
  for (const auto& one : order.posted) {
    if (!one.output || one.account != seat.account || tensors[one.tensor].contains(one.subtree)) continue;
    KOINON_TRY(tensors[one.tensor][one.subtree], ledger.posted(one));
    sizes[one.tensor] = one.tensor_size;
    count = one.tensor_count;
  }
  PostedOutputs out;
  if (count == 0) {
    out.missing = Gap{};
    return out;
  }
  for (std::uint32_t tensor = 0; tensor < count; ++tensor) {
    Bytes bytes;
    const auto absent = sizes.contains(tensor) ? join(tensors[tensor], sizes[tensor], bytes) : std::optional<std::uint32_t>(0);
    if (absent) {
      out.missing = Gap{tensor, *absent};
      return out;
    }
    out.parts.push_back(std::move(bytes));
  }
  if (work::outputs_root(out.parts) != seat.claim.output_root)
    return fail(Code::rejected, "[posted] what account {} answered is not what it claimed", seat.account);
  return out;
}

}  // namespace koinon::market
