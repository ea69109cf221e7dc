#include "market/watch/rule.hpp"

namespace koinon::market {
namespace {

/// The first 32 bits of the lot, of 2^32.
std::uint64_t lot(const OrderView& order, const trust::OrderContext& context, const Hash& secret) {
  const auto drawn = base::keccak256({base::as_bytes("koinon.watch"), secret.view(), context.market.view(),
                                      base::be64(context.chain_id), base::be64(order.id), order.placed_tx.view()});
  std::uint64_t out = 0;
  for (int i = 0; i < 4; ++i) out = out << 8 | drawn.bytes[static_cast<std::size_t>(i)];
  return out;
}

}  // namespace

bool WatchRule::takes(const OrderView& order, const trust::OrderContext& context, const Hash& secret) const {
  const auto price = tier_price(std::min<std::uint8_t>(order.terms.max_tier, 127));
  if (full_price.is_zero() || price >= full_price) return true;
  // lot / 2^32 < price / full_price
  const auto left = full_price.scaled(lot(order, context, secret), std::uint64_t{1} << 32);
  return left && *left < price;
}

}  // namespace koinon::market
