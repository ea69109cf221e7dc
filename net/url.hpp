#pragma once
#include <cstdint>

#include "net/http.hpp"

namespace koinon::net {

/// "host", "host:port" or "[v6]:port": what a Host field and a URL hold (RFC 3986, section 3.2). No user information, no empty
/// label, so no trailing dot either, which would make one host two names.
struct Authority {
  std::string host;        ///< without brackets for IPv6
  std::uint16_t port = 0;  ///< 0: none was given
  bool is_v6 = false;

  /// Errors: malformed.
  static Result<Authority> parse(std::string_view text);
};

/// An absolute http, https, ws or wss URL without user information (RFC 3986).
struct Url {
  std::string scheme;
  std::string host;  ///< without brackets for IPv6
  std::uint16_t port = 0;
  std::string target;  ///< path and query, at least "/"

  /// Errors: malformed.
  static Result<Url> parse(std::string_view text);
  /// host:port, an IPv6 host in brackets.
  [[nodiscard]] std::string authority() const;
};

/// Decodes %XX. Errors: malformed on a cut or non-hex escape, and on an encoded NUL.
Result<std::string> percent_decode(std::string_view text);
/// Escapes all but unreserved characters (RFC 3986, section 2.3).
std::string percent_encode(std::string_view text);

/// Splits and decodes "a=1&b=2"; '+' is a space, as forms have it. At most 256 pairs. Errors: malformed, out_of_range.
Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query);

/// Splits a still encoded path into decoded segments. Errors: malformed when it does not begin with '/', holds a control
/// character, an empty segment within, or a segment "." or ".." (also encoded), which would escape a folder.
Result<std::vector<std::string>> split_path(std::string_view raw_path);

/// Path and query of an origin-form target ("/a/b?c=d"), both still encoded.
struct Target {
  std::string_view path;
  std::string_view query;
};
/// Errors: malformed when the target is not in origin form (RFC 9112, section 3.2.1) or longer than 8 KiB.
Result<Target> split_target(std::string_view target);

}  // namespace koinon::net
