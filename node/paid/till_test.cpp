#include "node/paid/till.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/base64.hpp"
#include "base/file.hpp"
#include "base/random.hpp"
#include "ledger/contracts/koinon_token.hpp"
#include "ledger/local/anvil.hpp"
#include "ledger/local/local_ledger.hpp"
#include "node/store/store.hpp"

// What is between a payment's sending and its block, on a chain where the test decides when a block comes.
namespace koinon::node::paid {
namespace {

using ledger::contracts::KoinonToken;
using nlohmann::json;

constexpr std::uint64_t kPrice = 1'000;

struct TillTest : testing::Test {
  void SetUp() override {
    auto made = ledger::local::Anvil::start(ledger::local::find_anvil().value(), now(), true);
    ASSERT_TRUE(made) << made.error().text;
    anvil_ = *std::move(made);
    store_ = Store::open(folder_.path() / "node.db").value();
    for (const auto* key : {&seller_, &bank_})
      ask("anvil_setBalance", json::array({base::to_hex(key->address()), "0x33b2e3c9fd0803ce8000000"}));
    token_ = ledger::contract_address(bank_.address(), 0);
    mine_with(std::nullopt, KoinonToken::creation_code(Wei(1'000 * kPrice)).value());
    mine_with(token().transfer(payer_.address(), Wei(kPrice)).value());
    open();
    ASSERT_TRUE(till_);
  }
  void TearDown() override { close(); }

  /// A process that starts; all that is left of the one before is its database.
  void open() {
    ledger::TxOptions quick;
    quick.poll_ms = 10;
    pending_ = std::make_unique<ledger::MemoryPendingStore>();
    sender_ = ledger::TxSender::start(rpc(), seller_, *pending_, clock_, quick).value();
    TillOptions options;
    options.price = Wei(kPrice);
    options.wait_ms = 200;
    const auto payout = [this]() -> Result<Address> { return bank_.address(); };
    auto till = Till::open({&rpc(), sender_.get(), &store_->payments, &clock_, token_, 31'337, payout}, options);
    ASSERT_TRUE(till) << till.error().text;
    till_ = *std::move(till);
    wanted_ = till_->requirements().value();
  }
  void close() {
    till_.reset();
    sender_.reset();
  }

  ledger::Rpc& rpc() { return anvil_->rpc(); }
  json ask(const std::string& method, const json& params) {
    auto out = rpc().call(method, params);
    EXPECT_TRUE(out) << method << ": " << out.error().text;
    return out ? *out : json();
  }
  void mine() { ask("evm_mine", json::array()); }
  void mine_with(const ledger::TxRequest& request) { mine_with(request.to, request.data); }
  void mine_with(std::optional<Address> to, base::Bytes data) {
    const auto nonce = rpc().nonce(bank_.address()).value();
    const auto sent = rpc().send_raw(
        ledger::sign({31'337, nonce, Wei(1), Wei(100'000'000'000), 10'000'000, to, {}, std::move(data)}, bank_).raw);
    ASSERT_TRUE(sent) << sent.error().text;
    mine();
    ASSERT_TRUE(rpc().receipt(*sent).value().value().success);
  }
  KoinonToken token() { return {rpc(), token_}; }
  Wei tokens() { return token().balance_of(payer_.address()).value(); }
  /// The payer's balance, as if a transfer of its own came right before what is in the pool.
  void set_tokens(std::uint64_t amount) {
    base::Bytes key(64, 0);
    std::ranges::copy(payer_.address().bytes, key.begin() + 12);  // balances are the token's first state variable
    Hash value;
    for (std::size_t i = 0; i < 8; ++i) value.bytes[31 - i] = static_cast<std::uint8_t>(amount >> (8 * i));
    ask("anvil_setStorageAt", json::array({base::to_hex(token_), base::to_hex(base::keccak256(key)), base::to_hex(value)}));
    ASSERT_EQ(tokens(), Wei(amount));
  }
  void await_lane() {
    for (int i = 0; i < 500 && sender_->in_flight() != 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_EQ(sender_->in_flight(), 0U);
  }

  [[nodiscard]] std::uint64_t now() const { return static_cast<std::uint64_t>(clock_.now_ms() / 1000); }
  Authorization authorization() {
    return {payer_.address(), bank_.address(), Wei(kPrice), Wei(0), Wei(now() + 60), random_.hash(), {}};
  }
  void sign(Authorization& a) { a.signature = payer_.sign(authorization_digest(wanted_, a)); }
  /// The answer to a request that brings the authorisation, signed anew.
  net::HttpResponse call(Authorization a) {
    sign(a);
    const json payment = {{"x402Version", 2},
                          {"accepted",
                           {{"scheme", "exact"},
                            {"network", wanted_.network()},
                            {"amount", wanted_.amount.text()},
                            {"asset", ledger::checksum_address(wanted_.asset)},
                            {"payTo", ledger::checksum_address(wanted_.pay_to)}}},
                          {"payload",
                           {{"signature", base::to_hex(a.signature.bytes())},
                            {"authorization",
                             {{"from", ledger::checksum_address(a.from)},
                              {"to", ledger::checksum_address(a.to)},
                              {"value", a.value.text()},
                              {"validAfter", a.valid_after.text()},
                              {"validBefore", a.valid_before.text()},
                              {"nonce", base::to_hex(a.nonce)}}}}}};
    net::HttpRequest request;
    request.method = net::Method::post;
    request.target = request.path = "/run";
    request.headers.add("PAYMENT-SIGNATURE", base::encode_base64(base::as_bytes(payment.dump())));
    auto out = till_->serve(
        request, [] { return Wei{}; },
        [this] {
          ++runs_;
          return net::HttpResponse::json(200, R"({"answer":42})");
        });
    EXPECT_TRUE(out) << out.error().text;
    return out ? *std::move(out) : net::HttpResponse{};
  }
  /// The reason of a refusal.
  std::string why(const Authorization& a) {
    const auto answer = call(a);
    EXPECT_EQ(answer.status, 402) << answer.body_text();
    const auto text = json::parse(answer.body_text(), nullptr, false).value("error", "");
    return text.substr(0, text.find(':'));
  }
  void transfer_elsewhere(Authorization a) {
    a.to = payer_.address();
    sign(a);
    const auto& s = a.signature;
    mine_with(token()
                  .transfer_with_authorization(a.from, a.to, a.value, a.valid_after, a.valid_before, a.nonce,
                                               static_cast<std::uint8_t>(27 + s.y_parity), s.r, s.s)
                  .value());
  }

  base::SystemRandom random_;
  base::SystemClock clock_;
  base::TempFolder folder_;
  ledger::Key seller_ = ledger::Key::generate(random_), bank_ = ledger::Key::generate(random_),
              payer_ = ledger::Key::generate(random_);
  Address token_;
  std::unique_ptr<ledger::local::Anvil> anvil_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<ledger::MemoryPendingStore> pending_;
  std::unique_ptr<ledger::TxSender> sender_;
  std::unique_ptr<Till> till_;
  Requirements wanted_;
  int runs_ = 0;
};

TEST_F(TillTest, an_answer_that_waits_for_its_payment_is_sold_for_no_other) {
  const auto a = authorization();
  EXPECT_EQ(call(a).status, 503) << "no block has it yet";
  auto nothing = a, itself = a, longer = a;
  nothing.value = Wei(0);
  itself.to = payer_.address();
  longer.valid_before = Wei(now() + 90);
  for (const auto& other : {nothing, itself, longer}) EXPECT_EQ(why(other), "invalid_transaction_state");
  EXPECT_EQ(sender_->in_flight(), 1U) << "nothing else was sent";
  EXPECT_EQ(call(a).status, 503);
  mine();
  const auto answer = call(a);
  EXPECT_EQ(answer.status, 200) << answer.body_text();
  EXPECT_EQ(answer.body_text(), R"({"answer":42})");
  for (const auto& other : {nothing, itself, longer}) EXPECT_EQ(why(other), "invalid_transaction_state");
  EXPECT_EQ(tokens(), Wei(0));
  EXPECT_EQ(runs_, 1);
}

TEST_F(TillTest, a_settlement_that_reverted_leaves_an_answer_that_is_not_given_away) {
  const auto a = authorization();
  EXPECT_EQ(call(a).status, 503);
  set_tokens(0);
  mine();
  await_lane();
  ASSERT_FALSE(token().authorization_state(a.from, a.nonce).value()) << "it reverted";
  auto nothing = a, itself = a;
  nothing.value = Wei(0);
  itself.to = payer_.address();
  EXPECT_EQ(why(nothing), "invalid_transaction_state");
  EXPECT_EQ(why(itself), "invalid_transaction_state");
  EXPECT_EQ(why(a), "insufficient_funds") << "its balance has moved";
  EXPECT_EQ(sender_->in_flight(), 0U) << "nothing was sent";
  set_tokens(kPrice);
  EXPECT_EQ(call(a).status, 503);
  mine();
  EXPECT_EQ(call(a).status, 200);
  EXPECT_EQ(tokens(), Wei(0));
  EXPECT_EQ(runs_, 1);
  EXPECT_EQ(store_->payments.totals()->earned, Wei(kPrice));
}

TEST_F(TillTest, a_process_that_died_between_settlement_and_answer_owes_the_answer) {
  const auto a = authorization();
  EXPECT_EQ(call(a).status, 503);
  close();
  store_.reset();
  store_ = Store::open(folder_.path() / "node.db").value();
  mine();
  open();
  ASSERT_TRUE(till_);
  const auto answer = call(a);
  EXPECT_EQ(answer.status, 200) << answer.body_text();
  EXPECT_NE(answer.headers.find("PAYMENT-RESPONSE"), nullptr);
  EXPECT_EQ(tokens(), Wei(0));
  EXPECT_EQ(runs_, 1);
}

TEST_F(TillTest, a_nonce_that_was_used_for_another_transfer_pays_nothing) {
  const auto a = authorization();
  EXPECT_EQ(call(a).status, 503);
  close();
  ask("anvil_dropAllTransactions", json::array());
  transfer_elsewhere(a);
  open();
  ASSERT_TRUE(till_);
  EXPECT_EQ(why(a), "invalid_transaction_state");
  EXPECT_EQ(tokens(), Wei(kPrice));
  EXPECT_EQ(store_->payments.totals()->calls, 0U);
}

}  // namespace
}  // namespace koinon::node::paid
