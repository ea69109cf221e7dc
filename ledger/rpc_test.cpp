#include "ledger/rpc.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

namespace koinon::ledger {
namespace {

/// A server that answers what the test says, whatever it is asked; "ID" stands for the id of the request.
class Script final : public RpcTransport {
 public:
  explicit Script(std::deque<Result<Answer>> answers) : answers_(std::move(answers)) {}
  Result<Answer> exchange(const std::string& body, std::stop_token) override {
    ++asked;
    if (answers_.empty()) return fail(Code::network, "nothing left");
    auto out = std::move(answers_.front());
    answers_.pop_front();
    const auto request = nlohmann::json::parse(body);
    if (out && request.is_object())
      if (const auto at = out->body.find("ID"); at != std::string::npos) out->body.replace(at, 2, request["id"].dump());
    return out;
  }
  int asked = 0;

 private:
  std::deque<Result<Answer>> answers_;
};

struct Client {
  explicit Client(std::deque<Result<RpcTransport::Answer>> answers) {
    auto script = std::make_unique<Script>(std::move(answers));
    transport = script.get();
    RpcOptions options;
    options.first_backoff_ms = 1;
    options.retries = 3;
    rpc = std::make_unique<Rpc>(std::move(script), options);
  }
  Script* transport;
  std::unique_ptr<Rpc> rpc;
};

Result<RpcTransport::Answer> says(std::string body, int status = 200) {
  return RpcTransport::Answer{status, std::move(body), 0};
}
const auto kSeven = R"({"jsonrpc":"2.0","id":ID,"result":"0x7"})";

TEST(Rpc, retries_rate_limits_and_broken_connections) {
  Client client({says("slow down", 429), says(R"({"id":ID,"error":{"code":-32005,"message":"limit"}})"),
                 fail(Code::network, "reset"), says(kSeven)});
  EXPECT_EQ(client.rpc->block_number().value(), 7u);
  EXPECT_EQ(client.transport->asked, 4);
}

TEST(Rpc, gives_up_after_the_last_retry) {
  Client client({says("", 429), says("", 429), says("", 429), says("", 429), says(kSeven)});
  EXPECT_EQ(client.rpc->block_number().error().code, Code::exhausted);
}

TEST(Rpc, does_not_retry_an_answer) {
  Client client({says(R"({"id":ID,"error":{"code":3,"message":"execution reverted","data":"0x"}})"), says(kSeven)});
  const auto answer = client.rpc->block_number();
  EXPECT_EQ(answer.error().code, Code::ledger);
  EXPECT_NE(answer.error().text.find("reverted"), std::string::npos);
  EXPECT_EQ(client.transport->asked, 1);
}

TEST(Rpc, refuses_lies) {
  for (const auto* body :
       {R"({"id":999999,"result":"0x7"})", R"({"result":"0x7"})", R"({"id":"ID","result":"0x7"})", R"({"id":ID})", R"([])",
        R"("x")", "", "{", R"({"id":ID,"result":7})", R"({"id":ID,"result":"7"})", R"({"id":ID,"result":"0x"})",
        R"({"id":ID,"result":"0x10000000000000000"})", R"({"id":ID,"result":{}})", R"({"id":ID,"result":null})"}) {
    Client client({says(body)});
    EXPECT_FALSE(client.rpc->block_number()) << body;
  }
}

TEST(Rpc, puts_a_batch_in_order) {
  Client client({says(R"([{"id":2,"result":"0x2"},{"id":1,"error":{"code":-1,"message":"no"}}])")});
  const auto out = client.rpc->batch({{"a", "[]"}, {"b", "[]"}});
  ASSERT_TRUE(out) << out.error().text;
  EXPECT_EQ((*out)[0].error().code, Code::ledger);
  EXPECT_EQ((*out)[1].value(), "0x2");
}

TEST(Rpc, refuses_a_batch_with_repeated_or_missing_answers) {
  for (const auto* body : {R"([{"id":1,"result":1},{"id":1,"result":2}])", R"([{"id":1,"result":1}])",
                           R"([{"id":1,"result":1},{"id":3,"result":2}])"}) {
    Client client({says(body)});
    EXPECT_EQ(client.rpc->batch({{"a", "[]"}, {"b", "[]"}}).error().code, Code::malformed) << body;
  }
}

TEST(Rpc, cancels_waiting_calls) {
  Client client({says(kSeven)});
  client.rpc->cancel();
  EXPECT_EQ(client.rpc->block_number().error().code, Code::cancelled);
}

/// Answers only when it is told to stop.
class Silent final : public RpcTransport {
 public:
  Result<Answer> exchange(const std::string&, std::stop_token stop) override {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, std::chrono::seconds(30), [] { return false; });
    return stop.stop_requested() ? fail(Code::cancelled, "stopped") : fail(Code::timeout, "nobody stopped it");
  }
};

TEST(Rpc, cancels_a_call_that_is_under_way) {
  Rpc rpc(std::make_unique<Silent>(), {});
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    rpc.cancel();
  });
  EXPECT_EQ(rpc.block_number().error().code, Code::cancelled);
}

TEST(Rpc, cancels_one_share_and_lets_the_others_go_on) {
  Client client({says(kSeven), says(R"({"id":ID,"error":{"code":3,"message":"execution reverted","data":"0xdeadbeef"}})")});
  auto share = client.rpc->share();
  share->cancel();
  EXPECT_EQ(share->block_number().error().code, Code::cancelled);
  EXPECT_EQ(client.rpc->block_number().value(), 7u);
  auto late = client.rpc->share();
  client.rpc.reset();
  EXPECT_EQ(late->block_number().error().code, Code::ledger);
}

}  // namespace
}  // namespace koinon::ledger
