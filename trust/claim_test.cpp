#include "trust/claim.hpp"

#include <gtest/gtest.h>

namespace koinon::trust {
namespace {

OrderContext context() {
  OrderContext out{.chain_id = 31337, .market = {}, .order = 5};
  out.market.bytes.fill(0x11);
  return out;
}

TEST(Tag, binds_chain_market_order_account_and_witness) {
  const auto witness = base::keccak256(base::as_bytes("w"));
  const auto base_tag = tag(context(), 3, witness);
  auto other = context();
  other.chain_id = 1;
  EXPECT_NE(tag(other, 3, witness), base_tag);
  other = context();
  other.market.bytes[0] ^= 1;
  EXPECT_NE(tag(other, 3, witness), base_tag);
  other = context();
  other.order = 6;
  EXPECT_NE(tag(other, 3, witness), base_tag);
  EXPECT_NE(tag(context(), 4, witness), base_tag);
  EXPECT_NE(tag(context(), 3, base::Hash{}), base_tag);
}

TEST(Witness, links_hang_from_the_secret_and_the_order) {
  const auto secret = base::keccak256(base::as_bytes("secret"));
  const auto first = witness_link(context(), secret, 0);
  const auto second = witness_link(context(), secret, 1);
  EXPECT_NE(first, second);
  EXPECT_EQ(witness_base(second, 1), first);
  EXPECT_EQ(witness_base(first, 0), first);
  auto other = context();
  other.order = 6;
  EXPECT_NE(witness_link(other, secret, 1), second);
  other = context();
  other.chain_id = 1;
  EXPECT_NE(witness_link(other, secret, 1), second);
  other = context();
  other.market.bytes[0] ^= 1;
  EXPECT_NE(witness_link(other, secret, 1), second);
}

TEST(Verdict, names_are_those_of_the_api) {
  EXPECT_EQ(verdict_name(Verdict::accepted), "accepted");
  EXPECT_EQ(verdict_name(Verdict::bad_input), "bad_input");
}

}  // namespace
}  // namespace koinon::trust
