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

/// A text of at most 32 bytes, left-aligned as the ABI stores strings.
base::Hash padded(std::string_view text) {
  KOINON_INVARIANT(text.size() <= 32);
  base::Hash out;
  std::copy(text.begin(), text.end(), out.bytes.begin());
  return out;
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

base::Hash tag(const OrderContext& context, std::uint32_t account, const base::Hash& witness) {
  constexpr std::string_view kName = "koinon.tag";
  constexpr std::uint64_t kHeadWords = 6;
  // abi.encode puts the string's offset first, the static words, then the string's length and bytes.
  return base::keccak256({word(kHeadWords * 32).view(), word(context.chain_id).view(), word(context.market).view(),
                          word(context.order).view(), word(account).view(), witness.view(), word(kName.size()).view(),
                          padded(kName).view()});
}

Roots bad_input_roots() {
  const auto root = base::keccak256(base::as_bytes("koinon.bad-input"));
  return Roots{root, base::Hash{}, root};
}

}  // namespace koinon::trust
