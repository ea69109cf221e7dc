#pragma once
#include <array>
#include <memory>
#include <optional>
#include <type_traits>

#include "base/cid.hpp"
#include "net/websocket.hpp"

namespace koinon::net {

/// Reads one path parameter. Specialise it for further types.
template <class T>
struct PathParameter;
template <>
struct PathParameter<std::string> {
  static Result<std::string> parse(std::string_view text) { return std::string(text); }
};
template <>
struct PathParameter<std::uint64_t> {
  /// Decimal digits without sign or leading zeros. Errors: malformed, out_of_range.
  static Result<std::uint64_t> parse(std::string_view text);
};
template <>
struct PathParameter<base::Cid> {
  static Result<base::Cid> parse(std::string_view text) { return base::Cid::parse(text); }
};
template <std::size_t N>
struct PathParameter<base::FixedBytes<N>> {
  static Result<base::FixedBytes<N>> parse(std::string_view text) { return base::fixed_from_hex<N>(text); }
};

/// A route's path such as "/orders/{id}", whose number of {names} must equal the number of parameter types: anything else does
/// not compile. A last segment "{name...}" takes the rest of the path, slashes included.
template <class... Params>
class Pattern {
 public:
  template <std::size_t N>
  consteval Pattern(const char (&text)[N]) : text_(text, N - 1) {  // NOLINT(google-explicit-constructor)
    std::size_t names = 0;
    for (const char c : text_) names += c == '{' ? 1u : 0u;
    if (N < 2 || text[0] != '/') throw "a route begins with a slash";
    if (names != sizeof...(Params)) throw "a route has one {name} for each parameter type";
  }
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

/// Looks at a request's line and fields before its body is read: an answer refuses it, and its connection ends. Runs on a
/// thread that serves many connections, so it must not block.
using HeaderGate = std::function<std::optional<HttpResponse>(const HttpRequest&)>;

struct RouteOptions {
  std::uint64_t max_body = 1u << 20;  ///< bytes of the request's body; beyond: 413, before it is read
  HeaderGate gate{};                  ///< empty: all may pass
};

/// Which handler answers which method and path. Filled once, then constant. A literal segment goes before a {name}.
///
///   router.get("/healthz", [](const HttpRequest&) { return HttpResponse::text(200, "ok"); });
///   router.get<base::Cid>("/artifacts/{cid}", [&](const HttpRequest& r, const base::Cid& cid) -> Result<HttpResponse> { ...
///   });
class Router {
 public:
  template <class... Params>
  using TypedHandler = std::type_identity_t<std::function<Result<HttpResponse>(const HttpRequest&, const Params&...)>>;
  template <class... Params>
  using TypedPattern = std::type_identity_t<Pattern<Params...>>;

  /// Precondition: no other route has the same method and shape.
  template <class... Params>
  void on(Method method, TypedPattern<Params...> pattern, TypedHandler<Params...> handler, RouteOptions options = {}) {
    add(method, pattern.text(), typed<Params...>(std::move(handler), std::index_sequence_for<Params...>{}), std::move(options));
  }
  template <class... Params>
  void get(TypedPattern<Params...> pattern, TypedHandler<Params...> handler) {
    on<Params...>(Method::get, pattern, std::move(handler), {.max_body = 0});
  }
  template <class... Params>
  void post(TypedPattern<Params...> pattern, TypedHandler<Params...> handler, RouteOptions options = {}) {
    on<Params...>(Method::post, pattern, std::move(handler), std::move(options));
  }
  template <class... Params>
  void put(TypedPattern<Params...> pattern, TypedHandler<Params...> handler, RouteOptions options = {}) {
    on<Params...>(Method::put, pattern, std::move(handler), std::move(options));
  }
  template <class... Params>
  void del(TypedPattern<Params...> pattern, TypedHandler<Params...> handler, RouteOptions options = {.max_body = 0}) {
    on<Params...>(Method::del, pattern, std::move(handler), std::move(options));
  }
  /// Errors that no handler writes (nothing at this path, another method, a body too long) are written by `write` where the
  /// path begins with `prefix`, such as "/v1/"; elsewhere by HttpResponse::error. The status is set by who refuses.
  void write_errors(std::string prefix, HttpResponse (*write)(const Error&)) {
    writers_.emplace_back(std::move(prefix), write);
  }
  [[nodiscard]] HttpResponse error(std::string_view raw_path, const Error& error) const;
  /// A WebSocket route (GET with an upgrade). A GET handler may stand at the same path for plain requests.
  void websocket(Pattern<> pattern, WebSocketHandler handler);

  struct Route {
    Method method = Method::get;
    std::vector<std::string> segments;
    Handler handler;
    RouteOptions options;
    std::shared_ptr<const WebSocketHandler> socket;  ///< set for a WebSocket route; connections outlive a lookup
  };
  struct Match {
    const Route* route = nullptr;
    std::vector<std::string> parameters;
  };
  /// The route of a request whose path is `raw_path` (still percent-encoded, so that an encoded slash is no separator).
  /// HEAD finds GET routes. Errors: malformed (path), not_found, unsupported (the path exists with other methods; a route for
  /// OPTIONS alone does not make it exist).
  [[nodiscard]] Result<Match> find(Method method, std::string_view raw_path, bool upgrade) const;
  /// Methods that answer at this path, such as "GET, PUT" (for Allow).
  [[nodiscard]] std::string allowed(std::string_view raw_path) const;

 private:
  void add(Method method, std::string_view pattern, Handler handler, RouteOptions options);

  template <class... Params, std::size_t... I>
  static Handler typed(TypedHandler<Params...> handler, std::index_sequence<I...>) {
    return [handler = std::move(handler)](const HttpRequest& request) -> Result<HttpResponse> {
      [[maybe_unused]] auto values = std::make_tuple(PathParameter<Params>::parse(request.parameters[I])...);
      Error error;
      bool good = true;
      [[maybe_unused]] const auto check = [&](const auto& value) {
        if (!value && good) {
          good = false;
          error = value.error();
        }
      };
      (check(std::get<I>(values)), ...);
      if (!good) return base::fail(std::move(error).within("[path]"));
      return handler(request, *std::get<I>(values)...);
    };
  }

  std::vector<Route> routes_;
  std::vector<std::pair<std::string, HttpResponse (*)(const Error&)>> writers_;
};

}  // namespace koinon::net
