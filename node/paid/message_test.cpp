#include "node/paid/message.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/base64.hpp"

namespace koinon::node::paid {
namespace {

using base::Code;
using nlohmann::json;

Address address(std::uint8_t value) {
  Address out;
  out.bytes.fill(value);
  return out;
}

const Requirements kWanted{31337, address(0x11), "Token", "1", address(0x22), Wei(10'000), 60};
constexpr std::int64_t kNow = 1'700'000'000;

struct MessageTest : testing::Test {
  ledger::Key key = ledger::Key::from_secret(base::Bytes(32, 7)).value();
  Authorization authorization{key.address(), kWanted.pay_to, kWanted.amount, Wei(0), Wei(kNow + 60), {}, {}};

  /// The payment as a client writes it, signed.
  json written() {
    authorization.signature = key.sign(authorization_digest(kWanted, authorization));
    const auto asked = json::parse(write_required(kWanted, {"http://node/v2", "a run"}, "pay"));
    return {{"x402Version", 2},
            {"resource", asked["resource"]},
            {"accepted", asked["accepts"][0]},
            {"payload",
             {{"signature", base::to_hex(authorization.signature.bytes())},
              {"authorization",
               {{"from", ledger::checksum_address(authorization.from)},
                {"to", ledger::checksum_address(authorization.to)},
                {"value", authorization.value.text()},
                {"validAfter", authorization.valid_after.text()},
                {"validBefore", authorization.valid_before.text()},
                {"nonce", base::to_hex(authorization.nonce)}}}}},
            {"extensions", json::object()}};
  }
  static std::string encoded(const json& payment) { return base::encode_base64(base::as_bytes(payment.dump())); }
  static std::string why(const Payment& payment, const Requirements& wanted = kWanted, std::int64_t now = kNow) {
    if (const auto bad = check_signature(payment, wanted)) return bad->reason;
    if (const auto bad = check_terms(payment, wanted)) return bad->reason;
    if (const auto bad = check_time(payment, now)) return bad->reason;
    return "";
  }
  std::string why() { return why(read_payment(encoded(written())).value()); }
};

// Digest of viem 2.57's hashTypedData over the same message, so that what wallets sign is what is checked here.
TEST_F(MessageTest, digest_is_that_of_wallets) {
  const Requirements wanted{31337, address(0x11), "Koinon local token", "1", address(0x22), Wei(1), 60};
  Authorization a{address(0x33), address(0x22), Wei(12345), Wei(0), Wei(1'700'000'060), {}, {}};
  a.nonce.bytes.fill(0x44);
  EXPECT_EQ(base::to_hex(authorization_digest(wanted, a)),
            "0xbee2165c7d773b3fe24c5420b3d81475dcec87bf799a4d902b6163be91d9ba9b");
}

TEST_F(MessageTest, a_payment_as_asked_is_taken) {
  EXPECT_EQ(why(), "");
  const auto read = read_payment(encoded(written())).value();
  EXPECT_EQ(read.authorization.from, key.address());
  EXPECT_EQ(read.authorization.value, kWanted.amount);
  EXPECT_EQ(read.network, "eip155:31337");
}

TEST_F(MessageTest, asks_as_the_specification_says) {
  const auto asked = json::parse(write_required(kWanted, {"http://node/v2", "a run"}, "pay"));
  EXPECT_EQ(asked["x402Version"], 2);
  EXPECT_EQ(asked["error"], "pay");
  EXPECT_EQ(asked["resource"]["url"], "http://node/v2");
  EXPECT_EQ(asked["accepts"][0], (json{{"scheme", "exact"},
                                       {"network", "eip155:31337"},
                                       {"amount", "10000"},
                                       {"asset", "0x1111111111111111111111111111111111111111"},
                                       {"payTo", "0x2222222222222222222222222222222222222222"},
                                       {"maxTimeoutSeconds", 60},
                                       {"extra", {{"name", "Token"}, {"version", "1"}}}}));
  const auto good = json::parse(write_settlement({true, "", address(3), {}}, kWanted));
  EXPECT_EQ(good["success"], true);
  EXPECT_FALSE(good.contains("errorReason"));
  const auto bad = json::parse(write_settlement({false, "insufficient_funds", address(3), {}}, kWanted));
  EXPECT_EQ(bad["transaction"], "");
  EXPECT_EQ(bad["errorReason"], "insufficient_funds");
}

TEST_F(MessageTest, every_changed_field_of_the_authorisation_breaks_the_signature) {
  const auto good = written();
  for (const auto& [field, value] : {std::pair{"from", "0x5555555555555555555555555555555555555555"},
                                     {"to", "0x5555555555555555555555555555555555555555"},
                                     {"value", "10001"},
                                     {"validAfter", "1"},
                                     {"validBefore", "1700000061"}}) {
    auto changed = good;
    changed["payload"]["authorization"][field] = value;
    EXPECT_EQ(why(read_payment(encoded(changed)).value()), "invalid_exact_evm_payload_signature") << field;
  }
  auto changed = good;
  changed["payload"]["authorization"]["nonce"] = "0x" + std::string(64, '1');
  EXPECT_EQ(why(read_payment(encoded(changed)).value()), "invalid_exact_evm_payload_signature");
  const auto payment = read_payment(encoded(good)).value();
  for (auto* change : {+[](Requirements& r) { r.chain_id = 1; }, +[](Requirements& r) { r.asset = address(9); },
                       +[](Requirements& r) { r.token_name = "Other"; }, +[](Requirements& r) { r.token_version = "2"; }}) {
    auto other = kWanted;
    change(other);
    EXPECT_EQ(why(payment, other), "invalid_exact_evm_payload_signature") << "a payment for another token or chain";
  }
}

TEST_F(MessageTest, what_pays_otherwise_is_refused_with_its_reason) {
  authorization.value = Wei(9'999);
  EXPECT_EQ(why(), "invalid_exact_evm_payload_authorization_value");
  authorization.value = Wei(10'001);
  EXPECT_EQ(why(), "invalid_exact_evm_payload_authorization_value");
  authorization.value = kWanted.amount;
  authorization.to = address(9);
  EXPECT_EQ(why(), "invalid_exact_evm_payload_recipient_mismatch");
  authorization.to = kWanted.pay_to;
  for (const auto& [field, value, reason] :
       {std::tuple{"network", "eip155:1", "invalid_network"},
        {"amount", "1", "invalid_payment_requirements"},
        {"asset", "0x5555555555555555555555555555555555555555", "invalid_payment_requirements"},
        {"payTo", "0x5555555555555555555555555555555555555555", "invalid_payment_requirements"}}) {
    auto changed = written();
    changed["accepted"][field] = value;
    EXPECT_EQ(why(read_payment(encoded(changed)).value()), reason) << field;
  }
}

TEST_F(MessageTest, times_are_held_to) {
  authorization.valid_after = Wei(kNow + 1);
  EXPECT_EQ(why(), "invalid_exact_evm_payload_authorization_valid_after");
  authorization.valid_after = Wei(kNow);
  EXPECT_EQ(why(), "");
  for (const auto& [end, fine] :
       {std::pair{kNow - 1, false}, {kNow + 5, false}, {kNow + 6, true}, {kNow + 86'400, true}, {kNow + 86'401, false}}) {
    authorization.valid_before = Wei(static_cast<std::uint64_t>(end));
    EXPECT_EQ(why(), fine ? "" : "invalid_exact_evm_payload_authorization_valid_before") << end;
  }
}

TEST_F(MessageTest, refuses_what_is_no_payment) {
  const auto code = [](const json& payment) {
    const auto read = read_payment(encoded(payment));
    return read ? Code::internal : read.error().code;
  };
  EXPECT_EQ(read_payment("not base64!").error().code, Code::malformed);
  EXPECT_EQ(read_payment(std::string(kMaxPayment + 4, 'A')).error().code, Code::out_of_range);
  EXPECT_EQ(code(json::array()), Code::malformed);
  const auto good = written();
  for (const char* field : {"/x402Version", "/accepted", "/payload", "/accepted/scheme", "/accepted/network", "/accepted/asset",
                            "/accepted/payTo", "/accepted/amount", "/payload/signature", "/payload/authorization/from",
                            "/payload/authorization/to", "/payload/authorization/value", "/payload/authorization/validAfter",
                            "/payload/authorization/validBefore", "/payload/authorization/nonce"}) {
    auto changed = good;
    changed[json::json_pointer(field)] = nullptr;
    EXPECT_NE(code(changed), Code::internal) << field;
    changed = good;
    const json::json_pointer at(field);
    changed[at.parent_pointer()].erase(at.back());
    EXPECT_NE(code(changed), Code::internal) << field << " left out";
  }
  for (const auto& [field, value] :
       std::initializer_list<std::pair<const char*, json>>{{"/x402Version", 1},
                                                           {"/accepted/scheme", "upto"},
                                                           {"/payload/authorization/value", "0x10"},
                                                           {"/payload/authorization/value", "010"},
                                                           {"/payload/authorization/value", "-1"},
                                                           {"/payload/authorization/value", 10'000},
                                                           {"/payload/authorization/value", std::string(78, '9')},
                                                           {"/payload/authorization/nonce", std::string(66, '1')},
                                                           {"/payload/authorization/nonce", "0x12"},
                                                           {"/payload/signature", "0x" + std::string(130, '0')}}) {
    auto changed = good;
    changed[json::json_pointer(field)] = value;
    EXPECT_NE(code(changed), Code::internal) << field << " " << value;
  }
  auto permit2 = good;
  permit2["payload"].erase("authorization");
  permit2["payload"]["permit2Authorization"] = json::object();
  EXPECT_EQ(code(permit2), Code::unsupported);
}

}  // namespace
}  // namespace koinon::node::paid
