#pragma once
#include "test/demo/network.hpp"

namespace koinon::test::demo {

/// What the orders came to.
struct Findings {
  std::size_t right = 0;
  std::size_t receipts = 0;
  std::size_t beaten = 0;  ///< optimistic orders whose claim was condemned: their buyers have their money back, and no receipt
  std::set<std::string> met;     ///< cheats that were drawn
  std::set<std::string> caught;  ///< cheats that were slashed
  std::vector<std::string> complaints;

  [[nodiscard]] bool good() const { return complaints.empty(); }
};

/// True of an optimistic order whose claim was shown to be wrong.
bool is_condemned(const Order& order);
/// Judges every order against our own run of the program, and who was slashed against who cheats.
Findings judge(const Network& network, const std::vector<Order>& orders);
/// Orders: model, input, answer, who ran it, money.
std::string orders_table(const Network& network, const std::vector<Order>& orders);
/// Providers: stake, record, money. `providers` is the answer of /api/v1/providers.
std::string providers_table(const Network& network, const json& providers);

}  // namespace koinon::test::demo
