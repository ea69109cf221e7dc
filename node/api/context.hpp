#pragma once
#include <map>
#include <nlohmann/json_fwd.hpp>

#include "node/api/answer.hpp"
#include "node/api/api.hpp"
#include "node/api/encrypted_orders.hpp"
#include "node/api/gate.hpp"
#include "node/api/programs.hpp"
#include "node/api/purse.hpp"
#include "node/api/repeats.hpp"
#include "node/node.hpp"
#include "node/paid/till.hpp"

namespace koinon::node::api {

/// What all routes share. Thread-safe.
struct Context {
  Context(Node& node_in, ApiOptions options_in);

  Node& node;
  const ApiOptions options;
  const std::unique_ptr<paid::Till> till;  ///< null unless the node sells calls
  Gate gate;
  Programs programs;
  Repeats repeats;
  EncryptedOrders encrypted;
  Purse purse;

  /// A copy of an order, so that slow work never holds the book. Errors: not_found.
  [[nodiscard]] base::Result<market::OrderView> order(std::uint64_t id) const;
  [[nodiscard]] bool is_mine(const market::OrderView& order) const { return order.terms.buyer == node.account(); }
  /// Name of the model, or empty.
  [[nodiscard]] std::string model_name(const base::Hash& program) const;
  /// Whether it is a language model that this node knows.
  [[nodiscard]] bool is_text(const base::Hash& program) const;
  /// The program that an order runs: its spec, or what stands behind an order of encrypted inference that is ours.
  [[nodiscard]] base::Hash program_of(const market::OrderView& order) const;
  /// Outputs of an own order in real units. Errors: not_found (no result yet), those of the artifacts.
  base::Result<std::vector<RealOutput>> outputs(const market::OrderView& order);
  /// The text of an own order of a language model, TextOrder of the document. Errors: unsupported (another order), not_found
  /// (its input is not here), those of the artifacts.
  base::Result<nlohmann::json> text(const market::OrderView& order);
  /// The answer of an own order, when there is one. Kept, because lists ask for it again and again.
  std::optional<std::string> answer(const market::OrderView& order);
  /// The buyer's note on an own order.
  [[nodiscard]] std::optional<std::string> label(const market::OrderView& order) const;
  base::Status set_label(std::uint64_t order, std::string_view label);

 private:
  /// What was asked for and what came. Errors: as text.
  struct Text {
    Programs::TextPtr model;
    work::language::Request request;
    std::optional<work::language::Tokens> generated;
  };
  base::Result<Text> read_text(const market::OrderView& order);

  static constexpr std::size_t kMostAnswers = 4096;
  std::mutex mutex_;
  std::map<std::uint64_t, std::pair<base::Hash, std::string>> answers_;  ///< guarded by mutex_; with the verdict's output root
};

/// A handler behind the gate: `body` gets the request and the path's parameters.
template <class F>
auto guarded(const std::shared_ptr<Context>& context, Rule rule, F body) {
  return [context, rule, body](const HttpRequest& request, const auto&... parameters) -> Result<HttpResponse> {
    return context->gate.pass(request, rule, [&]() -> Result<HttpResponse> { return body(*context, request, parameters...); });
  };
}

/// Of a route with a body of at most `max_body` bytes: the rule is asked before the body is read.
inline net::RouteOptions behind(const std::shared_ptr<Context>& context, Rule rule, std::uint64_t max_body) {
  return {max_body, [context, rule](const HttpRequest& request) { return context->gate.refusal(request, rule); }};
}

/// Of calls that all cost the same.
struct FixedPrice {
  Result<base::Wei> operator()(Context&, const HttpRequest&) const { return base::Wei{}; }
};

/// A handler of a call that the node sells: the owner gets it as it is, anyone else for serve.price and what `cost` adds to it.
template <class F, class Cost = FixedPrice>
auto sold(const std::shared_ptr<Context>& context, Rule rule, F body, Cost cost = {}) {
  return guarded(context, rule,
                 [body, cost](Context& c, const HttpRequest& request, const auto&... parameters) -> Result<HttpResponse> {
                   const auto run = [&]() -> Result<HttpResponse> { return body(c, request, parameters...); };
                   if (!c.till || !c.gate.is_customer(request)) return run();
                   return c.till->serve(request, [&] { return cost(c, request); }, run);
                 });
}

/// Of such a call's route: a payment is looked at before the body is read, and asked for when the price is fixed.
net::RouteOptions behind_till(const std::shared_ptr<Context>& context, Rule rule, std::uint64_t max_body,
                              bool fixed_price = true);

using ContextPtr = std::shared_ptr<Context>;  ///< shared by the handlers, which the router copies

// One function a resource: each adds its routes.
void add_status(net::Router& router, const ContextPtr& context);
void add_orders(net::Router& router, const ContextPtr& context);
void add_place(net::Router& router, const ContextPtr& context);
void add_providers(net::Router& router, const ContextPtr& context);
void add_models(net::Router& router, const ContextPtr& context);
struct Waiting;
void add_serving(net::Router& router, const ContextPtr& context, const std::shared_ptr<Waiting>& waiting);
void add_completions(net::Router& router, const ContextPtr& context, const std::shared_ptr<Waiting>& waiting);
void add_training(net::Router& router, const ContextPtr& context);
void add_quote(net::Router& router, const ContextPtr& context);
void add_preview(net::Router& router, const ContextPtr& context);
void add_history(net::Router& router, const ContextPtr& context);
void add_account_record(net::Router& router, const ContextPtr& context);
void add_delivery(net::Router& router, const ContextPtr& context);
void add_ledger(net::Router& router, const ContextPtr& context);
void add_trace(net::Router& router, const ContextPtr& context);
void add_watch(net::Router& router, const ContextPtr& context);
void add_account(net::Router& router, const ContextPtr& context);
void add_metrics(net::Router& router, const ContextPtr& context);
void add_page(net::Router& router, const ContextPtr& context);
void add_events(net::Router& router, const ContextPtr& context);

}  // namespace koinon::node::api
