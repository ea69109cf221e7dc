#include "node/api/context.hpp"

namespace koinon::node::api {
namespace {

/// Bytes in memory that answer Range requests. A blob has at most 1 MiB.
net::Body ranged(std::string bytes) {
  auto held = std::make_shared<const std::string>(std::move(bytes));  // shared: std::function copies its target
  return net::ProducedBody{held->size(), [held](std::uint64_t offset) -> Result<std::string> { return held->substr(offset); }};
}

Result<HttpResponse> blob(Context& context, const HttpRequest& request, const base::Cid& cid) {
  const auto tag = fmt::format("\"{}\"", cid.text());
  HttpResponse out;
  out.headers.set("Content-Type", "application/octet-stream");
  out.headers.set("Cache-Control", "public, max-age=31536000, immutable");
  out.headers.set("ETag", tag);
  if (request.headers.get("If-None-Match") == tag && context.node.artifacts().has_blob(cid)) {
    out.status = 304;
    return out;
  }
  KOINON_TRY(const auto bytes, context.node.artifacts().blob(cid));
  out.body = ranged(std::string(base::as_text(bytes)));
  return out;
}

}  // namespace

void add_delivery(net::Router& router, const ContextPtr& context) {
  router.get<base::Cid>("/artifacts/{cid}", guarded(context, {Access::peers}, blob));
}

}  // namespace koinon::node::api
