#pragma once
#include "market/book/book.hpp"

namespace koinon::market {

/// Weight of an account's offer of `kind` in draws, as Registry weighs it (Offers._weight): the free stake in parts of a 64th
/// of `least_stake` (Registry.minStake), at most 2^20 - 1 of them, times four and the streak, which counts up to twelve. 0
/// without an active offer, or when the free stake is below twenty of its prices. Precondition: the offer's tier is below 128.
///
/// The registry weighs an offer when its account changes, is drawn or is settled for this kind: until then what an order of
/// another kind locks is not in its tree.
std::uint64_t draw_weight(const AccountView& account, std::uint8_t kind, const Wei& least_stake);

}  // namespace koinon::market
