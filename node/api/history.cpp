#include "node/api/history.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <ranges>

#include "node/api/context.hpp"
#include "node/api/fields.hpp"
#include "node/api/order_json.hpp"
#include "node/api/words.hpp"

namespace koinon::node::api {
namespace {

using market::OrderView;
using nlohmann::json;

constexpr std::size_t kMostOfModel = 200;  ///< final orders that a model's record is made of

base::Wei slashed_in(const OrderView& order) {
  base::Wei out;
  for (const auto& seat : order.seats) out = sum(out, seat.slashed);
  return out;
}

/// The element below which `part` of the sorted list lies.
std::int64_t quantile(std::vector<std::int64_t> list, double part) {
  const auto at = std::min(list.size() - 1, static_cast<std::size_t>(part * static_cast<double>(list.size())));
  std::nth_element(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(at), list.end());
  return list[at];
}

}  // namespace

base::Wei spent_on(const OrderView& order) { return rest(sum(order.escrow, order.bond), order.refunded); }

History::History(std::int64_t from_ms, std::int64_t to_ms, std::size_t points, std::uint32_t account)
    : from_(from_ms),
      step_(std::max<std::int64_t>(
          1, (to_ms - from_ms + static_cast<std::int64_t>(points) - 1) / static_cast<std::int64_t>(points))),
      account_(account),
      points_(points) {}

History::Point* History::at(std::int64_t time_ms) {
  if (time_ms < from_) return nullptr;
  const auto index = static_cast<std::size_t>((time_ms - from_) / step_);
  return index < points_.size() ? &points_[index] : nullptr;
}

void History::add(const OrderView& order) {
  if (auto* point = at(order.placed_at_ms)) ++point->orders;
  if (!market::is_final(order.phase)) return;
  auto* point = at(order.settled_at_ms);
  if (point == nullptr) return;
  ++(order.phase == market::Phase::settled ? point->settled : point->refunded);
  point->paid = sum(point->paid, order.paid);
  point->slashed = sum(point->slashed, slashed_in(order));
  point->burned = sum(point->burned, order.burned);
  if (account_ == 0) return;
  if (order.terms.buyer == account_) point->spent = sum(point->spent, spent_on(order));
  for (const auto& seat : order.seats) {
    if (seat.account != account_) continue;
    point->earned = sum(point->earned, seat.paid);
    point->lost = sum(point->lost, seat.slashed);
  }
  if (const auto reward = order.rewards.find(account_); reward != order.rewards.end())
    point->earned = sum(point->earned, reward->second);
}

json History::told() const {
  json points = json::array();
  for (const auto& p : points_)
    points.push_back({{"orders", p.orders},
                      {"settled", p.settled},
                      {"refunded", p.refunded},
                      {"paid", p.paid.text()},
                      {"slashed", p.slashed.text()},
                      {"burned", p.burned.text()},
                      {"earned", p.earned.text()},
                      {"lost", p.lost.text()},
                      {"spent", p.spent.text()}});
  return {{"from", from_}, {"step_ms", step_}, {"points", std::move(points)}};
}

void CheckRecord::add(const OrderView& order) {
  if (order.phase == market::Phase::refunded) ++refunded_;
  if (order.phase != market::Phase::settled) return;
  ++settled_;
  if (!slashed_in(order).is_zero()) ++disputed_;
  cost_ = sum(cost_, spent_on(order));
  times_.push_back(order.settled_at_ms - order.placed_at_ms);
}

json CheckRecord::told() const {
  json out = {{"settled", settled_},  {"refunded", refunded_}, {"disputed", disputed_},
              {"median_ms", nullptr}, {"slow_ms", nullptr},    {"mean_cost", nullptr}};
  if (times_.empty()) return out;
  out["median_ms"] = quantile(times_, 0.5);
  out["slow_ms"] = quantile(times_, 0.9);
  if (const auto mean = cost_.scaled(1, settled_)) out["mean_cost"] = mean->text();
  return out;
}

namespace {

/// Milliseconds of the year 9999: later times are no times.
constexpr std::uint64_t kLatest = 253'402'300'799'999;

Result<HttpResponse> history(Context& context, const HttpRequest& request) {
  std::uint64_t points = 60, account = 0, since = 0;
  if (const auto* text = request.query_value("points")) {
    KOINON_TRY(points, parse_number(*text, "points", 1, 200));
  }
  if (const auto* text = request.query_value("account")) {
    KOINON_TRY(account, parse_number(*text, "account", 1, UINT32_MAX));
  }
  if (const auto* text = request.query_value("since")) {
    KOINON_TRY(since, parse_number(*text, "since", 0, kLatest));
  }
  const auto now = context.node.clock().now_ms();
  json out;
  context.node.sync().read([&](const market::Book& book, std::uint64_t) {
    auto from = static_cast<std::int64_t>(since);
    if (!book.orders().empty()) from = std::max(from, book.orders().begin()->second.placed_at_ms);
    // The ledger's clock may be ahead of ours: its newest order is inside all the same.
    auto to = std::max(now, from) + 1;
    if (!book.orders().empty()) to = std::max(to, book.orders().rbegin()->second.placed_at_ms + 1);
    History told(book.orders().empty() ? now : from, to, points, static_cast<std::uint32_t>(account));
    for (const auto& [id, order] : book.orders()) told.add(order);
    out = told.told();
  });
  return HttpResponse::json(200, out.dump());
}

Result<HttpResponse> model_record(Context& context, const HttpRequest&, const base::Hash& program) {
  KOINON_TRY([[maybe_unused]] const auto known, context.node.store().models.get(program));
  std::map<std::uint8_t, CheckRecord> records;
  context.node.sync().read([&](const market::Book& book, std::uint64_t) {
    for (const auto& [id, order] : std::ranges::reverse_view(book.orders())) {
      auto& record = records[order.terms.check];
      if (order.terms.spec == program && record.size() < kMostOfModel) record.add(order);
    }
  });
  json checks = json::array();
  for (const auto& [check, record] : records) {
    if (record.size() == 0) continue;
    checks.push_back(record.told());
    checks.back()["check"] = check_word(check, &context.node.rules());
  }
  return HttpResponse::json(200, json{{"checks", std::move(checks)}}.dump());
}

}  // namespace

void add_history(net::Router& router, const ContextPtr& context) {
  router.get("/api/v1/history", guarded(context, {}, history));
  router.get<base::Hash>("/api/v1/models/{program}/record", guarded(context, {}, model_record));
}

}  // namespace koinon::node::api
