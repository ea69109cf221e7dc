#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "cli/remote/describe.hpp"
#include "cli/remote/ledger_source.hpp"
#include "cli/remote/node_client.hpp"
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
  EXPECT_THAT(text, HasSubstr("80.0 %"));
  EXPECT_THAT(text, HasSubstr("2023-11-14T22:13:20.000Z  Placed by account 1"));
}

TEST(Describe, lets_no_escape_sequence_through) {
  const json models = json::array({{{"name", "a\x1b[2Jb\xc2\x9b"}, {"program", "0x1"}}});
  EXPECT_THAT(describe_models(models), HasSubstr("a?[2Jb?"));
  EXPECT_THAT(describe_models(models), Not(HasSubstr("\x1b")));
}

TEST(Describe, says_what_to_do_when_there_is_nothing) {
  EXPECT_THAT(describe_orders(json::object()), HasSubstr("koinon order"));
  EXPECT_THAT(describe_providers(json::array()), HasSubstr("koinon provide"));
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

}  // namespace
}  // namespace koinon::cli
