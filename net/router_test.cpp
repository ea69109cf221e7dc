#include "net/router.hpp"

#include <gtest/gtest.h>

namespace koinon::net {
namespace {

Result<HttpResponse> ask(const Router& router, Method method, const std::string& path) {
  auto match = router.find(method, path, false);
  if (!match) return base::fail(std::move(match).error());
  HttpRequest request;
  request.method = method;
  request.parameters = match->parameters;
  return match->route->handler(request);
}

Router sample() {
  Router router;
  router.get("/", [](const HttpRequest&) { return HttpResponse::text(200, "home"); });
  router.get("/orders/new", [](const HttpRequest&) { return HttpResponse::text(200, "new"); });
  router.get<std::uint64_t>("/orders/{id}", [](const HttpRequest&, std::uint64_t id) {
    return HttpResponse::text(200, fmt::format("order {}", id));
  });
  router.del<std::uint64_t>("/orders/{id}", [](const HttpRequest&, std::uint64_t) { return HttpResponse::text(204, ""); });
  router.get<std::string>("/{path...}",
                          [](const HttpRequest&, const std::string& path) { return HttpResponse::text(200, path); });
  return router;
}

TEST(Router, passes_typed_parameters) { EXPECT_EQ(ask(sample(), Method::get, "/orders/42")->body_text(), "order 42"); }

TEST(Router, prefers_a_literal_then_a_name_then_the_rest) {
  EXPECT_EQ(ask(sample(), Method::get, "/orders/new")->body_text(), "new");
  EXPECT_EQ(ask(sample(), Method::get, "/")->body_text(), "home");
  EXPECT_EQ(ask(sample(), Method::get, "/assets/a.js")->body_text(), "assets/a.js");
}

TEST(Router, refuses_a_parameter_of_another_type) {
  EXPECT_EQ(ask(sample(), Method::get, "/orders/x1").error().code, Code::malformed);
  EXPECT_EQ(ask(sample(), Method::get, "/orders/99999999999999999999").error().code, Code::out_of_range);
}

TEST(Router, tells_a_wrong_method_from_a_wrong_path) {
  Router router;
  router.put<base::Cid>("/a/{cid}", [](const HttpRequest&, const base::Cid&) { return HttpResponse{}; });
  EXPECT_EQ(ask(router, Method::post, "/a/b").error().code, Code::unsupported);
  EXPECT_EQ(router.allowed("/a/b"), "PUT");
  EXPECT_EQ(ask(router, Method::get, "/b").error().code, Code::not_found);
}

TEST(Router, answers_head_where_get_is) { EXPECT_TRUE(ask(sample(), Method::head, "/orders/42")); }

TEST(Router, keeps_encoded_slashes_out_of_the_rest) { EXPECT_FALSE(ask(sample(), Method::get, "/assets/..%2F..%2Fpasswd")); }

}  // namespace
}  // namespace koinon::net
