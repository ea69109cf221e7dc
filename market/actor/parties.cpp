#include "market/actor/ports.hpp"

namespace koinon::market {

Parties::Parties(const Book& book, const OrderView& order, std::uint32_t self) {
  const auto take = [&](std::uint32_t id) {
    if (const auto* account = book.account(id)) accounts_.emplace(id, *account);
  };
  take(self);
  take(order.terms.buyer);
  for (const auto& seat : order.seats) take(seat.account);
  for (const auto& round : order.rounds)
    for (const auto& publication : round.published) take(publication.publisher);
}

const AccountView* Parties::account(std::uint32_t id) const {
  const auto at = accounts_.find(id);
  return at == accounts_.end() ? nullptr : &at->second;
}

}  // namespace koinon::market
