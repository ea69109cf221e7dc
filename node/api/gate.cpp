#include "node/api/gate.hpp"

#include "net/text.hpp"
#include "net/websocket.hpp"

namespace koinon::node::api {
namespace {

std::string_view media_type(std::string_view field) { return net::trimmed(field.substr(0, field.find(';'))); }

}  // namespace

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
  if (door_.token.empty()) return false;
  static constexpr std::string_view kScheme = "Bearer ";
  if (const auto* field = request.headers.find("Authorization"); field != nullptr && field->size() >= kScheme.size())
    return net::equal_without_case(std::string_view(*field).substr(0, kScheme.size()), kScheme) &&
           equal_secret(net::trimmed(std::string_view(*field).substr(kScheme.size())), door_.token);
  // A page cannot set fields of a WebSocket's upgrade, but offer subprotocols.
  static constexpr std::string_view kProtocol = "koinon.token.";
  for (const auto offered : net::offered_protocols(request))
    if (offered.starts_with(kProtocol)) return equal_secret(offered.substr(kProtocol.size()), door_.token);
  return false;
}

bool Gate::is_owner(const HttpRequest& request) const {
  // Behind a proxy every visitor comes from loopback, so a node with a public name knows its owner by the token alone.
  return has_token(request) ||
         (!door_.is_public && is_loopback_address(request.peer) && is_loopback_host(request.headers.get("Host")));
}

Status Gate::admit(const HttpRequest& request, const Rule& rule) const {
  KOINON_CHECK(rule.access == Access::peers ? net::check_host(door_.site, request.headers.get("Host"))
                                            : net::check_request(door_.site, request));
  const bool is_call = rule.access == Access::calls;
  const bool from_here = rule.access == Access::loopback || rule.access == Access::spend || (is_call && !door_.sells);
  // Loopback tells nothing here: a proxy in front comes from there, and may write its Host.
  const bool for_owner = rule.access == Access::visitors || rule.access == Access::loopback ||
                         (!door_.sells && (rule.access == Access::customers || is_call));
  if (for_owner && door_.is_public && !has_token(request))
    return fail(Code::unauthorised,
                "[http] {} {}: this node has a public name, so that it asks for the token of its data folder",
                net::method_name(request.method), request.path);
  if (from_here) {
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

HttpResponse Gate::finish(HttpResponse out, const HttpRequest& request, const Rule& rule) {
  out.headers.set("X-Content-Type-Options", "nosniff");
  if (rule.access != Access::peers) out.headers.set("Cross-Origin-Resource-Policy", "same-origin");
  if (out.headers.find("Cache-Control") == nullptr) out.headers.add("Cache-Control", "no-store");
  net::grant_origin(door_.site, request, out);
  ++counts_[static_cast<std::size_t>(out.status / 100) % counts_.size()];
  return out;
}

std::optional<HttpResponse> Gate::refusal(const HttpRequest& request, const Rule& rule) {
  const auto admitted = admit(request, rule);
  if (admitted) return std::nullopt;
  return finish(rule.write_error(admitted.error()), request, rule);
}

HttpResponse Gate::pass(const HttpRequest& request, const Rule& rule, const std::function<Result<HttpResponse>()>& body) {
  if (auto refused = refusal(request, rule)) return *std::move(refused);
  return answer(request, rule, body());
}

HttpResponse Gate::answer(const HttpRequest& request, const Rule& rule, Result<HttpResponse> result) {
  return finish(result ? *std::move(result) : rule.write_error(result.error()), request, rule);
}

bool Gate::is_customer(const HttpRequest& request) const { return door_.sells && !admit(request, {Access::loopback}); }

}  // namespace koinon::node::api
