#include "node/api/gate.hpp"

#include "net/text.hpp"

namespace koinon::node::api {
namespace {

std::string_view host_without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool is_ipv4_loopback(std::string_view text) {
  if (!text.starts_with("127.")) return false;
  std::size_t dots = 0, digits = 0;
  for (const char c : text) {
    if (c == '.') {
      if (digits == 0) return false;
      ++dots;
      digits = 0;
    } else if (c < '0' || c > '9' || ++digits > 3) {
      return false;
    }
  }
  return dots == 3 && digits > 0;
}

/// "http://host:port" or "https://host:port" for a Host of "host:port".
bool is_origin_of(std::string_view origin, std::string_view host) {
  for (const std::string_view scheme : {"http://", "https://"})
    if (origin.starts_with(scheme)) return net::equal_without_case(origin.substr(scheme.size()), host);
  return false;
}

std::string_view media_type(std::string_view field) { return net::trimmed(field.substr(0, field.find(';'))); }

}  // namespace

bool is_loopback_address(std::string_view address) {
  if (address.starts_with("::ffff:")) address.remove_prefix(7);
  return address == "::1" || is_ipv4_loopback(address);
}

bool is_loopback_host(std::string_view host) {
  const auto name = host_without_port(host);
  return net::equal_without_case(name, "localhost") || name == "[::1]" || is_ipv4_loopback(name);
}

bool equal_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile unsigned char differs = 0;
  for (std::size_t i = 0; i < a.size(); ++i) differs = static_cast<unsigned char>(differs | (a[i] ^ b[i]));
  return differs == 0;
}

HttpResponse error_response(const base::Error& error) {
  auto out = HttpResponse::error(error);
  if (error.code == Code::unsupported) out.status = 422;
  if (error.code == Code::cancelled) out.status = 409;
  if (error.code == Code::unauthorised) out.headers.add("WWW-Authenticate", "Bearer");
  return out;
}

bool Gate::has_token(const HttpRequest& request) const {
  static constexpr std::string_view kScheme = "Bearer ";
  const auto* field = request.headers.find("Authorization");
  if (field == nullptr || door_.token.empty() || field->size() < kScheme.size()) return false;
  return net::equal_without_case(std::string_view(*field).substr(0, kScheme.size()), kScheme) &&
         equal_secret(net::trimmed(std::string_view(*field).substr(kScheme.size())), door_.token);
}

bool Gate::is_owner(const HttpRequest& request) const {
  // Behind a proxy every visitor comes from loopback, so a node with a public name knows its owner by the token alone.
  return has_token(request) ||
         (door_.public_host.empty() && is_loopback_address(request.peer) && is_loopback_host(request.headers.get("Host")));
}

Status Gate::check_site(const HttpRequest& request, Access access) const {
  const auto host = request.headers.get("Host");
  const bool known = is_loopback_host(host) || (!door_.public_host.empty() && net::equal_without_case(host, door_.public_host));
  if (door_.only_loopback && !known)
    return fail(Code::unauthorised, "[http] Host '{}': this node answers to loopback names and its public endpoint only", host);
  const auto* origin = request.headers.find("Origin");
  if (access != Access::peers && origin != nullptr && !is_origin_of(*origin, host))
    return fail(Code::unauthorised, "[http] Origin '{}' is another site than '{}'", *origin, host);
  return {};
}

Status Gate::admit(const HttpRequest& request, const Rule& rule) const {
  KOINON_CHECK(check_site(request, rule.access));
  if (rule.access == Access::loopback || rule.access == Access::spend) {
    if (!is_loopback_address(request.peer) || !is_loopback_host(request.headers.get("Host")))
      return fail(Code::unauthorised, "[http] {} {}: only from the node's own machine", net::method_name(request.method),
                  request.path);
  }
  if (rule.access == Access::spend && !has_token(request))
    return fail(Code::unauthorised, "[http] {} {}: the bearer token of the node's data folder expected",
                net::method_name(request.method), request.path);
  if (rule.content_type != nullptr) {
    const auto given = request.headers.get("Content-Type");
    if (!net::equal_without_case(media_type(given), rule.content_type))
      return fail(Code::unsupported, "[http] Content-Type '{}': {} expected", given, rule.content_type);
  }
  return {};
}

HttpResponse Gate::pass(const HttpRequest& request, const Rule& rule, const std::function<Result<HttpResponse>()>& body) {
  HttpResponse out;
  if (const auto admitted = admit(request, rule); !admitted) {
    out = error_response(admitted.error());
  } else if (auto answer = body(); answer) {
    out = *std::move(answer);
  } else {
    out = error_response(answer.error());
  }
  out.headers.set("X-Content-Type-Options", "nosniff");
  if (rule.access != Access::peers) out.headers.set("Cross-Origin-Resource-Policy", "same-origin");
  if (out.headers.find("Cache-Control") == nullptr) out.headers.add("Cache-Control", "no-store");
  ++counts_[static_cast<std::size_t>(out.status / 100) % counts_.size()];
  return out;
}

}  // namespace koinon::node::api
