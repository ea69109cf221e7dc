#pragma once
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.hpp"
#include "engine/program/builder.hpp"
#include "net/http_client.hpp"
#include "node/api/api.hpp"
#include "node/node.hpp"
#include "work/encrypted/encrypted.hpp"
#include "work/inference/inference.hpp"

namespace koinon::node {

namespace program = engine::program;
using nlohmann::json;

inline constexpr const char* kPrice = "2000000000000000";

/// y = x for a picture of 8 by 8: what an answer must say is plain.
inline program::Program echo() {
  program::Builder b;
  const auto x = b.input("image", {program::DType::i8, {1, 64}}, program::Scale{1, -6}, 0, 127);
  b.output("scores", x, program::Scale{1, -3});
  return b.finish({"echo", "the tests", "Apache-2.0", "Gives back its input."}).value();
}

/// A node that runs a local ledger, and three that provide to it, once for all tests.
class ApiTest : public testing::Test {
 protected:
  static NodeOptions options(const std::string& name) {
    NodeOptions out;
    out.config.data = folder_->path() / name;
    out.config.http_port = 0;
    out.config.keystore = out.config.data / "keystore";
    out.config.password_file = out.config.data / "password";
    EXPECT_TRUE(out.kinds.add(std::make_unique<work::Inference>()));
    EXPECT_TRUE(out.kinds.add(std::make_unique<work::Encrypted>()));
    out.config.provider.kinds = {"inference", "encrypted"};
    out.make_router = [](Node& node) { return make_api(node, {folder_->path() / "page"}); };
    return out;
  }
  static void SetUpTestSuite() {
    folder_ = std::make_unique<base::TempFolder>();
    ASSERT_TRUE(base::make_folder(folder_->path() / "page" / "assets"));
    ASSERT_TRUE(
        base::write_file(folder_->path() / "page" / "index.html", base::as_bytes("<!doctype html><title>page</title>")));
    ASSERT_TRUE(base::write_file(folder_->path() / "page" / "assets" / "index-1.js", base::as_bytes("1")));
    auto buyer = Node::start(options("buyer"));
    ASSERT_TRUE(buyer) << buyer.error().text;
    nodes_.push_back(*std::move(buyer));
    for (int i = 0; i < 3; ++i) {
      auto provider = options(fmt::format("provider{}", i));
      provider.config.ledger_url = nodes_[0]->url();
      provider.provide = true;
      auto started = Node::start(std::move(provider));
      ASSERT_TRUE(started) << started.error().text;
      nodes_.push_back(*std::move(started));
    }
    ASSERT_TRUE(nodes_[0]->sync().catch_up());
  }
  static void TearDownTestSuite() {
    while (!nodes_.empty()) nodes_.pop_back();
    folder_.reset();
  }
  void SetUp() override { ASSERT_EQ(nodes_.size(), 4U); }

  static Node& node() { return *nodes_[0]; }
  net::HttpResponse call(net::Method method, const std::string& path, std::string body = {}, const std::string& type = {},
                         bool token = true, const std::string& origin = {}) {
    net::ClientRequest request;
    request.method = method;
    request.url = node().url() + path;
    request.body = std::move(body);
    if (!type.empty()) request.headers.add("Content-Type", type);
    if (token) request.headers.add("Authorization", "Bearer " + node().token());
    if (!origin.empty()) request.headers.add("Origin", origin);
    auto out = http_.send(request);
    EXPECT_TRUE(out) << path << ": " << out.error().text;
    return out ? *std::move(out) : net::HttpResponse{};
  }
  json get(const std::string& path, int status = 200) {
    const auto out = call(net::Method::get, path, {}, {}, false);
    EXPECT_EQ(out.status, status) << path << ": " << out.body_text();
    return json::parse(out.body_text(), nullptr, false);
  }
  json post(const std::string& path, const json& body, int status = 200) {
    const auto out = call(net::Method::post, path, body.dump(), "application/json");
    EXPECT_EQ(out.status, status) << path << ": " << out.body_text();
    return json::parse(out.body_text(), nullptr, false);
  }
  json upload(base::ByteView bytes) {
    const auto out = call(net::Method::post, "/api/v1/models", std::string(base::as_text(bytes)), "application/octet-stream");
    EXPECT_EQ(out.status, 201) << out.body_text();
    return json::parse(out.body_text(), nullptr, false);
  }
  json upload() { return upload(program::encode(echo())); }
  json order_body(const json& model) {
    json values = json::array();
    for (int i = 0; i < 64; ++i) values.push_back(i == 42 ? 1.0 : 0.25);
    return {{"program", model["program"]}, {"input", {{"input_data", {values}}}}, {"max_price", kPrice}, {"audit_bps", 0}};
  }
  /// Polls until `done`, at most a minute.
  json await_order(const std::string& id, const std::function<bool(const json&)>& done) {
    json order;
    for (int i = 0; i < 600; ++i) {
      order = get("/api/v1/orders/" + id);
      if (done(order)) return order;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    ADD_FAILURE() << "still " << order.dump(1);
    return order;
  }

  net::HttpClient http_;
  static inline std::unique_ptr<base::TempFolder> folder_;
  static inline std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace koinon::node
