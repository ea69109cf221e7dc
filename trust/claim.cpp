#include "trust/claim.hpp"

#include <algorithm>

namespace koinon::trust {
namespace {

/// One 32-byte big-endian ABI word of a number.
base::Hash word(std::uint64_t value) {
  base::Hash out;
  const auto tail = base::be64(value);
  std::copy(tail.begin(), tail.end(), out.bytes.begin() + 24);
  return out;
}

base::Hash word(const base::Address& address) {
  base::Hash out;
  std::copy(address.bytes.begin(), address.bytes.end(), out.bytes.begin() + 12);
  return out;
}

/// First word of what a link hashes.
const base::Hash& link_name() {
  static const auto kName = base::keccak256(base::as_bytes("koinon.witness-link"));
  return kName;
}

}  // namespace

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::pending: return "pending";
    case Verdict::accepted: return "accepted";
    case Verdict::rejected: return "rejected";
    case Verdict::undecided: return "undecided";
    case Verdict::bad_input: return "bad_input";
  }
  return "unknown";
}

base::Hash witness_link(const OrderContext& context, const base::Hash& witness, unsigned jury) {
  KOINON_INVARIANT(jury < kJuries);
  const auto deepest = base::keccak256({link_name().view(), word(context.chain_id).view(), word(context.market).view(),
                                        word(context.order).view(), witness.view()});
  return witness_base(deepest, kJuries - 1 - jury);
}

base::Hash witness_base(base::Hash mark, unsigned jury) {
  for (unsigned i = 0; i < jury; ++i) mark = base::keccak256({link_name().view(), mark.view()});
  return mark;
}

base::Hash tag(const OrderContext& context, std::uint32_t account, const base::Hash& witness) {
  static const auto kName = base::keccak256(base::as_bytes("koinon.tag"));
  return base::keccak256({kName.view(), word(context.chain_id).view(), word(context.market).view(), word(context.order).view(),
                          word(account).view(), witness.view()});
}

base::Hash commitment(const OrderContext& context, std::uint8_t round, const Claim& claim, const base::Hash& result_digest,
                      std::uint64_t result_size, const base::Hash& salt) {
  static const auto kName = base::keccak256(base::as_bytes("koinon.commit"));
  return base::keccak256({kName.view(), word(context.chain_id).view(), word(context.market).view(), word(context.order).view(),
                          word(round).view(), word(claim.account).view(), claim.output_root.view(), claim.trace_root.view(),
                          claim.mark.view(), result_digest.view(), word(result_size).view(), salt.view()});
}

Roots bad_input_roots() {
  const auto root = base::keccak256(base::as_bytes("koinon.bad-input"));
  return Roots{root, base::Hash{}, root};
}

Roots unserved_roots() {
  const auto root = base::keccak256(base::as_bytes("koinon.unserved"));
  return Roots{root, base::Hash{}, root};
}

}  // namespace koinon::trust
