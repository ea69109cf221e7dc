#include "cli/remote/round_helper.hpp"

#include <nlohmann/json.hpp>

#include "cli/remote/reply.hpp"
#include "cli/terminal/console.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Result;

constexpr std::uint64_t kMostAnswer = 512u << 20;
constexpr std::int64_t kTimeoutMs = 600'000;

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

Result<base::Bytes> exchange(net::HttpClient& client, const net::ClientRequest& request) {
  KOINON_TRY(const auto response, client.send(request));
  const auto& body = response.body_text();
  if (response.ok()) return base::Bytes(body.begin(), body.end());
  const auto reply = parse_reply(body);
  const auto text = reply ? text_at(child(*reply, "error"), "text", "no reason given") : std::string("no reason given");
  return base::fail(response.status == 404 ? Code::not_found : Code::rejected, "[private] status {}: {}", response.status,
                    clean(text));
}

}  // namespace

Result<base::Bytes> fetch_round(net::HttpClient& client, const std::string& url, const std::string& path) {
  net::ClientRequest request;
  request.url = without_slash(url) + path;
  request.max_body = kMostAnswer;
  return exchange(client, request);
}

work::Helper round_helper(net::HttpClient& client, const std::string& url) {
  return {url, [&client, url](const std::string& path, base::ByteView body) -> Result<base::Bytes> {
            net::ClientRequest request;
            request.method = net::Method::post;
            request.url = without_slash(url) + path;
            request.headers.set("Content-Type", "application/octet-stream");
            request.body = std::string(base::as_text(body));
            request.timeout_ms = kTimeoutMs;
            request.max_body = kMostAnswer;
            return exchange(client, request);
          }};
}

}  // namespace koinon::cli
