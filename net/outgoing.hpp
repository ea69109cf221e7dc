#pragma once
#include "net/body_source.hpp"

namespace koinon::net {

/// A response on its way out.
struct Outgoing {
  std::string head;
  BodySource body;
  std::uint64_t at = 0;
  std::uint64_t end = 0;
  bool close = false;
  bool endless = false;  ///< pieces of unknown number
  bool chunked = false;  ///< each of them goes out behind its size; else the end of the connection ends the body
};

/// Opens the body and writes the header. Never fails: what cannot be sent becomes an error response. `old`: HTTP/1.0, which
/// knows no chunks.
Outgoing prepare(HttpResponse response, const HttpRequest& request, bool close, bool old = false);

}  // namespace koinon::net
