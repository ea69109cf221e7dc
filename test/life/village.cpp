#include "test/life/village.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/io/quantise.hpp"
#include "net/http_server.hpp"
#include "work/inference/inference.hpp"

namespace koinon::test::life {

using nlohmann::json;

std::uint16_t free_port() {
  const auto server = net::HttpServer::start({}).value();
  return server->port();
}

Village::Host Village::launch(const std::string& name, std::uint16_t port, const std::string& ledger,
                              const Variables& variables, std::vector<std::string> more) {
  process::Start start;
  start.program = KOINON_PROGRAM;
  start.log = folder_.path() / (name + ".log");
  start.environment = variables;
  start.arguments = {ledger.empty() ? "up" : "provide", "--json", "--data", data(name).string(), "--http",
                     fmt::format("127.0.0.1:{}", port)};
  if (!ledger.empty()) {
    const auto sells = {"--ledger", ledger.c_str(), "--price", "0.001", "--stake", "10"};
    start.arguments.insert(start.arguments.end(), sells.begin(), sells.end());
  }
  start.arguments.insert(start.arguments.end(), more.begin(), more.end());
  auto process = process::Process::start(start);
  if (!process) throw std::runtime_error(process.error().text);
  return {name, port, *std::move(process)};
}

base::Status Village::await_up(Host& host, std::int64_t timeout_ms) {
  KOINON_TRY([[maybe_unused]] const auto said, host.process.read_object(timeout_ms));
  return {};
}

json Village::get(const Host& host, const std::string& path) {
  const auto answer = http_.get(host.url() + path);
  return answer ? json::parse(answer->body_text(), nullptr, false) : json();
}

net::HttpResponse Village::post(const Host& host, const std::string& path, std::string body, const std::string& type,
                                const std::string& repeat_key) {
  const auto token = base::read_file(data(host.name) / "token").value();
  std::string bearer(base::as_text(token));
  while (!bearer.empty() && bearer.back() == '\n') bearer.pop_back();
  net::ClientRequest request;
  request.method = net::Method::post;
  request.url = host.url() + path;
  request.body = std::move(body);
  request.headers.set("Authorization", "Bearer " + bearer);
  request.headers.set("Content-Type", type);
  if (!repeat_key.empty()) request.headers.set("Idempotency-Key", repeat_key);
  auto answer = http_.send(request);
  return answer ? *std::move(answer) : net::HttpResponse::text(0, answer.error().text);
}

void Village::upload(const Host& buyer) {
  const auto added = post(buyer, "/api/v1/models", std::string(base::as_text(model_.file)), "application/octet-stream");
  EXPECT_EQ(added.status, 201) << added.body_text();
}

std::string Village::order_body(std::uint64_t input) const {
  const auto tensors = work::input_tensors(model_.program, model_.input(input)).value();
  return json{{"program", base::to_hex(model_.id)},
              {"input", {{"input_data", json::array({engine::io::dequantise(tensors[0], model_.program.inputs[0].scale)})}}},
              {"max_price", "2000000000000000"},
              {"audit_bps", 0}}
      .dump();
}

std::string Village::log(const Host& host) const {
  const auto text = base::read_file(folder_.path() / (host.name + ".log"));
  return text ? std::string(base::as_text(*text)) : std::string();
}

}  // namespace koinon::test::life
