#pragma once
#include <array>
#include <atomic>
#include <functional>
#include <optional>

#include "net/site.hpp"

namespace koinon::node::api {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using net::HttpRequest;
using net::HttpResponse;

/// Who may use a route.
enum class Access {
  anyone,     ///< of this site; another site's page only when it is configured
  peers,      ///< as anyone, and other sites too: public immutable bytes
  visitors,   ///< as anyone; of a node with a public name the owner alone, by the token
  customers,  ///< as visitors, and anyone while the node sells calls
  loopback,   ///< from this machine: changes something that costs nobody anything
  calls,      ///< as loopback, and anyone while the node sells calls: who is not the owner pays
  spend,      ///< from this machine, with the bearer token
};

/// Writes an error as a protocol has it.
using WriteError = HttpResponse (*)(const base::Error& error);
/// An error as the document says: {"error": {"code", "text"}} with its status.
HttpResponse error_response(const base::Error& error);

struct Rule {
  Access access = Access::visitors;
  const char* content_type = nullptr;       ///< that the body must have; null: the route takes no body
  WriteError write_error = error_response;  ///< of what the gate refuses, and of what the route fails with
};

/// What the gate must know of the node.
struct Door {
  std::string token;  ///< 64 hex digits
  net::Site site;
  bool is_public = false;  ///< the node has a public name: only the token tells its owner from a visitor
  bool sells = false;      ///< calls of models, to anyone who pays
};

using net::is_loopback_address;
using net::is_loopback_host;

/// Compares in a time that depends on the lengths alone.
bool equal_secret(std::string_view a, std::string_view b);

/// Requests answered, by class of status: 2xx at index 2.
using RequestCounts = std::array<std::atomic<std::uint64_t>, 6>;

/// Decides who may pass, turns errors into answers, and counts. Thread-safe.
class Gate {
 public:
  explicit Gate(Door door) : door_(std::move(door)) {}

  /// Looks at line and fields alone, so that it can be asked before the body is read. Errors: unauthorised, malformed (Host),
  /// unsupported (content type).
  [[nodiscard]] Status admit(const HttpRequest& request, const Rule& rule) const;
  /// True for the owner of the node's own data: the token, or a request from loopback with a loopback Host.
  [[nodiscard]] bool is_owner(const HttpRequest& request) const;
  /// Admits, calls `body`, and answers whatever comes of it.
  HttpResponse pass(const HttpRequest& request, const Rule& rule, const std::function<Result<HttpResponse>()>& body);
  /// The answer to a request that may not pass, before its body is read; nothing when it may.
  std::optional<HttpResponse> refusal(const HttpRequest& request, const Rule& rule);
  /// What comes of a request that may pass, with the fields that every answer has; counted.
  HttpResponse answer(const HttpRequest& request, const Rule& rule, Result<HttpResponse> result);
  /// True of a call that only who pays may make: not the owner's.
  [[nodiscard]] bool is_customer(const HttpRequest& request) const;
  [[nodiscard]] const Door& door() const { return door_; }
  [[nodiscard]] const RequestCounts& counts() const { return counts_; }

 private:
  [[nodiscard]] bool has_token(const HttpRequest& request) const;
  HttpResponse finish(HttpResponse response, const HttpRequest& request, const Rule& rule);

  const Door door_;
  RequestCounts counts_{};
};

}  // namespace koinon::node::api
