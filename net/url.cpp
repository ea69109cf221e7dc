#include "net/url.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace koinon::net {
namespace {

constexpr std::size_t kMaxTarget = 8192;
constexpr std::size_t kMaxPairs = 256;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto b = static_cast<unsigned char>(c);
    return b > 0x20 && b != 0x7F;
  });
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size() || out == 0)
    return base::fail(Code::malformed, "[url] port '{}': 1 to 65535 expected", text);
  return out;
}

std::uint16_t default_port(std::string_view scheme) {
  if (scheme == "http" || scheme == "ws") return 80;
  if (scheme == "https" || scheme == "wss") return 443;
  return 0;
}

/// One or more labels of host characters, none of them empty.
bool is_name(std::string_view host) {
  return !host.empty() && host.size() <= 253 && host.front() != '.' && host.back() != '.' &&
         host.find("..") == std::string_view::npos && std::all_of(host.begin(), host.end(), is_host_character);
}

bool is_v6_address(const std::string& host) {
  in6_addr out{};
  return ::inet_pton(AF_INET6, host.c_str(), &out) == 1;
}

}  // namespace

Result<Authority> Authority::parse(std::string_view text) {
  Authority out;
  std::optional<std::string_view> port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return base::fail(Code::malformed, "[url] '{}' has no closing bracket", text);
    out.host = text.substr(1, end - 1);
    out.is_v6 = true;
    if (!is_v6_address(out.host)) return base::fail(Code::malformed, "[url] host '{}': an IPv6 address expected", out.host);
    const auto rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return base::fail(Code::malformed, "[url] '{}' after the host", rest);
    if (!rest.empty()) port = rest.substr(1);
  } else {
    const auto colon = text.find(':');
    out.host = text.substr(0, colon);
    if (!is_name(out.host)) return base::fail(Code::malformed, "[url] host '{}': a name or an address expected", out.host);
    if (colon != std::string_view::npos) port = text.substr(colon + 1);
  }
  if (port) {
    KOINON_TRY(out.port, parse_port(*port));
  }
  return out;
}

Result<Url> Url::parse(std::string_view text) {
  if (text.size() > kMaxTarget || !is_visible(text))
    return base::fail(Code::malformed, "[url] {} characters, spaces or control characters among them or too many", text.size());
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) return base::fail(Code::malformed, "[url] '{}': http://host expected", text);
  Url out;
  out.scheme = text.substr(0, colon);
  std::transform(out.scheme.begin(), out.scheme.end(), out.scheme.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  out.port = default_port(out.scheme);
  if (out.port == 0) return base::fail(Code::malformed, "[url] scheme '{}': http, https, ws or wss expected", out.scheme);
  auto rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const auto end = rest.find_first_of("/?");
  const auto authority = rest.substr(0, end);
  if (authority.find('@') != std::string_view::npos)
    return base::fail(Code::malformed, "[url] user information is not accepted in an address");
  KOINON_TRY(auto at, Authority::parse(authority));
  out.host = std::move(at.host);
  if (at.port != 0) out.port = at.port;
  const auto tail = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
  out.target = tail.starts_with('/') ? std::string(tail) : "/" + std::string(tail);
  return out;
}

std::string Url::authority() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 1 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) return base::fail(Code::malformed, "[url] escape at character {}: %XX expected", i);
    if (high == 0 && low == 0) return base::fail(Code::malformed, "[url] NUL at character {}", i);
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool unreserved = is_host_character(c) || c == '~';
    if (unreserved)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return out;
}

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> out;
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto item = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    if (item.empty()) continue;
    if (out.size() == kMaxPairs) return base::fail(Code::out_of_range, "[url] more than {} query values", kMaxPairs);
    std::string plain(item);
    std::replace(plain.begin(), plain.end(), '+', ' ');
    const auto equals = std::min(plain.find('='), plain.size());
    KOINON_TRY(auto name, percent_decode(std::string_view(plain).substr(0, equals)));
    KOINON_TRY(auto value, percent_decode(std::string_view(plain).substr(std::min(equals + 1, plain.size()))));
    out.emplace_back(std::move(name), std::move(value));
  }
  return out;
}

Result<std::vector<std::string>> split_path(std::string_view raw_path) {
  if (!raw_path.starts_with('/')) return base::fail(Code::malformed, "[url] path '{}' does not begin with '/'", raw_path);
  std::vector<std::string> out;
  auto rest = raw_path.substr(1);
  while (!rest.empty()) {
    const auto end = rest.find('/');
    KOINON_TRY(auto segment, percent_decode(rest.substr(0, end)));
    if (segment.empty()) return base::fail(Code::malformed, "[url] empty segment in the path");
    if (segment == "." || segment == "..") return base::fail(Code::malformed, "[url] segment '{}' in the path", segment);
    const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
    if (std::any_of(segment.begin(), segment.end(), control))
      return base::fail(Code::malformed, "[url] control character in the path");
    out.push_back(std::move(segment));
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  }
  return out;
}

Result<Target> split_target(std::string_view target) {
  if (target.size() > kMaxTarget)
    return base::fail(Code::malformed, "[url] target of {} characters: at most {}", target.size(), kMaxTarget);
  if (!target.starts_with('/') || !is_visible(target) || target.find('#') != std::string_view::npos)
    return base::fail(Code::malformed, "[url] target: a path that begins with '/' expected");
  const auto mark = std::min(target.find('?'), target.size());
  return Target{target.substr(0, mark), target.substr(std::min(mark + 1, target.size()))};
}

}  // namespace koinon::net
