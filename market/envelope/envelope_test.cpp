#include "market/envelope/envelope.hpp"

#include <gtest/gtest.h>

namespace koinon::market {
namespace {

using base::Code;

TEST(Envelope, opens_for_each_recipient_and_for_nobody_else) {
  const auto a = BoxPair::generate();
  const auto b = BoxPair::generate();
  const auto other = BoxPair::generate();
  const auto envelope = seal(base::as_bytes("the input"), {a.public_key(), b.public_key()}).value();
  EXPECT_EQ(base::as_text(open(envelope, a).value()), "the input");
  EXPECT_EQ(base::as_text(open(envelope, b).value()), "the input");
  EXPECT_EQ(open(envelope, other).error().code, Code::unauthorised);
}

TEST(Envelope, refuses_every_changed_byte) {
  const auto a = BoxPair::generate();
  const auto envelope = seal(base::as_bytes("x"), {a.public_key()}).value();
  for (std::size_t i = 0; i < envelope.size(); ++i) {
    auto changed = envelope;
    changed[i] ^= 1;
    EXPECT_FALSE(open(changed, a)) << i;
    EXPECT_FALSE(open(base::ByteView(envelope).first(i), a)) << i;
  }
}

TEST(Envelope, names_what_is_wrong) {
  const auto a = BoxPair::generate();
  EXPECT_EQ(seal({}, {}).error().code, Code::invalid_argument);
  EXPECT_EQ(seal({}, std::vector<BoxKey>(65, a.public_key())).error().code, Code::invalid_argument);
  EXPECT_EQ(seal({}, {BoxKey{}}).error().code, Code::invalid_argument);
  EXPECT_EQ(open(base::as_bytes("nothing like it"), a).error().code, Code::malformed);
}

TEST(Envelope, holds_empty_content) {
  const auto a = BoxPair::generate();
  EXPECT_TRUE(open(seal({}, {a.public_key()}).value(), a).value().empty());
}

TEST(Envelope, bound_to_its_content_is_the_same_each_time_and_opens) {
  const auto a = BoxPair::generate();
  const auto b = BoxPair::generate();
  const std::vector<BoxKey> keys{a.public_key(), b.public_key()};
  const auto envelope = seal_bound(base::as_bytes("salt and input"), keys).value();
  EXPECT_EQ(envelope, seal_bound(base::as_bytes("salt and input"), keys).value());
  EXPECT_EQ(base::as_text(open(envelope, b).value()), "salt and input");
  EXPECT_NE(envelope, seal_bound(base::as_bytes("salt and output"), keys).value());
  EXPECT_NE(envelope, seal_bound(base::as_bytes("salt and input"), {b.public_key(), a.public_key()}).value());
  EXPECT_NE(seal(base::as_bytes("x"), keys).value(), seal(base::as_bytes("x"), keys).value());
}

TEST(Envelope, knows_keys_that_nothing_can_be_sealed_to) {
  EXPECT_TRUE(usable(BoxPair::generate().public_key()));
  EXPECT_FALSE(usable(BoxKey{}));
}

TEST(BoxPair, comes_back_from_its_secret) {
  const auto a = BoxPair::generate();
  EXPECT_EQ(BoxPair::from_secret(a.secret()).value().public_key(), a.public_key());
  EXPECT_EQ(BoxPair::from_secret(base::Bytes(32)).error().code, Code::invalid_argument);
  EXPECT_EQ(BoxPair::from_secret(base::Bytes(31, 1)).error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace koinon::market
