#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "net/http.hpp"

namespace koinon::net {

/// The names under which a server answers, and the sites whose pages may speak to it. A browser sends its page's site in Origin
/// and the name that it looked up in Host: a page of another site, or one whose name was made to resolve to us (DNS rebinding),
/// is told apart by them. Programs send no Origin.
struct Site {
  /// True of a server on loopback. Else Host may also be an address or a name without dots: neither can be rebound.
  bool only_known_hosts = true;
  std::vector<std::string> hosts{};    ///< beside the loopback names: "name" or "name:port", lower case
  std::vector<std::string> origins{};  ///< "scheme://host" or "scheme://host:port" of other sites, lower case
  bool extensions = false;             ///< browser extensions, such as wallets, may speak to it
};

/// Passes a Host that is ours and an Origin (null: there is none) that is the same site or one of `origins`.
/// Errors: malformed (no host), unauthorised; the text names the value and what was expected.
Status check_site(const Site& site, std::string_view host, const std::string* origin);

/// The Host alone.
Status check_host(const Site& site, std::string_view host);

/// The Origin of a request; null when it has none. Errors: malformed (two of them, of which others may read the second).
Result<const std::string*> origin_of(const HttpRequest& request);
/// The check of a request's fields. Errors: as check_site; malformed.
Status check_request(const Site& site, const HttpRequest& request);

/// True when a page of this Origin is of another site than `host`, and may nevertheless read what it is answered.
bool is_granted_origin(const Site& site, std::string_view host, std::string_view origin);

/// Access-Control fields that let a page of a granted Origin read the answer; nothing when it is not one of another site.
void grant_origin(const Site& site, const HttpRequest& request, HttpResponse& response);

/// The answer to a preflight (Fetch standard, section 3.2.2): 204 with what a granted page may send, or an error.
Result<HttpResponse> preflight(const Site& site, const HttpRequest& request);

/// True for 127.0.0.0/8 and ::1, also as ::ffff:127.0.0.1.
bool is_loopback_address(std::string_view address);
/// True for localhost, 127.0.0.0/8 and [::1], with or without a port.
bool is_loopback_host(std::string_view host);

}  // namespace koinon::net
