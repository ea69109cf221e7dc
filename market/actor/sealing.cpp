#include "market/actor/sealing.hpp"

#include <algorithm>

#include "trust/quorum/optimistic.hpp"

namespace koinon::market {
namespace {

bool in_quorum(const OrderView& order, const Seat& seat) { return order.rounds[seat.round].role == trust::Role::quorum; }

bool says_bad_input(const Seat& seat) { return seat.revealed && seat.claim.output_root == trust::bad_input_roots().output; }

}  // namespace

bool says_bad_input(const std::optional<StandingVerdict>& verdict) {
  return verdict && verdict->output_root == trust::bad_input_roots().output;
}

bool has_result(const Seat& seat) {
  return seat.revealed && !says_bad_input(seat) && seat.claim.output_root != trust::unserved_roots().output;
}

bool is_public(const Terms& terms) { return terms.check == trust::OptimisticCheck::kCode; }

Hash bound_root(const Terms& terms, const work::Parcel& parcel) {
  return is_public(terms) ? parcel.public_root() : parcel.root();
}

Result<base::Bytes> seal_input(const OrderView& order, std::uint8_t round, const work::Parcel& parcel,
                               const BoxKey& publisher) {
  if (is_public(order.terms)) return parcel.encode();
  std::vector<BoxKey> keys;
  for (const auto& seat : order.seats)
    if (seat.round == round && usable(seat.key)) keys.push_back(seat.key);
  keys.push_back(publisher);
  return seal_bound(parcel.encode(), keys);
}

bool accused(const OrderView& order) {
  const auto jury = std::ranges::find(order.rounds, trust::Role::jury, &RoundView::role);
  if (jury == order.rounds.end() || !jury->appealed) return false;
  bool claimed = false;
  for (const auto& seat : order.seats) {
    if (!in_quorum(order, seat)) continue;
    claimed = claimed || says_bad_input(seat);
    const auto equal = std::ranges::count_if(order.seats, [&](const Seat& other) {
      return in_quorum(order, other) && has_result(other) && other.claim.same_result(seat.claim);
    });
    if (has_result(seat) && equal >= order.terms.k) return false;
  }
  return claimed;
}

bool envelopes_hold(const OrderView& order, const work::Parcel& parcel) {
  for (std::uint8_t round = 0; round < order.rounds.size(); ++round) {
    const bool asked = std::ranges::any_of(
        order.seats, [&](const Seat& s) { return s.round == round && in_quorum(order, s) && says_bad_input(s); });
    if (!asked) continue;
    const auto sealed = seal_input(order, round, parcel, order.terms.buyer_key);
    if (!sealed) return false;
    const auto root = base::byte_tree_root(base::Domain::envelope, *sealed);
    const auto& published = order.rounds[round].published;
    const bool given = std::ranges::any_of(published, [&](const Publication& one) {
      return one.publisher == order.terms.buyer && one.envelope_root == root && one.envelope_size == sealed->size();
    });
    if (!given) return false;
  }
  return true;
}

trust::Roots confirmation(const work::Parcel& parcel) {
  auto out = trust::bad_input_roots();
  out.witness = base::keccak256({base::as_bytes("koinon.has-input"), parcel.encode()});
  return out;
}

trust::Roots excuse(const OrderView& order, bool rejected) {
  const bool quorum = order.rounds[order.round()].role == trust::Role::quorum;
  return quorum && !rejected ? trust::unserved_roots() : trust::bad_input_roots();
}

Hash mark_of(const OrderView& order, const trust::OrderContext& context, std::uint32_t account, std::uint8_t round,
             const Hash& witness) {
  if (order.rounds[round].role != trust::Role::jury)
    return trust::tag(context, account, trust::witness_link(context, witness, 0));
  if (witness == trust::bad_input_roots().witness) return witness;  // abstains
  const auto before = std::count_if(order.rounds.begin(), order.rounds.begin() + round,
                                    [](const RoundView& r) { return r.role == trust::Role::jury; });
  return trust::witness_link(context, witness, static_cast<unsigned>(before));
}

std::vector<trust::SeatTag> seat_tags(const OrderView& order) {
  std::vector<trust::SeatTag> out;
  for (const auto& seat : order.seats)
    out.push_back({seat.claim, order.rounds[seat.round].role, seat.revealed && seat.verdict == Standing::accepted});
  return out;
}

bool awaits_comparison(const OrderView& order) {
  return !is_public(order.terms) && trust::awaits_comparison(seat_tags(order), order.juries);
}

}  // namespace koinon::market
