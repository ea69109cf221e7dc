#include "cli/remote/node_client.hpp"

#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/json.hpp"
#include "cli/remote/reply.hpp"
#include "cli/remote/revert.hpp"
#include "cli/terminal/console.hpp"
#include "net/url.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

constexpr std::uint64_t kMaxToken = 4096;
constexpr std::int64_t kChangeTimeoutMs = 180'000;  // an order waits for its block

std::string data_folder(const NodeAccess& access) {
  if (!access.data.empty()) return access.data;
  const auto* home = std::getenv("HOME");
  return home == nullptr ? "" : std::string(home) + "/.koinon";
}

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

/// The error that a node answered with.
base::Error answered(const net::HttpResponse& response) {
  const auto body = base::parse_json(response.body_text());
  const auto& error = child(body, "error");
  const auto name = text_at(error, "code");
  for (std::uint16_t number = 1; number <= static_cast<std::uint16_t>(Code::internal); ++number)
    if (base::code_name(static_cast<Code>(number)) == name)
      return in_words({static_cast<Code>(number), clean(text_at(error, "text"), 2000)});
  return {Code::malformed, fmt::format("[node] status {} without an error that koinon knows", response.status)};
}

}  // namespace

void NodeAccess::options(Line& line) {
  line.text("--node URL", url, "The running node")
      .environment("--node", "KOINON_NODE")
      .text("--token-file FILE", token_file, "File with the node's token; DATA/token when absent")
      .text("--data DIR", data, "The node's data folder; ~/.koinon when absent")
      .environment("--data", "KOINON_DATA");
}

base::Status NodeAccess::check() const {
  const auto parsed = net::Url::parse(url);
  if (!parsed || (parsed->scheme != "http" && parsed->scheme != "https"))
    return base::fail(Code::invalid_argument, "[node] --node '{}': a URL such as http://127.0.0.1:7070 expected", url);
  return {};
}

Result<NodeClient> NodeClient::open(const NodeAccess& access) {
  KOINON_CHECK(access.check());
  auto url = access.url;
  while (url.ends_with('/')) url.pop_back();
  return NodeClient(url, access);
}

Result<std::string> NodeClient::token() const {
  auto file = access_.token_file;
  if (file.empty()) {
    KOINON_TRY(const auto url, net::Url::parse(url_));
    if (!is_loopback(url.host))
      return base::fail(Code::unauthorised,
                        "[node] {} is another machine: its token is sent only when --token-file names it, best over https",
                        url_);
    file = data_folder(access_) + "/token";
  }
  auto bytes = base::read_file(file, kMaxToken);
  if (!bytes)
    return advise({Code::unauthorised, fmt::format("[node] no token: {}", bytes.error().text)},
                  "name the node's data folder with --data DIR, or its token with --token-file FILE");
  std::string token(base::as_text(*bytes));
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.empty() || token.find_first_of("\r\n") != std::string::npos)
    return base::fail(Code::malformed, "[node] {} holds no token", file);
  return token;
}

Result<std::string> NodeClient::finish(Result<net::HttpResponse> response) {
  if (!response) {
    auto error = std::move(response).error();
    if (error.code == Code::network)
      return advise(std::move(error), fmt::format("is a node running at {}? Start one with: koinon up", url_));
    return base::fail(std::move(error));
  }
  if (!response->ok()) return base::fail(answered(*response));
  return response->body_text();
}

Result<std::string> NodeClient::get_text(const std::string& path, std::stop_token stop) {
  net::ClientRequest request;
  request.url = url_ + path;
  // A node with a public name shows its owner's orders to the token alone.
  if (const auto secret = token()) request.headers.set("authorization", "Bearer " + *secret);
  request.stop = std::move(stop);
  return finish(http_->send(request));
}

Result<json> NodeClient::get(const std::string& path, std::stop_token stop) {
  KOINON_TRY(const auto text, get_text(path, stop));
  return parse_reply(text);
}

Result<json> NodeClient::send(const std::string& path, std::string body, const std::string& type, const std::string& key) {
  net::ClientRequest request;
  request.method = net::Method::post;
  request.url = url_ + path;
  request.headers.set("content-type", type);
  if (!key.empty()) request.headers.set("idempotency-key", key);
  KOINON_TRY(const auto secret, token());
  request.headers.set("authorization", "Bearer " + secret);
  request.body = std::move(body);
  request.timeout_ms = kChangeTimeoutMs;
  KOINON_TRY(const auto text, finish(http_->send(request)));
  if (text.empty()) return json::object();
  return parse_reply(text);
}

Result<json> NodeClient::post(const std::string& path, const json& body, const std::string& key) {
  return send(path, body.dump(), "application/json", key);
}

Result<json> NodeClient::post_bytes(const std::string& path, base::ByteView bytes) {
  return send(path, std::string(base::as_text(bytes)), "application/octet-stream");
}

}  // namespace koinon::cli
