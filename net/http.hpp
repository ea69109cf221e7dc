#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace koinon::net {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

enum class Method : std::uint8_t { get, head, post, put, patch, del, options };

/// "GET", "HEAD", ...
std::string_view method_name(Method method);

/// Header fields in the order of the message. Names compare without case (RFC 9110, section 5.1).
class Headers {
 public:
  /// Appends a field, also when the name stands there already.
  void add(std::string name, std::string value);
  /// Replaces every field of that name by one.
  void set(std::string_view name, std::string value);
  /// First value of that name, or null.
  [[nodiscard]] const std::string* find(std::string_view name) const;
  /// First value of that name, or `fallback`.
  [[nodiscard]] std::string get(std::string_view name, std::string_view fallback = "") const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& items() const { return items_; }

 private:
  std::vector<std::pair<std::string, std::string>> items_;
};

/// A request as a handler sees it. `path`, `query` and `parameters` are percent-decoded; `target` is what the client sent.
struct HttpRequest {
  Method method = Method::get;
  std::string target;
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;
  std::vector<std::string> parameters;  ///< values of the route's {names}, in order
  Headers headers;
  std::string body;
  std::string peer;  ///< address of the other side, without port

  /// First query value of that name, or null.
  [[nodiscard]] const std::string* query_value(std::string_view name) const;
};

/// Part of a file as a response body: it is read while it is sent, never whole.
struct FileBody {
  std::filesystem::path path;
};

/// A body that is produced while it is sent. Called on a handler thread with the offset of the wanted bytes; returns the next
/// bytes (at most 1 MiB a call), empty only when `offset == size`.
struct ProducedBody {
  std::uint64_t size = 0;
  std::function<Result<std::string>(std::uint64_t offset)> produce;
};

/// A body of unknown size, sent piece by piece as it comes, such as events (chunked; RFC 9112, section 7.1). `next` is called
/// on a handler thread, which it may hold, once the piece before is on its way; an empty piece ends the body. An error breaks
/// the connection off, so that the client sees that the body is not whole. When the client goes away, `next` is not called
/// again.
struct StreamBody {
  std::function<Result<std::string>()> next;
};

using Body = std::variant<std::string, FileBody, ProducedBody, StreamBody>;

/// A response. FileBody and ProducedBody answer Range requests (one range; RFC 9110, section 14) by themselves.
struct HttpResponse {
  int status = 200;
  Headers headers;
  Body body;

  static HttpResponse text(int status, std::string body, std::string content_type = "text/plain; charset=utf-8");
  /// `body` is a JSON text.
  static HttpResponse json(int status, std::string body);
  /// {"error": {"code": "not_found", "text": "..."}} with the status that http_status gives.
  static HttpResponse error(const Error& error);
  static HttpResponse file(std::filesystem::path path, std::string content_type);

  /// The body when it is held in memory (it always is in a client's response), or empty.
  [[nodiscard]] const std::string& body_text() const;
  /// Status 200 to 299.
  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
};

/// HTTP status of an error: not_found 404, unauthorised 401, conflict 409, timeout 504, network and ledger 502, and so on.
int http_status(Code code);

/// What handles a request. Runs on a bounded pool and may block. An Error becomes HttpResponse::error.
using Handler = std::function<Result<HttpResponse>(const HttpRequest&)>;

}  // namespace koinon::net
