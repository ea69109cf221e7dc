#include "net/router.hpp"

#include <algorithm>
#include <charconv>

#include "net/url.hpp"

namespace koinon::net {
namespace {

bool is_name(std::string_view segment) { return segment.starts_with('{'); }
bool is_rest(std::string_view segment) { return segment.ends_with("...}"); }

/// Values of the route's names when its segments fit.
std::optional<std::vector<std::string>> fit(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  std::vector<std::string> values;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (is_rest(pattern[i])) {
      std::string rest;
      for (std::size_t k = i; k < path.size(); ++k) {
        // An encoded slash could smuggle ".." past split_path into what a handler may join to a folder.
        if (path[k].find('/') != std::string::npos) return std::nullopt;
        rest += (k > i ? "/" : "") + path[k];
      }
      values.push_back(std::move(rest));
      return values;
    }
    if (i >= path.size()) return std::nullopt;
    if (is_name(pattern[i]))
      values.push_back(path[i]);
    else if (pattern[i] != path[i])
      return std::nullopt;
  }
  if (path.size() != pattern.size()) return std::nullopt;
  return values;
}

/// True when `a` is the more special of two patterns that fit the same path: the first differing segment decides.
bool goes_before(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  const auto rank = [](const std::vector<std::string>& s, std::size_t i) {
    if (i >= s.size()) return 0;
    return !is_name(s[i]) ? 1 : !is_rest(s[i]) ? 2 : 3;
  };
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i)
    if (rank(a, i) != rank(b, i)) return rank(a, i) < rank(b, i);
  return false;
}

bool same_shape(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const std::string& x, const std::string& y) {
    return is_name(x) ? is_name(y) && is_rest(x) == is_rest(y) : x == y;
  });
}

bool answers(const Router::Route& route, Method method) {
  return route.method == method || (method == Method::head && route.method == Method::get);
}

}  // namespace

Result<std::uint64_t> PathParameter<std::uint64_t>::parse(std::string_view text) {
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error == std::errc::result_out_of_range) return base::fail(Code::out_of_range, "[number] '{}' exceeds 64 bits", text);
  if (error != std::errc{} || end != text.data() + text.size() || (text.size() > 1 && text.front() == '0'))
    return base::fail(Code::malformed, "[number] '{}': decimal digits expected", text);
  return out;
}

void Router::add(Method method, std::string_view pattern, Handler handler, RouteOptions options) {
  auto segments = split_path(pattern);
  KOINON_INVARIANT(segments.has_value());
  for (const auto& route : routes_)
    KOINON_INVARIANT(route.socket || route.method != method || !same_shape(route.segments, *segments));
  routes_.push_back({method, *std::move(segments), std::move(handler), std::move(options), nullptr});
}

void Router::websocket(Pattern<> pattern, WebSocketHandler handler) {
  auto segments = split_path(pattern.text());
  KOINON_INVARIANT(segments.has_value());
  routes_.push_back({Method::get, *std::move(segments), {}, {}, std::make_shared<const WebSocketHandler>(std::move(handler))});
}

Result<Router::Match> Router::find(Method method, std::string_view raw_path, bool upgrade) const {
  KOINON_TRY(const auto path, split_path(raw_path));
  Match best;
  bool path_exists = false;
  for (const auto& route : routes_) {
    auto values = fit(route.segments, path);
    if (!values) continue;
    path_exists = path_exists || route.method != Method::options;
    if (!answers(route, method) || (route.socket != nullptr) != upgrade) continue;
    if (best.route && !goes_before(route.segments, best.route->segments)) continue;
    best = {&route, *std::move(values)};
  }
  if (best.route) return best;
  if (path_exists)
    return base::fail(Code::unsupported, "[http] {} is not answered at this path{}", method_name(method),
                      upgrade ? " as a WebSocket" : "");
  return base::fail(Code::not_found, "[http] nothing is at this path");
}

HttpResponse Router::error(std::string_view raw_path, const Error& error) const {
  for (const auto& [prefix, write] : writers_)
    if (raw_path.starts_with(prefix)) return write(error);
  return HttpResponse::error(error);
}

std::string Router::allowed(std::string_view raw_path) const {
  const auto path = split_path(raw_path);
  std::vector<std::string_view> names;
  const auto note = [&](Method method) {
    if (std::find(names.begin(), names.end(), method_name(method)) == names.end()) names.push_back(method_name(method));
  };
  for (const auto& route : routes_) {
    if (!path || !fit(route.segments, *path)) continue;
    note(route.method);
    if (route.method == Method::get) note(Method::head);
  }
  std::string out;
  for (const auto name : names) out += (out.empty() ? "" : ", ") + std::string(name);
  return out;
}

}  // namespace koinon::net
