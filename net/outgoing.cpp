#include "net/outgoing.hpp"

#include <boost/beast/http/status.hpp>
#include <ctime>

#include "net/text.hpp"
#include "net/url.hpp"

namespace koinon::net {
namespace {

namespace http = boost::beast::http;

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[40];
  const auto size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text, size};
}

/// Narrows the response to the range that was asked for.
Status apply_range(const HttpRequest& request, const BodySource& body, HttpResponse& response, Outgoing& out) {
  const auto* field = request.headers.find("Range");
  const auto* condition = request.headers.find("If-Range");
  response.headers.set("Accept-Ranges", "bytes");
  if (!field || (condition && *condition != response.headers.get("ETag", "-"))) return {};
  KOINON_TRY(const auto range, parse_range(*field, body.size()));
  if (!range) return {};
  response.status = 206;
  response.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", range->first, range->last, body.size()));
  out.at = range->first;
  out.end = range->last + 1;
  return {};
}

bool sendable(const Headers& headers) {
  for (const auto& [name, value] : headers.items())
    if (!is_token(name) || !is_field_value(value)) return false;
  return true;
}

/// `length`: UINT64_MAX when it is known only at the end.
std::string head_text(const HttpResponse& response, std::optional<std::uint64_t> length, bool close) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
  auto out = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status, std::string_view(reason.data(), reason.size()),
                         http_date());
  for (const auto& [name, value] : response.headers.items())
    if (!equal_without_case(name, "Content-Length") && !equal_without_case(name, "Connection") &&
        !equal_without_case(name, "Transfer-Encoding"))
      out += fmt::format("{}: {}\r\n", name, value);
  if (length) out += *length == UINT64_MAX ? "Transfer-Encoding: chunked\r\n" : fmt::format("Content-Length: {}\r\n", *length);
  return out += close ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n";
}

}  // namespace

Outgoing prepare(HttpResponse response, const HttpRequest& request, bool close, bool old) {
  Outgoing out;
  if (!sendable(response.headers))
    response = HttpResponse::error({Code::internal, "[http] a header of the response holds a control character"});
  auto body = BodySource::open(std::move(response.body));
  if (!body) {
    response = HttpResponse::error(body.error());
    body = BodySource::open(std::move(response.body));
  }
  out.end = body->size();
  out.endless = body->is_endless();
  out.chunked = out.endless && !old;
  if (out.endless && old) close = true;
  if (response.status == 200 && body->streams() && !out.endless &&
      (request.method == Method::get || request.method == Method::head)) {
    if (auto ranged = apply_range(request, *body, response, out); !ranged) {
      const auto size = body->size();
      response = HttpResponse::error(ranged.error());
      response.status = 416;
      response.headers.set("Content-Range", fmt::format("bytes */{}", size));
      body = BodySource::open(std::move(response.body));
      out.end = body->size();
    }
  }
  const bool bodiless = response.status == 204 || response.status == 304 || response.status < 200;
  if (equal_without_case(response.headers.get("Connection"), "close")) close = true;
  const bool unsaid = bodiless || (out.endless && !out.chunked);
  out.head = head_text(response, unsaid ? std::nullopt : std::optional(out.end - out.at), close);
  if (bodiless || request.method == Method::head) out.at = out.end;
  out.close = close;
  out.body = *std::move(body);
  return out;
}

}  // namespace koinon::net
