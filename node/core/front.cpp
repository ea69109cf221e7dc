#include "node/core/front.hpp"

#include <algorithm>

#include "net/text.hpp"
#include "net/url.hpp"

namespace koinon::node {
namespace {

bool is_usual(const net::Url& url) {
  return (url.scheme == "http" && url.port == 80) || (url.scheme == "https" && url.port == 443);
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

}  // namespace

net::Site site_of(const Config& config) {
  net::Site out;
  out.only_known_hosts = net::is_loopback_address(config.http_address);
  out.origins = config.http_origins;
  if (const auto url = net::Url::parse(config.public_endpoint)) {
    out.hosts.push_back(lower(url->authority()));
    if (is_usual(*url)) out.hosts.push_back(lower(url->host));
  }
  return out;
}

net::Site ledger_site_of(const Config& config, std::uint16_t http_port) {
  net::Site out;
  out.only_known_hosts = net::is_loopback_address(config.ledger_listen);
  out.extensions = true;
  out.origins = config.http_origins;
  for (const auto* name : {"127.0.0.1", "localhost", "[::1]"})
    out.origins.push_back(fmt::format("http://{}:{}", name, http_port));
  if (const auto url = net::Url::parse(config.public_endpoint)) {
    out.hosts.push_back(lower(url->host));  // at the ledger's own port
    out.origins.push_back(lower(url->scheme + "://" + (is_usual(*url) ? url->host : url->authority())));
  }
  return out;
}

net::Router waiting_routes(const Config& config, const Waiting& waiting) {
  const auto answer = [site = site_of(config), &waiting](const net::HttpRequest& request) -> base::Result<net::HttpResponse> {
    KOINON_CHECK(net::check_site(site, request.headers.get("Host"), request.headers.find("Origin")));
    auto out = net::HttpResponse::json(
        503, fmt::format(R"({{"error":{{"code":"network","text":{}}},"state":"starting"}})", net::json_quoted(waiting.text())));
    out.headers.set("Retry-After", "1");
    out.headers.set("Cache-Control", "no-store");
    net::grant_origin(site, request, out);
    return out;
  };
  const auto unread = [answer](const net::HttpRequest& request) -> std::optional<net::HttpResponse> {
    auto out = answer(request);
    return out ? *std::move(out) : net::HttpResponse::error(out.error());
  };
  net::Router router;
  for (const auto method : {net::Method::get, net::Method::post, net::Method::put, net::Method::del})
    router.on<std::string>(method, "/{rest...}",
                           [answer](const net::HttpRequest& request, const std::string&) { return answer(request); },
                           {.max_body = 0, .gate = unread});
  return router;
}

}  // namespace koinon::node
