#include <atomic>

#include "base/base64.hpp"
#include "base/random.hpp"
#include "engine/language/bundle.hpp"
#include "engine/language/random_model.hpp"
#include "ledger/contracts/koinon_token.hpp"
#include "node/api/api_fixture.hpp"
#include "node/paid/message.hpp"

// Calls of models that are sold to whoever pays (x402), on a real ledger.
namespace koinon::node {
namespace {

using base::Wei;
using ledger::contracts::KoinonToken;

namespace language = engine::language;

constexpr std::uint64_t kCall = 1'000'000'000'000'000;
constexpr std::uint64_t kToken = 10'000'000'000;

/// A language model of random weights, one token a byte.
language::Folder words() {
  language::BuildOptions options;
  options.chunk = 4;
  options.metadata = {"words", "the tests", "Apache-2.0", "Continues nothing well."};
  return language::random_folder({"gpt2", 2, 16, 2, 2, 8, 32, 48, 260, 1e-5, 0, language::Activation::gelu_tanh, false, false},
                                 options, 1);
}

std::string unwrapped(const std::string& field) {
  return std::string(base::as_text(base::decode_base64(field).value_or(base::Bytes{})));
}

/// A node with a public name, so that who comes without its token is a visitor. It runs its own ledger.
struct SoldTest : testing::Test {
  static NodeOptions options() {
    NodeOptions out;
    out.config.data = folder_->path() / "seller";
    out.config.http_port = 0;
    out.config.keystore = out.config.data / "keystore";
    out.config.password_file = out.config.data / "password";
    out.config.public_endpoint = "http://127.0.0.1:7070";
    out.config.serve.price = Wei(kCall);
    out.config.serve.token_price = Wei(kToken);
    EXPECT_TRUE(out.kinds.add(std::make_unique<work::Inference>()));
    out.make_router = [](Node& node) { return make_api(node, {}); };
    return out;
  }
  static void start() {
    auto started = Node::start(options());
    ASSERT_TRUE(started) << started.error().text;
    node_ = *std::move(started);
  }
  static void SetUpTestSuite() {
    folder_ = std::make_unique<base::TempFolder>();
    start();
    if (!node_) return;
    ASSERT_TRUE(node_->fund(node_->operator_address(), Wei(kCall * 1'000)));
    SoldTest test;
    for (const auto& bytes : {program::encode(echo()), language::encode_bundle(words())}) {
      const auto model = test.send("/api/v1/models", std::string(base::as_text(bytes)), "", "application/octet-stream", true);
      ASSERT_EQ(model.status, 201) << model.body_text();
    }
  }
  static void TearDownTestSuite() {
    node_.reset();
    folder_.reset();
  }
  void SetUp() override { ASSERT_TRUE(node_); }
  void TestBody() override {}

  net::HttpResponse send(const std::string& path, std::string body, const std::string& payment,
                         const std::string& type = "application/json", bool token = false) {
    net::ClientRequest request;
    request.method = body.empty() ? net::Method::get : net::Method::post;
    request.url = node_->url() + path;
    request.body = std::move(body);
    request.headers.add("Content-Type", type);
    if (!payment.empty()) request.headers.add("PAYMENT-SIGNATURE", payment);
    if (token) request.headers.add("Authorization", "Bearer " + node_->token());
    auto out = http_.send(request);
    EXPECT_TRUE(out) << path << ": " << out.error().text;
    return out ? *std::move(out) : net::HttpResponse{};
  }
  static std::string body(double value = 0.25) {
    return json{
        {"inputs", {{{"name", "image"}, {"datatype", "FP32"}, {"shape", {1, 64}}, {"data", std::vector<double>(64, value)}}}}}
        .dump();
  }
  net::HttpResponse infer(const std::string& payment, double value = 0.25) {
    return send("/v2/models/echo/infer", body(value), payment);
  }

  static std::string text(int tokens, bool stream = false) {
    return json{{"model", "words"}, {"prompt", "the other"}, {"max_tokens", tokens}, {"temperature", 0}, {"stream", stream}}
        .dump();
  }

  /// What the node asks for, as a client reads it.
  json asked() { return asked(infer("")); }
  static json asked(const net::HttpResponse& answer) {
    EXPECT_EQ(answer.status, 402) << answer.body_text();
    return json::parse(unwrapped(answer.headers.get("PAYMENT-REQUIRED")), nullptr, false);
  }
  static paid::Requirements requirements(const json& accepted) {
    paid::Requirements out;
    out.chain_id = node_->deployment().chain_id;
    out.asset = ledger::parse_address(accepted["asset"].get<std::string>()).value();
    out.token_name = accepted["extra"]["name"];
    out.token_version = accepted["extra"]["version"];
    out.pay_to = ledger::parse_address(accepted["payTo"].get<std::string>()).value();
    out.amount = Wei::parse(accepted["amount"].get<std::string>()).value();
    return out;
  }
  using Change = std::function<void(paid::Requirements&, paid::Authorization&, json&)>;
  /// A payment for what is asked, changed before it is signed.
  std::string pay(const ledger::Key& key, const Change& change = {}) { return pay(key, asked(), change); }
  std::string pay(const ledger::Key& key, const json& terms, const Change& change) {
    auto accepted = terms["accepts"][0];
    auto wanted = requirements(accepted);
    paid::Authorization a{key.address(), wanted.pay_to, wanted.amount, Wei(0), Wei(now() + 60), random_.hash(), {}};
    if (change) change(wanted, a, accepted);
    a.signature = key.sign(paid::authorization_digest(wanted, a));
    const json payment = {{"x402Version", 2},
                          {"accepted", accepted},
                          {"payload",
                           {{"signature", base::to_hex(a.signature.bytes())},
                            {"authorization",
                             {{"from", ledger::checksum_address(a.from)},
                              {"to", ledger::checksum_address(a.to)},
                              {"value", a.value.text()},
                              {"validAfter", a.valid_after.text()},
                              {"validBefore", a.valid_before.text()},
                              {"nonce", base::to_hex(a.nonce)}}}}}};
    return base::encode_base64(base::as_bytes(payment.dump()));
  }
  static std::uint64_t now() { return static_cast<std::uint64_t>(node_->clock().now_ms() / 1000); }
  /// A payer with so many calls' worth of tokens, and none of the coins that gas is paid with.
  ledger::Key payer(std::uint64_t calls) {
    auto key = ledger::Key::generate(random_);
    EXPECT_TRUE(node_->accounts().send_tokens(key.address(), Wei(kCall * calls)));
    return key;
  }
  static Wei tokens(const base::Address& who) { return node_->accounts().tokens_of(who).value(); }
  static Wei payout(const json& asked) { return tokens(requirements(asked["accepts"][0]).pay_to); }
  /// The reason of a refusal.
  static std::string why(const net::HttpResponse& answer) {
    EXPECT_EQ(answer.status, 402) << answer.body_text();
    const auto read = json::parse(unwrapped(answer.headers.get("PAYMENT-REQUIRED")), nullptr, false);
    const auto text = read.value("error", "");
    return text.substr(0, text.find(':'));
  }

  net::HttpClient http_;
  base::SystemRandom random_;
  static inline std::unique_ptr<base::TempFolder> folder_;
  static inline std::unique_ptr<Node> node_;
};

TEST_F(SoldTest, visitors_see_what_is_sold_and_what_it_costs) {
  EXPECT_EQ(send("/v2/models/echo", "", "").status, 200);
  EXPECT_EQ(send("/v1/models", "", "").status, 200);
  EXPECT_EQ(send("/api/v1/orders", "", "").status, 401);
  const auto terms = asked();
  EXPECT_EQ(terms["x402Version"], 2);
  EXPECT_EQ(terms["resource"]["url"], "http://127.0.0.1:7070/v2/models/echo/infer");
  EXPECT_EQ(terms["accepts"][0]["scheme"], "exact");
  EXPECT_EQ(terms["accepts"][0]["network"], fmt::format("eip155:{}", node_->deployment().chain_id));
  EXPECT_EQ(terms["accepts"][0]["amount"], std::to_string(kCall));
  EXPECT_EQ(terms["accepts"][0]["extra"], (json{{"name", "Koinon local token"}, {"version", "1"}}));
  EXPECT_NE(send("/metrics", "", "", "", true).body_text().find("koinon_calls_paid_total"), std::string::npos);
}

TEST_F(SoldTest, texts_cost_what_their_tokens_cost) {
  const auto prompt = words().tokeniser->encode("the other")->size();
  const auto terms = asked(send("/v1/completions", text(6), ""));
  EXPECT_EQ(terms["accepts"][0]["amount"], std::to_string(kCall + kToken * (prompt + 6)));
  const auto chat = json{{"model", "words"}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}, {"max_tokens", 4}};
  EXPECT_EQ(send("/v1/chat/completions", chat.dump(), "").status, 402);
  EXPECT_EQ(send("/v1/completions", "{}", "").status, 400) << "what no payment would help is said before";
  const auto key = payer(3);
  const auto payment = pay(key, terms, {});
  EXPECT_EQ(why(send("/v1/completions", text(7), payment)), "invalid_payment_requirements") << "a longer text costs more";
  const auto bought = send("/v1/completions", text(6), payment);
  ASSERT_EQ(bought.status, 200) << bought.body_text();
  const auto own = send("/v1/completions", text(6), "", "application/json", true);
  EXPECT_EQ(json::parse(bought.body_text())["choices"], json::parse(own.body_text())["choices"]);
  const auto streamed = send("/v1/completions", text(6, true), pay(key, terms, {}));
  ASSERT_EQ(streamed.status, 200) << streamed.body_text();
  EXPECT_TRUE(streamed.body_text().ends_with("data: [DONE]\n\n"));
  EXPECT_NE(streamed.headers.find("PAYMENT-RESPONSE"), nullptr);
  EXPECT_EQ(tokens(key.address()), Wei(3 * kCall - 2 * (kCall + kToken * (prompt + 6))));
}

TEST_F(SoldTest, the_owner_pays_nothing) {
  const auto answer = send("/v2/models/echo/infer", body(), "", "application/json", true);
  EXPECT_EQ(answer.status, 200) << answer.body_text();
  EXPECT_EQ(answer.headers.find("PAYMENT-RESPONSE"), nullptr);
}

TEST_F(SoldTest, a_call_is_paid_before_its_answer_leaves_and_answered_again) {
  const auto key = payer(2);
  const auto terms = asked();
  const auto before = payout(terms);
  paid::Authorization signed_;
  const auto payment = pay(key, [&](paid::Requirements&, paid::Authorization& a, json&) { signed_ = a; });
  const auto answer = infer(payment);
  ASSERT_EQ(answer.status, 200) << answer.body_text();
  const auto told = json::parse(unwrapped(answer.headers.get("PAYMENT-RESPONSE")));
  EXPECT_EQ(told["success"], true);
  EXPECT_EQ(told["payer"], ledger::checksum_address(key.address()));
  const auto receipt = node_->rpc().receipt(base::fixed_from_hex<32>(told["transaction"].get<std::string>()).value()).value();
  ASSERT_TRUE(receipt);
  EXPECT_TRUE(receipt->success);
  EXPECT_EQ(payout(terms), before.plus(Wei(kCall)).value());
  EXPECT_EQ(tokens(key.address()), Wei(kCall));
  EXPECT_EQ(json::parse(answer.body_text())["outputs"][0]["data"][0], 0.25 * 8);

  const auto again = infer(payment);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.body_text(), answer.body_text());
  EXPECT_EQ(again.headers.get("PAYMENT-RESPONSE"), answer.headers.get("PAYMENT-RESPONSE"));
  EXPECT_EQ(why(infer(payment, 0.5)), "invalid_transaction_state") << "one payment, one answer";
  EXPECT_EQ(why(infer(pay(key,
                          [&](paid::Requirements&, paid::Authorization& a, json&) {
                            a.value = Wei(0);
                            a.nonce = signed_.nonce;
                          }))),
            "invalid_transaction_state")
      << "one authorisation, not one nonce";
  EXPECT_EQ(tokens(key.address()), Wei(kCall)) << "taken once";
  EXPECT_EQ(node_->store().payments.totals()->earned.minus(Wei(kCall)).has_value(), true);
}

TEST_F(SoldTest, what_does_not_pay_gets_no_answer_and_loses_nothing) {
  const auto key = payer(5), stranger = ledger::Key::generate(random_);
  using R = paid::Requirements;
  using A = paid::Authorization;
  EXPECT_EQ(why(infer(pay(key, [](R&, A& a, json&) { a.value = Wei(kCall - 1); }))),
            "invalid_exact_evm_payload_authorization_value");
  EXPECT_EQ(why(infer(pay(key, [&](R&, A& a, json&) { a.to = stranger.address(); }))),
            "invalid_exact_evm_payload_recipient_mismatch");
  EXPECT_EQ(why(infer(pay(key, [](R&, A& a, json&) { a.valid_before = Wei(now() - 1); }))),
            "invalid_exact_evm_payload_authorization_valid_before");
  EXPECT_EQ(why(infer(pay(key, [](R&, A& a, json&) { a.valid_after = Wei(now() + 30); }))),
            "invalid_exact_evm_payload_authorization_valid_after");
  EXPECT_EQ(why(infer(pay(key, [](R& r, A&, json&) { r.chain_id = 1; }))), "invalid_exact_evm_payload_signature");
  EXPECT_EQ(why(infer(pay(key, [](R& r, A&, json&) { r.asset = node_->operator_address(); }))),
            "invalid_exact_evm_payload_signature");
  EXPECT_EQ(why(infer(pay(stranger, [&](R&, A& a, json&) { a.from = key.address(); }))), "invalid_exact_evm_payload_signature");
  EXPECT_EQ(why(infer(pay(key, [](R&, A&, json& accepted) { accepted["network"] = "eip155:1"; }))), "invalid_network");
  EXPECT_EQ(why(infer(pay(key,
                          [](R&, A& a, json& accepted) {
                            a.value = Wei(1);
                            accepted["amount"] = "1";
                          }))),
            "invalid_payment_requirements");
  EXPECT_EQ(why(infer(pay(stranger))), "insufficient_funds");
  EXPECT_EQ(infer("no payment").status, 400);
  EXPECT_EQ(tokens(key.address()), Wei(kCall * 5));
}

TEST_F(SoldTest, a_run_that_fails_takes_nothing) {
  const auto key = payer(1);
  const auto payment = pay(key);
  EXPECT_EQ(send("/v2/models/echo/infer", R"({"inputs":[]})", payment).status, 400);
  EXPECT_EQ(send("/v2/models/nothing/infer", body(), payment).status, 404);
  auto bought = json::parse(body());
  bought["parameters"] = {{"check", "quorum"}, {"max_price", "2000000000000000"}};
  EXPECT_EQ(send("/v2/models/echo/infer", bought.dump(), payment).status, 401) << "the market takes the owner's money";
  EXPECT_EQ(tokens(key.address()), Wei(kCall));
  EXPECT_EQ(infer(payment).status, 200) << "the payment is good for another try";
}

TEST_F(SoldTest, a_used_or_cancelled_authorisation_buys_nothing) {
  const auto key = payer(2);
  const KoinonToken token(node_->rpc(), requirements(asked()["accepts"][0]).asset);
  paid::Authorization spent;
  const auto payment = pay(key, [&](paid::Requirements& wanted, paid::Authorization& a, json&) {
    spent = a;
    spent.to = key.address();  // the same nonce, to itself
    spent.signature = key.sign(paid::authorization_digest(wanted, spent));
  });
  const auto& s = spent.signature;
  const auto sent = node_->sender().send(token
                                             .transfer_with_authorization(spent.from, spent.to, spent.value, spent.valid_after,
                                                                          spent.valid_before, spent.nonce,
                                                                          static_cast<std::uint8_t>(27 + s.y_parity), s.r, s.s)
                                             .value());
  ASSERT_TRUE(sent) << sent.error().text;
  EXPECT_EQ(why(infer(payment)), "invalid_transaction_state");
  EXPECT_EQ(tokens(key.address()), Wei(2 * kCall));
}

TEST_F(SoldTest, one_payment_sent_many_times_at_once_is_taken_once) {
  const auto key = payer(3);
  const auto payment = pay(key);
  std::atomic<int> answered{0}, told_to_wait{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      net::HttpClient http;
      net::ClientRequest request;
      request.method = net::Method::post;
      request.url = node_->url() + "/v2/models/echo/infer";
      request.body = body();
      request.headers.add("PAYMENT-SIGNATURE", payment);
      const auto out = http.send(request);
      if (out && out->status == 200) ++answered;
      if (out && out->status == 409 && out->headers.find("Retry-After") != nullptr) ++told_to_wait;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_GE(answered, 1);
  EXPECT_EQ(answered + told_to_wait, 8);
  EXPECT_EQ(tokens(key.address()), Wei(2 * kCall));
}

TEST_F(SoldTest, payments_under_way_at_once_are_covered_by_the_balance) {
  const auto key = payer(2);
  std::vector<std::string> payments;
  for (int i = 0; i < 6; ++i) payments.push_back(pay(key));
  std::atomic<int> answered{0}, refused{0};
  std::vector<std::thread> threads;
  for (const auto& payment : payments)
    threads.emplace_back([&, payment] {
      net::HttpClient http;
      net::ClientRequest request;
      request.method = net::Method::post;
      request.url = node_->url() + "/v2/models/echo/infer";
      request.body = body();
      request.headers.add("PAYMENT-SIGNATURE", payment);
      const auto out = http.send(request);
      if (out && out->status == 200) ++answered;
      if (out && out->status == 402) ++refused;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_LE(answered, 2);
  EXPECT_EQ(answered + refused, 6);
  EXPECT_EQ(tokens(key.address()), Wei(kCall * (2 - static_cast<std::uint64_t>(answered))));
}

TEST_F(SoldTest, a_payment_that_somebody_else_sent_first_counts_for_its_request) {
  const auto key = payer(1);
  paid::Authorization signed_;
  const auto payment = pay(key, [&](paid::Requirements&, paid::Authorization& a, json&) { signed_ = a; });
  // As after a crash between the answer and its settlement: the answer is kept, the transaction is somebody else's.
  const auto first = infer(payment);
  ASSERT_EQ(first.status, 200) << first.body_text();
  auto record = node_->store().payments.get(key.address(), signed_.nonce).value().value();
  ASSERT_TRUE(node_->store().payments.erase(key.address(), signed_.nonce));
  record.settled = false;
  record.transaction = {};
  ASSERT_TRUE(node_->store().payments.put(record));
  const auto again = infer(payment);
  ASSERT_EQ(again.status, 200) << again.body_text();
  EXPECT_EQ(again.body_text(), first.body_text());
  EXPECT_EQ(again.headers.get("PAYMENT-RESPONSE"), first.headers.get("PAYMENT-RESPONSE"));
}

TEST_F(SoldTest, an_answer_that_is_owed_is_given_after_a_restart) {
  const auto key = payer(2);
  base::Hash nonce;
  const auto payment = pay(key, [&](paid::Requirements&, paid::Authorization& a, json&) { nonce = a.nonce; });
  const auto first = infer(payment);
  ASSERT_EQ(first.status, 200) << first.body_text();
  const auto model = send("/v2/models/echo", "", "").body_text();
  node_.reset();
  start();
  ASSERT_TRUE(node_);
  EXPECT_EQ(send("/v2/models/echo", "", "").body_text(), model);
  const auto again = infer(payment);
  EXPECT_EQ(again.status, 200) << again.body_text();
  EXPECT_EQ(again.body_text(), first.body_text());
  EXPECT_EQ(tokens(key.address()), Wei(kCall));
}

}  // namespace
}  // namespace koinon::node
