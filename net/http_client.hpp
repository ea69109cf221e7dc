#pragma once
#include <memory>
#include <optional>
#include <stop_token>

#include "net/http.hpp"

namespace koinon::net {

/// Receives a body as it arrives. An error ends the transfer and is returned from send().
using Sink = std::function<Status(std::string_view bytes)>;

/// A request to a server. Zero limits mean the client's own.
struct ClientRequest {
  Method method = Method::get;
  std::string url;  ///< http:// or https://
  Headers headers;
  std::string body;
  std::int64_t timeout_ms = 0;  ///< of the whole exchange
  std::uint64_t max_body = 0;   ///< bytes of the response body
  /// Wanted bytes: [first, last], `last` included. The answer may still be the whole (status 200): see HttpResponse::status.
  struct Range {
    std::uint64_t first = 0;
    std::optional<std::uint64_t> last;
  };
  std::optional<Range> range;
  Sink sink;  ///< when set, bodies of 2xx answers go here and not into the response
  std::function<void(std::uint64_t received, std::uint64_t total)> progress;  ///< total 0: unknown
  std::stop_token stop;
};

struct ClientOptions {
  std::int64_t connect_timeout_ms = 5'000;
  std::int64_t timeout_ms = 30'000;
  std::uint64_t max_body = 16u << 20;  ///< bytes
  int max_redirects = 3;               ///< followed for GET and HEAD only, to http and https only; never from https to http
  bool allow_private = true;           ///< false: refuses loopback, private, link-local and similar addresses at connect time
  std::size_t max_idle = 8;            ///< kept connections
  std::string ca_file{};               ///< empty: the system's
  std::string user_agent = "koinon";
};

/// A blocking HTTP client over libcurl with kept connections and TLS. Thread-safe; calls run at once.
///
/// Errors of every call: invalid_argument (URL), network (cannot reach, broke off), timeout, cancelled (stop token),
/// out_of_range (body above the limit), unauthorised (address refused by allow_private = false). A status of 400 or more is an
/// answer, not an error.
class HttpClient {
 public:
  explicit HttpClient(ClientOptions options = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  Result<HttpResponse> send(const ClientRequest& request);
  Result<HttpResponse> get(const std::string& url, std::stop_token stop = {});
  Result<HttpResponse> post(const std::string& url, std::string body, const std::string& content_type = "application/json",
                            std::stop_token stop = {});
  Result<HttpResponse> put(const std::string& url, std::string body,
                           const std::string& content_type = "application/octet-stream", std::stop_token stop = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace koinon::net
