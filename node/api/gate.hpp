#pragma once
#include <array>
#include <atomic>
#include <functional>

#include "net/http.hpp"

namespace koinon::node::api {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using net::HttpRequest;
using net::HttpResponse;

/// Who may use a route.
enum class Access {
  anyone,    ///< of this site; never another site's page
  peers,     ///< as anyone, and other sites too: public immutable bytes
  loopback,  ///< from this machine: changes something that costs nobody anything
  spend,     ///< from this machine, with the bearer token
};

struct Rule {
  Access access = Access::anyone;
  const char* content_type = nullptr;  ///< that the body must have; null: the route takes no body
};

/// What the gate must know of the node.
struct Door {
  std::string token;          ///< 64 hex digits
  bool only_loopback = true;  ///< the node listens on loopback: another Host is DNS rebinding
  std::string public_host;    ///< host (and port) of the node's public endpoint; empty: none
};

/// True for 127.0.0.0/8 and ::1.
bool is_loopback_address(std::string_view address);
/// True for localhost, 127.0.0.0/8 and [::1], with or without a port.
bool is_loopback_host(std::string_view host);
/// Compares in a time that depends on the lengths alone.
bool equal_secret(std::string_view a, std::string_view b);
/// An error as the document says: {"error": {"code", "text"}} with its status.
HttpResponse error_response(const base::Error& error);

/// Requests answered, by class of status: 2xx at index 2.
using RequestCounts = std::array<std::atomic<std::uint64_t>, 6>;

/// Decides who may pass, turns errors into answers, and counts. Thread-safe.
class Gate {
 public:
  explicit Gate(Door door) : door_(std::move(door)) {}

  /// Errors: unauthorised, unsupported (content type).
  [[nodiscard]] Status admit(const HttpRequest& request, const Rule& rule) const;
  /// True for the owner of the node's own data: the token, or a request from loopback with a loopback Host.
  [[nodiscard]] bool is_owner(const HttpRequest& request) const;
  /// Admits, calls `body`, and answers whatever comes of it.
  HttpResponse pass(const HttpRequest& request, const Rule& rule, const std::function<Result<HttpResponse>()>& body);
  [[nodiscard]] const RequestCounts& counts() const { return counts_; }

 private:
  [[nodiscard]] bool has_token(const HttpRequest& request) const;
  [[nodiscard]] Status check_site(const HttpRequest& request, Access access) const;

  const Door door_;
  RequestCounts counts_{};
};

}  // namespace koinon::node::api
