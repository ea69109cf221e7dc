#include "net/http.hpp"

#include <algorithm>

#include "net/text.hpp"

namespace koinon::net {

std::string_view method_name(Method method) {
  switch (method) {
    case Method::get: return "GET";
    case Method::head: return "HEAD";
    case Method::post: return "POST";
    case Method::put: return "PUT";
    case Method::patch: return "PATCH";
    case Method::del: return "DELETE";
    case Method::options: return "OPTIONS";
  }
  return "GET";
}

void Headers::add(std::string name, std::string value) { items_.emplace_back(std::move(name), std::move(value)); }

void Headers::set(std::string_view name, std::string value) {
  std::erase_if(items_, [&](const auto& item) { return equal_without_case(item.first, name); });
  items_.emplace_back(std::string(name), std::move(value));
}

const std::string* Headers::find(std::string_view name) const {
  for (const auto& [key, value] : items_)
    if (equal_without_case(key, name)) return &value;
  return nullptr;
}

std::string Headers::get(std::string_view name, std::string_view fallback) const {
  const auto* value = find(name);
  return value ? *value : std::string(fallback);
}

const std::string* HttpRequest::query_value(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return &value;
  return nullptr;
}

HttpResponse HttpResponse::text(int status, std::string body, std::string content_type) {
  HttpResponse out;
  out.status = status;
  out.headers.add("Content-Type", std::move(content_type));
  out.body = std::move(body);
  return out;
}

HttpResponse HttpResponse::json(int status, std::string body) { return text(status, std::move(body), "application/json"); }

HttpResponse HttpResponse::error(const Error& error) {
  return json(http_status(error.code),
              fmt::format(R"({{"error":{{"code":"{}","text":{}}}}})", base::code_name(error.code), json_quoted(error.text)));
}

HttpResponse HttpResponse::file(std::filesystem::path path, std::string content_type) {
  auto out = text(200, {}, std::move(content_type));
  out.body = FileBody{std::move(path)};
  return out;
}

const std::string& HttpResponse::body_text() const {
  static const std::string kEmpty;
  const auto* held = std::get_if<std::string>(&body);
  return held ? *held : kEmpty;
}

int http_status(Code code) {
  switch (code) {
    case Code::invalid_argument:
    case Code::malformed:
    case Code::out_of_range: return 400;
    case Code::not_found: return 404;
    case Code::unsupported: return 501;
    case Code::network:
    case Code::ledger: return 502;
    case Code::rejected: return 422;
    case Code::timeout: return 504;
    case Code::cancelled: return 503;
    case Code::conflict: return 409;
    case Code::unauthorised: return 401;
    case Code::exhausted: return 429;
    case Code::io:
    case Code::internal: return 500;
  }
  return 500;
}

}  // namespace koinon::net
