#include "node/api/gate.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "node/api/answer.hpp"
#include "node/api/fields.hpp"
#include "node/api/new_order.hpp"
#include "node/api/picture.hpp"

namespace koinon::node::api {
namespace {

const std::string kToken(64, 'a');
const Rule kOpen{Access::anyone};

struct GateTest : testing::Test {
  Gate gate{Door{kToken, net::Site{.hosts = {"node.example"}}, true}};
  static HttpRequest request(const std::string& host = "127.0.0.1:7070", const std::string& peer = "127.0.0.1") {
    HttpRequest out;
    out.peer = peer;
    out.headers.add("Host", host);
    return out;
  }
  Code refusal(const HttpRequest& r, Rule rule) {
    const auto admitted = gate.admit(r, rule);
    EXPECT_FALSE(admitted);
    return admitted ? Code::internal : admitted.error().code;
  }
};

TEST_F(GateTest, answers_to_loopback_names_and_the_public_endpoint_only) {
  for (const char* host : {"localhost:1", "127.0.0.1", "127.0.0.2:80", "[::1]:7070", "node.example"})
    EXPECT_TRUE(gate.admit(request(host), kOpen)) << host;
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "[::2]:1"})
    EXPECT_EQ(refusal(request(host), kOpen), Code::unauthorised) << host;
  for (const char* host : {"", "[::1].evil.com", "127.0.0.1:evil", "localhost:70000", "localhost.", "x@localhost"})
    EXPECT_EQ(refusal(request(host), kOpen), Code::malformed) << host;
}

TEST_F(GateTest, refuses_other_sites) {
  auto r = request();
  r.headers.set("Origin", "http://127.0.0.1:7070");
  EXPECT_TRUE(gate.admit(r, kOpen));
  for (const char* origin : {"http://evil.example", "null", "http://127.0.0.1:7071", "http://127.0.0.1:7070.evil.example"}) {
    r.headers.set("Origin", origin);
    EXPECT_EQ(refusal(r, kOpen), Code::unauthorised) << origin;
    EXPECT_TRUE(gate.admit(r, {Access::peers})) << origin;
  }
}

TEST_F(GateTest, lets_customers_in_only_while_calls_are_sold) {
  Gate selling{Door{kToken, net::Site{.hosts = {"node.example"}}, true, true}};
  auto visitor = request("node.example", "203.0.113.5");
  for (const auto access : {Access::customers, Access::calls}) {
    EXPECT_EQ(refusal(visitor, {access}), Code::unauthorised);
    EXPECT_TRUE(selling.admit(visitor, {access}));
  }
  for (const auto access : {Access::visitors, Access::loopback, Access::spend})
    EXPECT_FALSE(selling.admit(visitor, {access})) << "all else is the owner's";
  EXPECT_FALSE(gate.is_customer(visitor));
  EXPECT_TRUE(selling.is_customer(visitor));
  EXPECT_TRUE(selling.is_customer(request())) << "from loopback too, where a proxy may stand";
  auto owner = request();
  owner.headers.set("Authorization", "Bearer " + kToken);
  EXPECT_FALSE(selling.is_customer(owner));
  visitor.headers.set("Origin", "http://evil.example");
  EXPECT_FALSE(selling.admit(visitor, {Access::calls}));
}

TEST_F(GateTest, refuses_two_origins) {
  auto r = request();
  r.headers.add("Origin", "http://127.0.0.1:7070");
  r.headers.add("origin", "http://evil.example");
  EXPECT_EQ(refusal(r, kOpen), Code::malformed);
}

TEST_F(GateTest, spending_needs_token_loopback_and_content_type) {
  const Rule rule{Access::spend, "application/json"};
  auto r = request();
  r.headers.set("Content-Type", "application/json; charset=utf-8");
  EXPECT_EQ(refusal(r, rule), Code::unauthorised);
  for (const auto& wrong : {"Bearer " + std::string(64, 'b'), "Bearer " + std::string(63, 'a'), "Basic " + kToken, kToken}) {
    r.headers.set("Authorization", wrong);
    EXPECT_EQ(refusal(r, rule), Code::unauthorised);
  }
  r.headers.set("Authorization", "Bearer " + kToken);
  EXPECT_TRUE(gate.admit(r, rule));
  r.peer = "203.0.113.7";
  EXPECT_EQ(refusal(r, rule), Code::unauthorised);
  r.peer = "127.0.0.1";
  r.headers.set("Content-Type", "text/plain");
  EXPECT_EQ(refusal(r, rule), Code::unsupported);
}

TEST_F(GateTest, owner_is_the_token_or_loopback_with_a_loopback_host) {
  const Gate at_home{Door{kToken, {}, false}};
  EXPECT_TRUE(at_home.is_owner(request()));
  EXPECT_FALSE(at_home.is_owner(request("node.example")));
  EXPECT_FALSE(at_home.is_owner(request("127.0.0.1:7070", "203.0.113.7")));
}

TEST_F(GateTest, owner_of_a_node_with_a_public_name_is_the_token_alone) {
  // A proxy on the same machine makes every visitor come from loopback, with a loopback Host unless told otherwise.
  EXPECT_FALSE(gate.is_owner(request()));
  auto far = request("node.example", "203.0.113.7");
  far.headers.set("Authorization", "Bearer " + kToken);
  EXPECT_TRUE(gate.is_owner(far));
}

TEST_F(GateTest, a_node_with_a_public_name_asks_visitors_for_its_token) {
  auto far = request("node.example", "203.0.113.7");
  EXPECT_EQ(refusal(far, {}), Code::unauthorised);
  EXPECT_EQ(refusal(request(), {}), Code::unauthorised);
  EXPECT_TRUE(gate.admit(far, kOpen));
  const auto answer = gate.refusal(far, {});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 401);
  EXPECT_EQ(answer->headers.get("WWW-Authenticate"), "Bearer");
  EXPECT_NE(answer->body_text().find("\"unauthorised\""), std::string::npos);
  far.headers.set("Authorization", "Bearer " + kToken);
  EXPECT_TRUE(gate.admit(far, {}));
  const Gate at_home{Door{kToken, {}, false}};
  EXPECT_TRUE(at_home.admit(request(), {}));
}

TEST_F(GateTest, a_websocket_brings_the_token_as_a_subprotocol) {
  auto r = request("node.example", "203.0.113.7");
  for (const std::string& wrong :
       {std::string("koinon"), "koinon, koinon.token." + std::string(64, 'b'), std::string("koinon.token."), "x" + kToken}) {
    r.headers.set("Sec-WebSocket-Protocol", wrong);
    EXPECT_EQ(refusal(r, {}), Code::unauthorised) << wrong;
  }
  r.headers.set("Sec-WebSocket-Protocol", "koinon, koinon.token." + kToken);
  EXPECT_TRUE(gate.admit(r, {}));
  EXPECT_TRUE(gate.is_owner(r));
}

TEST_F(GateTest, other_sites_pass_when_they_are_configured) {
  Gate open_to{Door{kToken, net::Site{.origins = {"https://app.example"}}, false}};
  auto r = request();
  r.headers.set("Origin", "https://app.example");
  const auto answer = open_to.pass(r, {}, []() -> Result<HttpResponse> { return HttpResponse::text(200, "x"); });
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("Access-Control-Allow-Origin"), "https://app.example");
  r.headers.set("Origin", "https://evil.example");
  EXPECT_EQ(open_to.pass(r, {}, []() -> Result<HttpResponse> { return HttpResponse::text(200, "x"); }).status, 401);
}

TEST_F(GateTest, errors_have_the_status_of_the_document_and_are_counted) {
  const auto answer = [&](Code code) {
    return gate.pass(request(), kOpen, [&]() -> Result<HttpResponse> { return fail(code, "[test] \"why\""); }).status;
  };
  EXPECT_EQ(answer(Code::unsupported), 422);
  EXPECT_EQ(answer(Code::cancelled), 409);
  EXPECT_EQ(answer(Code::not_found), 404);
  EXPECT_EQ(answer(Code::exhausted), 429);
  EXPECT_EQ(answer(Code::ledger), 502);
  EXPECT_EQ(gate.counts()[4], 4U);
  EXPECT_EQ(gate.counts()[5], 1U);
}

std::string order_body(const std::string& more) {
  return R"({"program":"0x)" + std::string(64, '1') + R"(","max_price":"1000")" + more + "}";
}

TEST(NewOrder, reads_tensors_with_defaults) {
  const auto order = parse_new_order(order_body(R"(,"input":{"input_data":[[1,2]]})"));
  ASSERT_TRUE(order) << order.error().text;
  EXPECT_EQ(order->n, 3);
  EXPECT_EQ(order->k, 2);
  EXPECT_EQ(order->max_price, base::Wei(1000));
  EXPECT_EQ(base::as_text(order->input), R"({"input_data":[[1,2]]})");
  EXPECT_FALSE(order->trap);
}

TEST(NewOrder, reads_training_in_the_place_of_a_program) {
  const auto order = parse_new_order(R"({"training":{"recipe":"seed = 1","data":"AAEC","checkpoint":"/w=="},"max_price":"7"})");
  ASSERT_TRUE(order) << order.error().text;
  ASSERT_TRUE(order->training);
  EXPECT_EQ(order->program, base::keccak256(base::as_bytes("seed = 1")));
  EXPECT_EQ(order->training->inputs(), (std::vector<base::Bytes>{{0, 1, 2}, {255}}));
  EXPECT_EQ(order->n, 3);
  for (const auto* wrong :
       {R"({"training":{"recipe":"a","data":"AAEC"},"program":"0x11","max_price":"7"})",
        R"({"training":{"recipe":"a"},"max_price":"7"})", R"({"training":{"recipe":"a","data":""},"max_price":"7"})",
        R"({"training":{"recipe":"a","data":"A"},"max_price":"7"})",
        R"({"training":{"recipe":"a","data":"AAEC","more":1},"max_price":"7"})", R"({"training":[],"max_price":"7"})"})
    EXPECT_FALSE(parse_new_order(wrong)) << wrong;
}

TEST(NewOrder, refuses_what_the_document_does_not_allow) {
  const std::string input = R"(,"input":{"input_data":[[1]]})";
  const std::pair<std::string, Code> cases[] = {
      {order_body(""), Code::invalid_argument},
      {order_body(input + R"(,"hidden":1)"), Code::invalid_argument},
      {order_body(input + R"(,"n":6)"), Code::out_of_range},
      {order_body(input + R"(,"n":4,"k":2)"), Code::invalid_argument},
      {order_body(input + R"(,"check":"proof","n":2)"), Code::invalid_argument},
      {order_body(input + R"(,"check":"oracle")"), Code::invalid_argument},
      {order_body(input + R"(,"privacy":"secret")"), Code::invalid_argument},
      {order_body(input + R"(,"audit_bps":10001)"), Code::out_of_range},
      {order_body(R"(,"input":{"input_data":[[1]],"image":""})"), Code::invalid_argument},
      {order_body(R"(,"input":{"image":"AAAA"})"), Code::malformed},
      {"{", Code::malformed},
      {"[]", Code::malformed},
  };
  for (const auto& [body, code] : cases) {
    const auto order = parse_new_order(body);
    ASSERT_FALSE(order) << body;
    EXPECT_EQ(order.error().code, code) << body << ": " << order.error().text;
  }
}

TEST(Fields, base64_is_that_of_the_standard) {
  const std::pair<const char*, const char*> good[] = {
      {"", ""}, {"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9vYg==", "foob"}};
  for (const auto& [text, bytes] : good) EXPECT_EQ(base::as_text(decode_base64(text).value()), bytes);
  for (const char* text : {"Z", "Zg=", "Zg=a", "Zh==", "Z m9", "=Zg=", "====", "Zm9vYg==Zg=="})
    EXPECT_FALSE(decode_base64(text)) << text;
}

TEST(Fields, wei_are_plain_decimal_numbers) {
  EXPECT_TRUE(parse_wei("0", "x"));
  for (const char* text : {"", "-1", "01", "0x10", "1.5", "1e3", " 1"}) EXPECT_FALSE(parse_wei(text, "x")) << text;
  EXPECT_FALSE(parse_wei(std::string(79, '9'), "x"));
}

TEST(Answer, names_the_highest_class_with_its_share) {
  EXPECT_EQ(answer_text({{"logits", {1, 3}, {0, 5, 0}, {}}}), "1 (99 %)");
  EXPECT_EQ(answer_text({{"p", {3}, {0.1, 0.2, 0.7}, {"a", "b", "cat"}}}), "cat (70 %)");
  EXPECT_EQ(answer_text({{"tie", {2}, {2, 2}, {}}}), "0 (50 %)");
  EXPECT_EQ(answer_text({{"y", {1}, {0.25}, {}}}), "0.25");
  EXPECT_EQ(answer_text({{"y", {2, 3}, {1, 2, 3, 4, 5, 6}, {}}}), "1, 2, 3, 4, ...");
  EXPECT_LE(answer_text({{"p", {2}, {1, 0}, {std::string(200, 'x'), "b"}}}).size(), 80U);
}

TEST(Picture, is_made_of_what_looks_like_one) {
  for (const engine::tensor::Shape& shape :
       {engine::tensor::Shape{1, 1, 28, 28}, {3, 16, 20}, {1, 28, 28, 3}, {1, 784}, {784}, {28, 28}})
    EXPECT_TRUE(picture_layout(shape)) << engine::tensor::shape_text(shape);
  for (const engine::tensor::Shape& shape :
       {engine::tensor::Shape{1, 10}, {2, 1, 28, 28}, {1, 785}, {4, 28, 28}, {1, 1, 2, 2}, {16, 28}, {}})
    EXPECT_FALSE(picture_layout(shape)) << engine::tensor::shape_text(shape);
  const auto png = picture_png({1, 1, 28, 28}, std::vector<double>(784, 0.5));
  ASSERT_TRUE(png) << png.error().text;
  EXPECT_TRUE(png->starts_with("\x89PNG"));
  // Width and height stand big-endian at byte 16 (PNG specification, IHDR): each pixel is enlarged tenfold.
  EXPECT_EQ(png->substr(16, 8), std::string("\0\0\x01\x18\0\0\x01\x18", 8));
  EXPECT_EQ(picture_png({1, 10}, std::vector<double>(10)).error().code, Code::not_found);
  EXPECT_EQ(picture_png({1, 784}, std::vector<double>(3)).error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace koinon::node::api
