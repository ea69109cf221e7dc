#include <set>

#include "net/websocket.hpp"
#include "node/api/api_fixture.hpp"

namespace koinon::node {
namespace {

TEST_F(ApiTest, tells_status_deployment_and_document) {
  const auto status = get("/api/v1/status");
  EXPECT_EQ(status["account"]["id"], node().account());
  EXPECT_EQ(status["ledger"]["local"], true);
  EXPECT_EQ(status["ledger"]["connected"], true);
  EXPECT_EQ(status["ledger"]["token_decimals"], 18);
  EXPECT_EQ(status["counts"]["providers"], 3);
  const auto deployment = get("/api/v1/deployment");
  EXPECT_TRUE(ledger::Deployment::from_json(deployment["deployment"].dump()));
  EXPECT_EQ(get("/openapi.json")["openapi"], "3.1.0");
  const auto providers = get("/api/v1/providers");
  ASSERT_EQ(providers.size(), 3U);
  EXPECT_GT(providers[0]["weight"], 0);
  EXPECT_EQ(get(fmt::format("/api/v1/providers?after={}", providers[1]["account"].get<int>())).size(), 1U);
  EXPECT_NE(call(net::Method::get, "/metrics").body_text().find("koinon_orders{state=\"settled\"}"), std::string::npos);
}

TEST_F(ApiTest, serves_the_page_and_nothing_beside_it) {
  const auto page = call(net::Method::get, "/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.headers.get("Cache-Control"), "no-cache");
  EXPECT_NE(page.headers.get("Content-Security-Policy"), "");
  const auto script = call(net::Method::get, "/assets/index-1.js");
  EXPECT_EQ(script.headers.get("Content-Type"), "text/javascript; charset=utf-8");
  for (const char* path : {"/assets/..%2findex.html", "/assets/.", "/assets/nothing.js", "/assets/%2e%2e", "/index.html"})
    EXPECT_GE(call(net::Method::get, path).status, 400) << path;
}

TEST_F(ApiTest, runs_an_order_to_its_receipt) {
  auto live = net::WebSocketClient::connect("ws" + node().url().substr(4) + "/api/v1/events");
  ASSERT_TRUE(live) << live.error().text;
  EXPECT_EQ(json::parse((*live)->read(5'000).value())["type"], "block");

  const auto model = upload();
  EXPECT_EQ(model["name"], "echo");
  EXPECT_EQ(get("/api/v1/models").size(), 1U);
  EXPECT_EQ(get("/api/v1/models/" + model["program"].get<std::string>()), model);
  const auto quote = get(fmt::format("/api/v1/quote?program={}&max_price={}", model["program"].get<std::string>(), kPrice));
  EXPECT_EQ(quote["eligible"], 3);
  EXPECT_GT(quote["windows"]["appeal"], 0);
  EXPECT_LT(base::Wei::parse(quote["bond"].get<std::string>()).value(),
            base::Wei::parse(quote["escrow"].get<std::string>()).value());

  auto body = order_body(model);
  body["trap"] = true;
  body["label"] = "forty-two";
  const auto id = post("/api/v1/orders", body, 202)["id"].get<std::string>();
  const auto order = await_order(id, [](const json& o) { return o["state"] == "settled" && !o["receipt_url"].is_null(); });
  EXPECT_EQ(order["verdict"], "accepted");
  EXPECT_EQ(order["answer"].get<std::string>().substr(0, 3), "42 ");
  EXPECT_EQ(order["input"]["label"], "forty-two");
  ASSERT_EQ(order["rounds"].size(), 1U);
  for (const auto& member : order["rounds"][0]["members"]) EXPECT_EQ(member["verdict"], "accepted");
  EXPECT_EQ(get("/api/v1/orders")["orders"][0]["answer"], order["answer"]);

  const auto& money = order["money"];
  const auto wei = [&](const char* key) { return base::Wei::parse(money[key].get<std::string>()).value(); };
  EXPECT_EQ(wei("escrow").plus(wei("slashed")).value(),
            wei("paid").plus(wei("fee")).value().plus(wei("burned")).value().plus(wei("refunded")).value());

  const auto picture = call(net::Method::get, order["input"]["picture_url"].get<std::string>());
  EXPECT_EQ(picture.headers.get("Content-Type"), "image/png");
  EXPECT_TRUE(picture.body_text().starts_with("\x89PNG"));
  const auto receipt = market::Receipt::from_json(call(net::Method::get, order["receipt_url"].get<std::string>()).body_text());
  ASSERT_TRUE(receipt) << receipt.error().text;
  EXPECT_TRUE(market::verify_offline(*receipt));

  const auto record = get("/api/v1/models/" + model["program"].get<std::string>() + "/record");
  ASSERT_EQ(record["checks"].size(), 1U) << record.dump();
  EXPECT_EQ(record["checks"][0]["check"], "quorum");
  EXPECT_EQ(record["checks"][0]["settled"], 1);
  EXPECT_TRUE(record["checks"][0]["median_ms"].is_number_unsigned()) << record.dump();  // block times: whole seconds
  const auto member = order["rounds"][0]["members"][0];
  const auto account = get(fmt::format("/api/v1/accounts/{}", member["account"].get<int>()));
  ASSERT_EQ(account["work"].size(), 1U);
  EXPECT_EQ(account["work"][0]["order"], id);
  EXPECT_EQ(account["work"][0]["reason"], member["reason"]);
  EXPECT_EQ(account["provider"]["earned"], member["paid"]);
  const auto history = get(fmt::format("/api/v1/history?points=3&account={}", node().account()));
  base::Wei spent;
  for (const auto& point : history["points"])
    spent = spent.plus(base::Wei::parse(point["spent"].get<std::string>()).value()).value();
  EXPECT_EQ(spent, wei("escrow").minus(wei("refunded")).value());

  bool told = false;
  while (const auto message = (*live)->read(2'000)) {
    const auto event = json::parse(*message);
    told = told ||
           (event["type"] == "order" && event["order"]["state"] == "settled" && event["order"]["answer"] == order["answer"]);
    if (told) break;
  }
  EXPECT_TRUE(told);
}

TEST_F(ApiTest, says_of_a_model_of_an_older_format_that_it_must_be_built_again) {
  auto old = echo();
  old.version = 1;
  ModelRecord record;
  record.program = base::Hash{{0x0d}};
  record.name = "old";
  record.card = R"({"disputable":true})";
  record.artifact = node().artifacts().put(program::encode(old)).value();
  ASSERT_TRUE(node().store().models.put(record));
  const auto id = base::to_hex(record.program);
  for (int i = 0; i < 2; ++i) {
    const auto model = get("/api/v1/models/" + id);
    ASSERT_TRUE(model["trouble"].is_string()) << model.dump();
    EXPECT_NE(model["trouble"].get<std::string>().find("build the model again"), std::string::npos) << model.dump();
    EXPECT_TRUE(model["policies"].empty());
  }
  EXPECT_TRUE(upload()["trouble"].is_null());
  auto body = order_body(upload());
  body["program"] = id;
  EXPECT_NE(post("/api/v1/orders", body, 422).dump().find("build the model again"), std::string::npos);
}

TEST_F(ApiTest, orders_placed_at_once_keep_the_money_for_their_disputes) {
  const auto balance = [&] { return base::Wei::parse(get("/api/v1/status")["account"]["balance"].get<std::string>()).value(); };
  // Two orders of a price of 0.002 tokens, each with demands of 0.16 to come, and no third.
  const auto left = base::Wei::parse_tokens("0.4").value();
  const auto away = balance().minus(left).value();
  post("/api/v1/account/withdraw", {{"amount", away.text()}});
  program::Builder b;
  const auto x = b.input("image", {program::DType::i8, {1, 64}}, program::Scale{1, -6}, 0, 127);
  b.output("scores", b.add(x, x, program::DType::i16), program::Scale{1, -3});
  auto body = order_body(upload(program::encode(b.finish({"double", "the tests", "Apache-2.0", "Doubles."}).value())));
  body.erase("audit_bps");
  body["check"] = "optimistic";
  body["trap"] = true;
  std::vector<net::HttpResponse> answers(3);
  {
    std::vector<std::jthread> buyers;
    for (auto& answer : answers)
      buyers.emplace_back([&answer, text = body.dump()] {
        net::ClientRequest request;
        request.method = net::Method::post;
        request.url = node().url() + "/api/v1/orders";
        request.body = text;
        request.headers.add("Content-Type", "application/json");
        request.headers.add("Authorization", "Bearer " + node().token());
        net::HttpClient http;
        if (auto got = http.send(request)) answer = *std::move(got);
      });
  }
  std::size_t placed = 0;
  for (const auto& answer : answers) {
    if (answer.status == 202) {
      ++placed;
      const auto id = json::parse(answer.body_text())["id"].get<std::string>();
      await_order(id, [](const json& o) { return o["state"] == "settled"; });
      continue;
    }
    EXPECT_EQ(answer.status, 409) << answer.body_text();
    EXPECT_NE(answer.body_text().find("koinon account deposit"), std::string::npos) << answer.body_text();
  }
  EXPECT_EQ(placed, 2U);
  const auto after = post("/api/v1/orders", body, 202)["id"].get<std::string>();
  await_order(after, [](const json& o) { return o["state"] == "settled"; });
  const auto watched = get("/api/v1/watch");
  EXPECT_EQ(watched["lost"], 0);
  EXPECT_GE(watched["agreed"], 3);
  post("/api/v1/account/deposit", {{"amount", away.text()}});
}

TEST_F(ApiTest, previews_an_input_as_the_program_sees_it) {
  auto body = order_body(upload());
  body.erase("max_price");
  body.erase("audit_bps");
  body["input"]["input_data"][0][0] = 1e9;
  const auto seen = post("/api/v1/preview", body);
  EXPECT_EQ(seen["values"], 64);
  EXPECT_EQ(seen["clamped"], 1);
  EXPECT_TRUE(seen["picture"].get<std::string>().starts_with("iVBORw0KGgo"));  // PNG
  body["input"]["input_data"][0].erase(0);
  post("/api/v1/preview", body, 400);
  body["program"] = "0x" + std::string(64, '7');
  post("/api/v1/preview", body, 404);
}

TEST_F(ApiTest, refuses_what_it_must) {
  const auto model = upload();
  const auto order = order_body(model).dump();
  EXPECT_EQ(call(net::Method::post, "/api/v1/orders", order, "application/json", false).status, 401);
  EXPECT_EQ(call(net::Method::post, "/api/v1/orders", order, "text/plain").status, 422);
  EXPECT_EQ(call(net::Method::post, "/api/v1/orders", order, "application/json", true, "http://evil.example").status, 401);
  EXPECT_EQ(call(net::Method::post, "/api/v1/account/stake", R"({"amount":"1"})", "application/json", false).status, 401);
  auto unknown = order_body(model);
  unknown["program"] = "0x" + std::string(64, '7');
  post("/api/v1/orders", unknown, 404);
  auto dear = order_body(model);
  dear["max_price"] = "1" + std::string(24, '0');
  post("/api/v1/orders", dear, 409);
  auto cheap = order_body(model);
  cheap["max_price"] = "1000000000000";
  post("/api/v1/orders", cheap, 429);
  EXPECT_EQ(call(net::Method::post, "/api/v1/models", "rubbish", "application/octet-stream").status, 400);
  get("/api/v1/orders/999999999", 404);
  get("/api/v1/orders/UPPER", 400);
  get("/api/v1/orders?limit=0", 400);
  get("/api/v1/accounts/999999", 404);
  get("/api/v1/accounts/99999999999", 400);
  get("/api/v1/history?points=201", 400);
  get("/api/v1/models/0x12", 400);
  post("/api/v1/faucet", {{"address", "0x" + std::string(40, '0')}, {"tokens", "1"}}, 400);
}

TEST_F(ApiTest, moves_the_accounts_money) {
  const auto before = get("/api/v1/status")["account"];
  const std::string amount = "1000000000000000000";
  post("/api/v1/account/stake", {{"amount", amount}});
  EXPECT_EQ(get("/api/v1/status")["account"]["stake"].get<std::string>(), amount);
  post("/api/v1/account/offer", {{"price", kPrice}}, 409);  // this node was not started to sell
  EXPECT_EQ(get("/api/v1/status")["counts"]["providers"], 3);
  post("/api/v1/account/unstake", {{"amount", amount}});
  post("/api/v1/account/finish-unstake", json::object(), 502);  // it has not unbonded yet
  EXPECT_EQ(before["id"], get("/api/v1/status")["account"]["id"]);
}

TEST_F(ApiTest, serves_artifacts_in_ranges) {
  const auto model = upload();
  const auto path = "/artifacts/" + model["artifact"].get<std::string>();
  const auto whole = call(net::Method::get, path);
  EXPECT_EQ(base::Cid::of(base::as_bytes(whole.body_text())).text(), model["artifact"].get<std::string>());
  net::ClientRequest request;
  request.url = node().url() + path;
  request.range = net::ClientRequest::Range{2, 5};
  const auto part = http_.send(request);
  ASSERT_TRUE(part);
  EXPECT_EQ(part->status, 206);
  EXPECT_EQ(part->body_text(), whole.body_text().substr(2, 4));
}

TEST_F(ApiTest, serves_models_by_the_open_inference_protocol) {
  const auto model = upload();
  const auto version = model["program"].get<std::string>();
  EXPECT_EQ(get("/v2")["extensions"], json({"binary_tensor_data"}));
  EXPECT_EQ(call(net::Method::get, "/v2/health/ready").status, 200);
  const auto about = get("/v2/models/echo");
  EXPECT_EQ(about["versions"], json({version}));
  EXPECT_EQ(about["inputs"], json({{{"name", "image"}, {"datatype", "FP32"}, {"shape", {1, 64}}}}));
  EXPECT_EQ(about["outputs"], json({{{"name", "scores"}, {"datatype", "FP32"}, {"shape", {1, 64}}}}));
  EXPECT_EQ(get("/v2/models/echo/ready")["ready"], true);
  EXPECT_EQ(get("/v2/models/echo/versions/" + version + "/ready")["ready"], true);
  EXPECT_TRUE(get("/v2/models/none", 404)["error"].is_string());
  EXPECT_TRUE(get("/v2/nothing", 404)["error"].is_string());
  EXPECT_TRUE(get("/v1/nothing", 404)["error"]["message"].is_string());

  std::vector<double> values(64, 0.25);
  values[42] = 1;
  json request = {{"id", "7"}, {"inputs", {{{"name", "image"}, {"shape", {64}}, {"datatype", "FP32"}, {"data", values}}}}};
  const auto here = post("/v2/models/echo/infer", request);
  EXPECT_EQ(here["id"], "7");
  EXPECT_EQ(here["model_version"], version);
  EXPECT_EQ(here["parameters"]["check"], "none");
  ASSERT_EQ(here["outputs"][0]["data"].size(), 64U);
  const auto best = here["outputs"][0]["data"].get<std::vector<double>>();
  EXPECT_EQ(std::ranges::max_element(best) - best.begin(), 42);

  // The same from the market: equal to the bit, with a receipt.
  request["parameters"] = {{"check", "quorum"}, {"max_price", kPrice}};
  const auto out =
      call(net::Method::post, "/v2/models/echo/versions/" + version + "/infer", request.dump(), "application/json");
  ASSERT_EQ(out.status, 200) << out.body_text();
  const auto bought = json::parse(out.body_text());
  EXPECT_EQ(bought["outputs"], here["outputs"]);
  EXPECT_EQ(bought["parameters"]["check"], "quorum");
  EXPECT_EQ(bought["parameters"]["output_root"], here["parameters"]["output_root"]);
  const auto id = out.headers.get("Koinon-Order");
  await_order(id, [](const json& order) { return !order["receipt_url"].is_null(); });
  EXPECT_EQ(call(net::Method::get, out.headers.get("Koinon-Receipt")).status, 200);

  // One provider, whose claim anybody may dispute.
  engine::program::Builder b;
  const auto x = b.input("image", {engine::program::DType::i8, {1, 64}}, engine::program::Scale{1, -6}, 0, 127);
  b.output("scores", b.shift(x, 1), engine::program::Scale{1, -6});
  upload(engine::program::encode(b.finish({"twice", "the tests", "Apache-2.0", "Twice its input."}).value()));
  auto alone = request;
  alone.erase("parameters");
  const auto plain = post("/v2/models/twice/infer", alone);
  alone["parameters"] = {{"check", "optimistic"}, {"max_price", kPrice}};
  const auto claimed = post("/v2/models/twice/infer", alone);
  EXPECT_EQ(claimed["outputs"], plain["outputs"]);
  EXPECT_EQ(claimed["parameters"]["check"], "optimistic");

  // A request that is sent again because its answer was lost buys nothing twice.
  std::set<std::string> orders;
  for (int i = 0; i < 2; ++i) {
    net::ClientRequest again;
    again.method = net::Method::post;
    again.url = node().url() + "/v2/models/echo/infer";
    again.body = request.dump();
    again.headers.add("Authorization", "Bearer " + node().token());
    again.headers.add("Idempotency-Key", "once");
    const auto answer = http_.send(again);
    ASSERT_TRUE(answer);
    ASSERT_EQ(answer->status, 200) << answer->body_text();
    orders.insert(answer->headers.get("Koinon-Order"));
  }
  EXPECT_EQ(orders.size(), 1U);

  const auto refused = [&](const json& body, bool token = true) {
    const auto answer = call(net::Method::post, "/v2/models/echo/infer", body.dump(), "application/json", token);
    EXPECT_TRUE(json::parse(answer.body_text())["error"].is_string()) << answer.body_text();
    return answer.status;
  };
  EXPECT_EQ(refused(request, false), 401) << "it spends money";
  auto wrong = request;
  wrong["inputs"][0]["name"] = "picture";
  EXPECT_EQ(refused(wrong), 400);
  wrong = request;
  wrong["inputs"][0]["shape"] = {8, 8};
  EXPECT_EQ(refused(wrong), 400);
  wrong = request;
  wrong["outputs"] = {{{"name", "none"}}};
  const auto before = get("/api/v1/orders").size();
  EXPECT_EQ(refused(wrong), 404);
  EXPECT_EQ(get("/api/v1/orders").size(), before) << "nothing was bought";
  wrong = request;
  for (auto& value : wrong["inputs"][0]["data"]) value = value.get<double>() * 255;
  EXPECT_EQ(refused(wrong), 400) << "nobody calibrated for that";
  wrong["parameters"] = {{"clamp", true}};
  EXPECT_EQ(post("/v2/models/echo/infer", wrong)["parameters"]["clamped"], "64");
  wrong = request;
  wrong["parameters"].erase("max_price");
  EXPECT_EQ(refused(wrong), 400);
}

}  // namespace
}  // namespace koinon::node
