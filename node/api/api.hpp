#pragma once
#include <filesystem>

#include "net/router.hpp"

namespace koinon::node {

class Node;

struct ApiOptions {
  std::filesystem::path page;            ///< folder of the built web page (index.html, assets/); empty: none is served
  std::size_t max_event_sockets = 64;    ///< live connections
  std::uint64_t max_model = 512u << 20;  ///< bytes of an uploaded .koinon file
};

/// Every route of openapi.json. `node` outlives the router and whatever serves it: destroy the HTTP server first, then the
/// node's parts. The routes own a thread that pushes live events and issues receipts of the node's own settled orders.
net::Router make_api(Node& node, ApiOptions options = {});

/// The OpenAPI document, as it is served at /openapi.json.
std::string_view openapi_document();

}  // namespace koinon::node
