#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.hpp"
#include "cli/remote/describe.hpp"
#include "cli/remote/ledger_source.hpp"
#include "cli/remote/node_client.hpp"
#include "cli/remote/order_progress.hpp"
#include "cli/remote/order_watch.hpp"
#include "cli/remote/reply.hpp"
#include "net/http_server.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Reply, reads_fields_of_any_json_without_throwing) {
  for (const char* text : {"null", "7", "[]", "\"x\"", R"({"a":null,"n":-1,"w":"x"})"}) {
    const auto value = *parse_reply(text);
    EXPECT_EQ(text_at(value, "a", "none"), "none");
    EXPECT_EQ(number_at(value, "n", 3), 3U);
    EXPECT_TRUE(wei_at(value, "w").is_zero());
    EXPECT_EQ(tokens_at(value, "w"), "-");
  }
  EXPECT_EQ(parse_reply("{").error().code, Code::malformed);
}

TEST(Describe, shows_an_order_with_its_money_members_and_story) {
  const auto order =
      *parse_reply(R"json({"id":"7","state":"settled","verdict":"accepted","program":"0xab","model":{"name":"lenet"},
    "policy":{"check":"quorum","privacy":"plain","n":3,"k":2,"audit_bps":600},"answer":"b (80 %)",
    "outputs":[{"name":"scores","shape":[1,3],"data":[0.1,0.8,0.1],"labels":["a","b","c"]}],
    "rounds":[{"role":"quorum","members":[{"account":4,"state":"revealed","verdict":"rejected","paid":"0",
      "slashed":"250000000000000000","reason":"Its output root differs."}]}],
    "events":[{"at":1700000000000,"text":"Placed by account 1"}],
    "money":{"escrow":"3000000000000000000","paid":"2000000000000000000"}})json");
  const auto text = describe_order(order);
  EXPECT_THAT(text, HasSubstr("quorum 2 of 3"));
  EXPECT_THAT(text, HasSubstr("3 tokens put in: 2 paid"));
  EXPECT_THAT(text, HasSubstr("0.25"));
  EXPECT_THAT(text, HasSubstr("80 %"));
  EXPECT_THAT(text, HasSubstr("2023-11-14T22:13:20.000Z  Placed by account 1"));
}

TEST(Describe, lets_no_escape_sequence_through) {
  const json models = json::array({{{"name", "a\x1b[2Jb\xc2\x9b"}, {"program", "0x1"}}});
  EXPECT_THAT(describe_models(models), HasSubstr("a?[2Jb?"));
  EXPECT_THAT(describe_models(models), Not(HasSubstr("\x1b")));
}

TEST(Describe, shows_what_an_account_sells) {
  const auto shown = [](const std::string& provider) {
    return describe_account(json::parse(R"({"id":4,"balance":"0","stake":"0","locked":"0","provider":)" + provider + "}"));
  };
  EXPECT_THAT(shown(R"({"kinds":["inference"],"price":"2000000000000000","active":true,"accepted":7})"),
              AllOf(HasSubstr("inference, inference for 0.002 tokens\n"), HasSubstr("7 accepted")));
  EXPECT_THAT(shown(R"({"kinds":["inference"],"price":"2000000000000000","active":false})"),
              HasSubstr("too little free stake"));
  EXPECT_THAT(shown(R"({"kinds":[],"price":null,"active":false})"), HasSubstr("koinon account offer"));
  EXPECT_THAT(shown("null"), Not(HasSubstr("sells")));
}

TEST(Describe, names_models_that_cannot_be_used) {
  const auto text =
      describe_models(json::parse(R"([{"name":"old","program":"0x1","trouble":"format version 1: build the model again"},
    {"name":"new","program":"0x2","trouble":null}])"));
  EXPECT_THAT(text, HasSubstr("old cannot be used: format version 1: build the model again"));
  EXPECT_THAT(text, Not(HasSubstr("new cannot")));
}

TEST(Describe, says_what_to_do_when_there_is_nothing) {
  EXPECT_THAT(describe_orders(json::object()), HasSubstr("koinon order"));
  EXPECT_THAT(describe_providers(json::array()), HasSubstr("koinon provide"));
}

TEST(Describe, shows_a_lie_that_was_paid_and_the_money_that_was_missing) {
  const auto text =
      describe_watch(json::parse(R"({"watching":true,"agreed":4,"wrong":1,"lost":1,"earned":"0","fees":"0","free":"0",
    "claims":[{"order":"7","provider":4,"found":"differs","text":"our own run gives another result",
    "trouble":"1.25 more are needed: koinon account deposit 1.25","outcome":"stood","demands":0,"earned":"0"},
    {"order":"6","provider":4,"found":"agreed","text":"the same","trouble":null,"outcome":"stood","demands":0,"earned":"0"}]})"));
  EXPECT_THAT(text, HasSubstr("another result; 1.25 more are needed: koinon account deposit 1.25"));
  EXPECT_THAT(text, HasSubstr("1 wrong claim was paid"));
  EXPECT_THAT(text, Not(HasSubstr("the same;")));
}

TEST(Describe, tells_how_a_text_was_drawn_in_the_words_of_the_options) {
  const auto told = [](const std::string& numbers) {
    return describe_order(json::parse(R"({"text":{"prompt":"a","text":"b","prompt_tokens":1,"generated":1,)" + numbers + "}}"));
  };
  EXPECT_THAT(told(R"("coldness":4096,"top_k":1,"top_p":65536)"), HasSubstr("; always the most likely token\n"));
  EXPECT_THAT(told(R"("coldness":5120,"top_k":30,"top_p":62259)"),
              HasSubstr("; temperature 0.8, of the 30 most likely tokens, top-p 0.95\n"));
  EXPECT_THAT(told(R"("coldness":0,"top_k":30,"top_p":65536)"), HasSubstr("of the 30 most likely tokens\n"));
}

TEST(Describe, draws_no_classes_for_whole_numbers) {
  const auto output = [](json data) { return json::array({{{"name", "y"}, {"shape", {data.size()}}, {"data", data}}}); };
  EXPECT_EQ(describe_outputs(output({-1, 0, 1})), "y [3]\n  -1, 0, 1\n");
  EXPECT_THAT(describe_outputs(output({2.5, 0.5})), HasSubstr("softmax"));
}

/// A server that answers as a node would, over a real socket.
struct Node : ::testing::Test {
  Node() {
    net::Router router;
    router.get("/api/v1/status", [](const net::HttpRequest&) { return net::HttpResponse::json(200, R"({"version":"9"})"); });
    router.get("/api/v1/broken", [](const net::HttpRequest&) { return net::HttpResponse::json(200, "{"); });
    router.get("/api/v1/absent", [](const net::HttpRequest&) -> base::Result<net::HttpResponse> {
      return base::fail(Code::not_found, "[orders] no order 9");
    });
    router.post("/api/v1/echo", [](const net::HttpRequest& request) {
      return net::HttpResponse::json(
          200, json{{"token", request.headers.get("authorization")}, {"type", request.headers.get("content-type")}}.dump());
    });
    server = *net::HttpServer::start(std::move(router), {});
    access.url = fmt::format("http://127.0.0.1:{}/", server->port());
    access.data = folder.path().string();
  }
  base::TempFolder folder;
  std::unique_ptr<net::HttpServer> server;
  NodeAccess access;
};

TEST_F(Node, answers_json) { EXPECT_EQ(text_at(*NodeClient::open(access)->get("/api/v1/status"), "version"), "9"); }

TEST_F(Node, passes_on_the_error_with_its_code) {
  const auto answer = NodeClient::open(access)->get("/api/v1/absent");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error(), (base::Error{Code::not_found, "[orders] no order 9"}));
}

/// Follows order 5 of a node that gives these answers one after the other, and the last one from then on; null: 404.
base::Result<json> follow(NodeAccess access, std::vector<json> answers) {
  net::Router router;
  auto next = std::make_shared<std::atomic<std::size_t>>(0);
  router.get("/api/v1/orders/5", [next, answers](const net::HttpRequest&) -> base::Result<net::HttpResponse> {
    const auto& answer = answers[std::min(next->fetch_add(1), answers.size() - 1)];
    if (answer.is_null()) return base::fail(Code::not_found, "[order] 5 is not on the ledger");
    return net::HttpResponse::json(200, answer.dump());
  });
  const auto server = *net::HttpServer::start(std::move(router), {});
  access.url = server->url();
  auto node = NodeClient::open(access);
  Progress progress(true);
  return follow_order(*node, "5", progress);
}

TEST_F(Node, whose_ledger_takes_an_order_back_is_waited_for) {
  const json input = {{"root", "0x01"}};
  const json running = {{"state", "committing"}, {"buyer", 1}, {"input", input}};
  const json paid = {{"state", "settled"}, {"buyer", 1}, {"input", input}, {"mine", true}, {"receipt_url", "/r"}};
  const auto done = follow(access, {running, nullptr, nullptr, running, paid});
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(text_at(*done, "state"), "settled");
  EXPECT_EQ(follow(access, {nullptr}).error().code, Code::not_found) << "it was never there";
  auto another = paid;
  another["input"]["root"] = "0x02";
  EXPECT_EQ(follow(access, {running, nullptr, another}).error().code, Code::conflict);
}

TEST_F(Node, is_not_believed_when_it_sends_no_json) {
  EXPECT_EQ(NodeClient::open(access)->get("/api/v1/broken").error().code, Code::malformed);
}

TEST_F(Node, gets_the_token_of_the_data_folder) {
  auto client = *NodeClient::open(access);
  EXPECT_EQ(client.post("/api/v1/echo", json::object()).error().code, Code::unauthorised);
  ASSERT_TRUE(base::write_file(folder.path() / "token", base::as_bytes("secret\n"), 0600));
  const auto answer = client.post("/api/v1/echo", json::object());
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(text_at(*answer, "token"), "Bearer secret");
  EXPECT_EQ(text_at(*answer, "type"), "application/json");
}

TEST_F(Node, keeps_the_token_from_other_machines_unless_told) {
  ASSERT_TRUE(base::write_file(folder.path() / "token", base::as_bytes("secret"), 0600));
  access.url = "http://203.0.113.7:7070";
  const auto answer = NodeClient::open(access)->post("/api/v1/echo", json::object());
  EXPECT_EQ(answer.error().code, Code::unauthorised);
  EXPECT_THAT(answer.error().text, HasSubstr("--token-file"));
}

TEST_F(Node, that_is_down_is_told_with_what_to_do) {
  server.reset();
  EXPECT_THAT(NodeClient::open(access)->get("/api/v1/status").error().text, HasSubstr("koinon up"));
}

TEST(NodeAccess, refuses_what_is_no_url) {
  EXPECT_EQ(NodeClient::open({.url = "7070", .token_file = {}, .data = {}}).error().code, Code::invalid_argument);
}

TEST_F(Node, without_a_deployment_hints_at_the_file) {
  const auto source = find_ledger(access.url, "");
  ASSERT_FALSE(source);
  EXPECT_THAT(source.error().text, HasSubstr("--deployment"));
}

TEST(OrderWatch, knows_which_messages_tell_of_its_order) {
  EXPECT_TRUE(tells_of(R"({"type":"order","order":{"id":"7","state":"settled"}})", "7"));
  for (const char* other : {"", "{", "[]", "7", R"({"type":"order"})", R"({"type":"order","order":{"id":"8"}})",
                            R"({"type":"order","order":{"id":7}})", R"({"type":"block","number":7})"})
    EXPECT_FALSE(tells_of(other, "7")) << other;
}

std::int64_t elapsed_ms(const std::function<void()>& body) {
  const auto from = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - from).count();
}

TEST(OrderWatch, is_woken_by_the_nodes_events) {
  std::mutex mutex;
  std::shared_ptr<net::WebSocketSession> session;
  net::Router router;
  net::WebSocketHandler handler;
  handler.on_open = [&](const std::shared_ptr<net::WebSocketSession>& opened, const net::HttpRequest&) -> base::Status {
    const std::lock_guard lock(mutex);
    session = opened;
    return {};
  };
  handler.on_text = [](const std::shared_ptr<net::WebSocketSession>&, const std::string&) {};
  handler.on_close = [](std::uint64_t) {};
  router.websocket("/api/v1/events", std::move(handler));
  auto server = *net::HttpServer::start(std::move(router));
  OrderWatch watch(server->url(), "7");
  EXPECT_TRUE(watch.wait(1'000)) << "the first look is due at once";
  ASSERT_TRUE(watch.is_live());
  EXPECT_FALSE(watch.wait(400)) << "nothing was told";
  std::jthread node([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const std::lock_guard lock(mutex);
    EXPECT_TRUE(session->send(R"({"type":"order","order":{"id":"8"}})"));
    EXPECT_TRUE(session->send(R"({"type":"order","order":{"id":"7"}})"));
  });
  const auto took = elapsed_ms([&] { EXPECT_TRUE(watch.wait(60'000)); });
  EXPECT_LT(took, 2'500) << "sooner than it would have looked by itself";
  node.join();
  {
    const std::lock_guard lock(mutex);
    session.reset();
  }
  server.reset();
  int looks = 0;
  for (int i = 0; i < 12; ++i) looks += watch.wait(250) ? 1 : 0;
  EXPECT_FALSE(watch.is_live());
  EXPECT_GE(looks, 4) << "without events it looks often";
}

TEST(OrderWatch, looks_often_where_there_are_no_events) {
  OrderWatch watch("http://127.0.0.1:1", "7");
  EXPECT_TRUE(watch.wait(100));
  EXPECT_FALSE(watch.is_live());
  EXPECT_TRUE(watch.wait(5'000));
  const auto took = elapsed_ms([&] { EXPECT_TRUE(watch.wait(5'000)); });
  EXPECT_GE(took, 200);
  EXPECT_LT(took, 3'000);
}

}  // namespace
}  // namespace koinon::cli
