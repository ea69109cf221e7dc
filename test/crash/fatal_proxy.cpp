#include "test/crash/fatal_proxy.hpp"

#include <signal.h>

#include <nlohmann/json.hpp>
#include <thread>

namespace koinon::test::crash {

using base::Code;
using base::fail;
using base::Result;
using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;

namespace {

Result<json> ask_json(net::HttpClient& http, const std::string& url) {
  KOINON_TRY(const auto answer, http.get(url));
  auto out = json::parse(answer.body_text(), nullptr, false);
  if (!out.is_object()) return fail(Code::malformed, "[proxy] {} answered {}", url, answer.status);
  return out;
}

}  // namespace

Result<std::unique_ptr<FatalProxy>> FatalProxy::start(const std::string& target) {
  net::HttpClient http;
  KOINON_TRY(const auto deployment, ask_json(http, target + "/api/v1/deployment"));
  auto out = std::unique_ptr<FatalProxy>(new FatalProxy(target, deployment.at("rpc_url").get<std::string>()));
  KOINON_TRY(out->server_, net::HttpServer::start(out->routes(), {.handler_threads = 16}));
  return out;
}

FatalProxy::~FatalProxy() {
  if (server_) server_->stop();
}

void FatalProxy::arm(const Moment& moment) {
  armed_ = false;
  moment_ = moment;
  victim_ = 0;
  count_ = 0;
  struck_ = false;
  armed_ = true;
}

bool FatalProxy::strike(Moment::Side side, int number, const std::string& what) {
  if (!armed_ || moment_.what != what || moment_.side != side || moment_.number != number) return false;
  while (victim_ == 0) std::this_thread::yield();  // the test is about to name it
  struck_ = true;                                  // first: whoever sees it die asks
  ::kill(victim_, SIGKILL);
  return true;
}

Result<HttpResponse> FatalProxy::pass(const std::string& url, const HttpRequest& request, const std::string& what) {
  const auto number = armed_ && moment_.what == what ? ++count_ : 0;
  if (strike(Moment::Side::before, number, what)) return fail(Code::network, "[proxy] it is dead");
  auto answer = http_.post(url, request.body);
  if (strike(Moment::Side::after, number, what)) return fail(Code::network, "[proxy] it is dead");
  if (!answer) return fail(std::move(answer).error());
  return HttpResponse::json(answer->status, std::string(answer->body_text()));
}

net::Router FatalProxy::routes() {
  net::Router out;
  out.get("/api/v1/deployment", [this](const HttpRequest&) -> Result<HttpResponse> {
    KOINON_TRY(auto deployment, ask_json(http_, target_ + "/api/v1/deployment"));
    deployment["rpc_url"] = url() + "/rpc";
    return HttpResponse::json(200, deployment.dump());
  });
  out.post("/api/v1/faucet", [this](const HttpRequest& request) -> Result<HttpResponse> {
    return pass(target_ + "/api/v1/faucet", request, "faucet");
  });
  out.post("/rpc",
           [this](const HttpRequest& request) -> Result<HttpResponse> {
             const bool sends = request.body.find("eth_sendRawTransaction") != std::string::npos;
             return pass(rpc_url_, request, sends ? "transaction" : "question");
           },
           {8u << 20});
  return out;
}

}  // namespace koinon::test::crash
