#include "net/site.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "net/text.hpp"
#include "net/url.hpp"

namespace koinon::net {
namespace {

bool is_v4(const std::string& text) {
  in_addr out{};
  return ::inet_pton(AF_INET, text.c_str(), &out) == 1;
}

bool is_loopback_name(const Authority& at) { return equal_without_case(at.host, "localhost") || is_loopback_address(at.host); }

/// "name" or "name:port" in `known`, where a name alone stands for any port.
bool is_known(const std::vector<std::string>& known, std::string_view host, const Authority& at) {
  return std::ranges::any_of(
      known, [&](const std::string& one) { return equal_without_case(one, host) || equal_without_case(one, at.host); });
}

/// A name with a dot can be given any address by whoever holds the domain; an address and a bare name cannot.
bool cannot_be_rebound(const Authority& at) { return at.is_v6 || is_v4(at.host) || at.host.find('.') == std::string::npos; }

bool is_extension(std::string_view origin) {
  for (const std::string_view scheme : {"chrome-extension://", "moz-extension://", "safari-web-extension://"})
    if (origin.starts_with(scheme)) {
      const auto id = origin.substr(scheme.size());
      return !id.empty() && id.size() <= 64 &&
             std::ranges::all_of(id, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
    }
  return false;
}

/// "http://host:port" or "https://host:port" for a Host of "host:port".
bool is_same_site(std::string_view origin, std::string_view host) {
  for (const std::string_view scheme : {"http://", "https://"})
    if (origin.starts_with(scheme)) return equal_without_case(origin.substr(scheme.size()), host);
  return false;
}

}  // namespace

bool is_loopback_address(std::string_view address) {
  if (address.starts_with("::ffff:")) address.remove_prefix(7);
  return address == "::1" || (address.starts_with("127.") && is_v4(std::string(address)));
}

bool is_loopback_host(std::string_view host) {
  const auto at = Authority::parse(host);
  return at && is_loopback_name(*at);
}

Status check_host(const Site& site, std::string_view host) {
  const auto at = Authority::parse(host);
  if (!at) return base::fail(Code::malformed, "[http] Host '{}': {}", host.substr(0, 80), at.error().text);
  if (is_loopback_name(*at) || is_known(site.hosts, host, *at)) return {};
  if (!site.only_known_hosts && cannot_be_rebound(*at)) return {};
  return base::fail(Code::unauthorised, "[http] Host '{}': this server answers to {} and its public name only (http.public)",
                    host.substr(0, 80), site.only_known_hosts ? "loopback names" : "addresses, names without dots");
}

bool is_granted_origin(const Site& site, std::string_view host, std::string_view origin) {
  if (is_same_site(origin, host)) return false;
  if (site.extensions && is_extension(origin)) return true;
  return std::ranges::any_of(site.origins, [&](const std::string& one) { return equal_without_case(one, origin); });
}

Status check_site(const Site& site, std::string_view host, const std::string* origin) {
  KOINON_CHECK(check_host(site, host));
  if (origin == nullptr || is_same_site(*origin, host) || is_granted_origin(site, host, *origin)) return {};
  return base::fail(Code::unauthorised, "[http] Origin '{}' is another site than '{}', and none that may ask",
                    origin->substr(0, 80), host);
}

Result<const std::string*> origin_of(const HttpRequest& request) {
  const std::string* out = nullptr;
  for (const auto& [name, value] : request.headers.items()) {
    if (!equal_without_case(name, "Origin")) continue;
    if (out != nullptr) return base::fail(Code::malformed, "[http] two fields Origin: one expected");
    out = &value;
  }
  return out;
}

Status check_request(const Site& site, const HttpRequest& request) {
  KOINON_TRY(const auto* origin, origin_of(request));
  return check_site(site, request.headers.get("Host"), origin);
}

void grant_origin(const Site& site, const HttpRequest& request, HttpResponse& response) {
  const auto* origin = request.headers.find("Origin");
  if (origin == nullptr || !is_granted_origin(site, request.headers.get("Host"), *origin)) return;
  response.headers.set("Access-Control-Allow-Origin", *origin);
  response.headers.set("Access-Control-Expose-Headers", "PAYMENT-REQUIRED, PAYMENT-RESPONSE");
  response.headers.set("Vary", "Origin");
}

Result<HttpResponse> preflight(const Site& site, const HttpRequest& request) {
  KOINON_CHECK(check_request(site, request));
  HttpResponse out;
  out.status = 204;
  grant_origin(site, request, out);
  if (out.headers.find("Access-Control-Allow-Origin") != nullptr) {
    out.headers.set("Access-Control-Allow-Methods", "GET, POST");
    out.headers.set("Access-Control-Allow-Headers",
                    "Authorization, Content-Type, Idempotency-Key, PAYMENT-SIGNATURE, "
                    "Access-Control-Expose-Headers");  // which clients of x402 send too
    out.headers.set("Access-Control-Max-Age", "600");
  }
  return out;
}

}  // namespace koinon::net
