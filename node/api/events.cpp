#include "node/api/events.hpp"

#include <nlohmann/json.hpp>

#include "node/api/order_json.hpp"

namespace koinon::node::api {
namespace {

using nlohmann::json;

constexpr std::int64_t kLookMs = 1'000;  ///< at the latest; the book wakes it before

std::string dumped(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }
std::string block_message(std::uint64_t head) { return dumped({{"type", "block"}, {"number", head}}); }

}  // namespace

EventHub::EventHub(ContextPtr context) : context_(std::move(context)) {
  context_->node.sync().read([&](const market::Book& book, std::uint64_t head) {
    head_ = head;
    newest_ = book.orders().empty() ? 0 : book.orders().rbegin()->first;
    for (const auto id : book.open_orders()) open_[id] = {};
  });
  thread_ = std::jthread([this](const std::stop_token& stop) { follow(stop); });
}

Status EventHub::open(const std::shared_ptr<net::WebSocketSession>& session, const HttpRequest& request) {
  KOINON_CHECK(context_->gate.admit(request, {}));
  const std::lock_guard lock(mutex_);
  if (listeners_.size() >= context_->options.max_event_sockets)
    return fail(Code::exhausted, "[events] {} connections: at most {}", listeners_.size(), context_->options.max_event_sockets);
  KOINON_CHECK(session->send(block_message(head_)));
  listeners_[session->id()] = {session, context_->gate.is_owner(request)};
  return {};
}

void EventHub::close(std::uint64_t session_id) {
  const std::lock_guard lock(mutex_);
  listeners_.erase(session_id);
}

void EventHub::follow(const std::stop_token& stop) {
  std::uint64_t seen = 0;
  while (!stop.stop_requested()) {
    seen = context_->node.sync().wait_beyond(seen, kLookMs, stop);
    if (stop.stop_requested()) return;
    tell(collect());
  }
}

EventHub::Changes EventHub::collect() {
  Changes out;
  context_->node.sync().read([&](const market::Book& book, std::uint64_t head) {
    out.head = head;
    // An order that is new since the last look, or was open then, may have changed; others never do.
    for (auto at = book.orders().upper_bound(newest_); at != book.orders().end(); ++at) open_[at->first] = {};
    if (!book.orders().empty()) newest_ = book.orders().rbegin()->first;
    for (const auto id : book.open_orders()) open_.try_emplace(id);  // after a reorganisation
    for (auto& [id, mark] : open_) {
      const auto* order = book.order(id);
      if (order == nullptr) continue;
      const Mark now{order->story.size(), order->since_ms, order->phase};
      if (now == mark) continue;
      mark = now;
      out.orders.push_back(*order);
    }
    std::erase_if(open_, [&](const auto& item) { return !book.open_orders().contains(item.first); });
    for (const auto& [id, account] : book.accounts())
      if (is_provider(account)) out.providers.push_back(account);
  });
  return out;
}

void EventHub::tell(const Changes& changes) {
  bool moved = false;
  {
    const std::lock_guard lock(mutex_);
    moved = head_ != changes.head;
    head_ = changes.head;
  }
  if (moved) send(block_message(changes.head));
  auto& context = *context_;
  for (const auto& order : changes.orders) {
    OrderAside aside;
    aside.kinds = &context.node.kinds();
    aside.checks = &context.node.rules();
    aside.model = context.model_name(order.terms.spec);
    aside.mine = context.is_mine(order);
    const auto to_all = dumped({{"type", "order"}, {"order", order_summary(order, aside)}});
    if (aside.mine) aside.answer = context.answer(order);
    const auto to_owner = dumped({{"type", "order"}, {"order", order_summary(order, aside)}});
    send(to_all, &to_owner);
  }
  for (const auto& account : changes.providers) {
    auto message =
        dumped({{"type", "provider"}, {"provider", provider_json(account, context.node.least_stake(), &context.node.kinds())}});
    auto& last = providers_[account.id];
    if (last == message) continue;
    send(message);
    last = std::move(message);
  }
}

void EventHub::send(const std::string& to_all, const std::string* to_owner) {
  std::vector<Listener> to;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, listener] : listeners_) to.push_back(listener);
  }
  for (const auto& listener : to)
    if (!listener.session->send(listener.owner && to_owner != nullptr ? *to_owner : to_all)) close(listener.session->id());
}

void add_events(net::Router& router, const ContextPtr& context) {
  const auto hub = std::make_shared<EventHub>(context);  // shared: the router copies its handlers
  net::WebSocketHandler handler;
  handler.on_open = [hub](const std::shared_ptr<net::WebSocketSession>& session, const HttpRequest& request) {
    return hub->open(session, request);
  };
  handler.protocol = "koinon";
  handler.on_text = [](const std::shared_ptr<net::WebSocketSession>&, const std::string&) {};
  handler.on_close = [hub](std::uint64_t id) { hub->close(id); };
  router.websocket("/api/v1/events", std::move(handler));
}

}  // namespace koinon::node::api
