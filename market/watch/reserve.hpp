#pragma once
#include "market/book/book.hpp"
#include "market/dispute/ports.hpp"

namespace koinon::market {

/// The most that `account` may yet have to put into disputes about the claim of an order, wei: the bond of a challenge, which
/// is one price, and the fees of all its demands, which the first one takes, were all of the claim withheld. Both come back
/// when the claim is wrong. Zero once the claim is condemned or the order over.
Wei dispute_reserve(const OrderView& order, std::uint32_t account, const DisputeTerms& terms);
/// The same before the order is placed, at a price tier.
Wei dispute_reserve(std::uint8_t tier, const DisputeTerms& terms);
/// What an account of so much free money is told that cannot dispute a wrong claim: the sum that is missing, and what to do.
std::string poverty_text(const Wei& free, const Wei& reserve);

}  // namespace koinon::market
