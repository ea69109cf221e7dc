#include <algorithm>

#include "base/file.hpp"
#include "node/api/context.hpp"

namespace koinon::node::api {
namespace {

constexpr std::uint64_t kMaxFile = std::uint64_t{32} << 20;
constexpr std::size_t kMaxName = 120;
constexpr const char* kPolicy =
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'";

/// One name without a folder, as vite gives them.
bool is_file_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && name[0] != '.' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

std::string content_type(const std::filesystem::path& file) {
  static constexpr std::pair<std::string_view, const char*> kTypes[] = {
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".woff2", "font/woff2"},
      {".json", "application/json"},
      {".map", "application/json"},
  };
  const auto ending = file.extension().string();
  for (const auto& [known, type] : kTypes)
    if (known == ending) return type;
  return "application/octet-stream";
}

Result<HttpResponse> serve(const HttpRequest& request, const std::filesystem::path& file, const char* cache) {
  KOINON_TRY(const auto bytes, base::read_file(file, kMaxFile));
  const auto tag = fmt::format("\"{}\"", base::to_hex(base::sha256(bytes)).substr(2, 32));
  HttpResponse out;
  out.headers.set("Cache-Control", cache);
  out.headers.set("ETag", tag);
  out.headers.set("Content-Security-Policy", kPolicy);
  out.headers.set("Referrer-Policy", "no-referrer");
  if (request.headers.get("If-None-Match") == tag) {
    out.status = 304;
    return out;
  }
  out.headers.set("Content-Type", content_type(file));
  out.body = std::string(base::as_text(bytes));
  return out;
}

Result<HttpResponse> index_page(Context& context, const HttpRequest& request) {
  const auto& folder = context.options.page;
  if (folder.empty() || !std::filesystem::is_regular_file(folder / "index.html"))
    return fail(Code::not_found, "[page] the web page is not installed; the API is at /openapi.json");
  return serve(request, folder / "index.html", "no-cache");
}

Result<HttpResponse> asset(Context& context, const HttpRequest& request, const std::string& name) {
  std::error_code ignored;
  const auto file = context.options.page / "assets" / name;
  if (context.options.page.empty() || !is_file_name(name) || !std::filesystem::is_regular_file(file, ignored))
    return fail(Code::not_found, "[page] no asset '{}'", name.substr(0, kMaxName));
  return serve(request, file, "public, max-age=31536000, immutable");
}

Result<HttpResponse> document(Context&, const HttpRequest&) {
  auto out = HttpResponse::json(200, std::string(openapi_document()));
  out.headers.set("Cache-Control", "no-cache");
  return out;
}

}  // namespace

void add_page(net::Router& router, const ContextPtr& context) {
  router.get("/", guarded(context, {Access::anyone}, index_page));
  router.get<std::string>("/assets/{file}", guarded(context, {Access::anyone}, asset));
  router.get("/openapi.json", guarded(context, {Access::anyone}, document));
}

}  // namespace koinon::node::api
