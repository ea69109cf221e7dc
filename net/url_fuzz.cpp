#include <cstdint>
#include <cstdlib>

#include "net/body_source.hpp"
#include "net/site.hpp"
#include "net/text.hpp"
#include "net/url.hpp"

namespace net = koinon::net;

/// Decoded paths never leave a folder; what parses prints and parses to the same again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto target = net::split_target(text)) {
    if (const auto segments = net::split_path(target->path))
      for (const auto& segment : *segments)
        if (segment.empty() || segment == ".." || segment == "." || segment.find('\0') != std::string::npos) std::abort();
    (void)net::parse_query(target->query);
  }
  if (const auto url = net::Url::parse(text)) {
    const auto again = net::Url::parse(url->scheme + "://" + url->authority() + url->target);
    if (!again || again->host != url->host || again->target != url->target || again->port != url->port) std::abort();
  }
  if (const auto at = net::Authority::parse(text)) {
    const auto again = net::Authority::parse(at->is_v6 ? "[" + at->host + "]" : at->host);
    if (!again || again->host != at->host || at->host.ends_with('.')) std::abort();
  } else if (net::check_host({.only_known_hosts = false}, text)) {
    std::abort();
  }
  const std::string origin(text);
  if (net::check_site({.extensions = true}, "localhost", &origin) && origin.find("://") == std::string::npos) std::abort();
  const auto decoded = net::percent_decode(net::percent_encode(text));
  if (text.find('\0') == std::string_view::npos && (!decoded || *decoded != text)) std::abort();
  if (const auto range = net::parse_range(text, 1000);
      range && *range && ((*range)->first > (*range)->last || (*range)->last > 999))
    std::abort();
  if (net::json_quoted(text).size() < 2) std::abort();
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  std::vector<std::vector<std::uint8_t>> out;
  for (const std::string_view seed :
       {"/a/b%20c/d?x=1&y=%41+z", "http://user.example:8080/a?b#c", "https://[2001:db8::1]:443/", "bytes=0-499", "bytes=-5",
        "/../%2e%2e/x", "ws://a", "[::1]:7070", "127.0.0.1:80", "chrome-extension://abc"})
    out.emplace_back(seed.begin(), seed.end());
  return out;
}
