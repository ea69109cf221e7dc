#include "node/api/order_json.hpp"

#include <nlohmann/json.hpp>

#include "node/api/words.hpp"
#include "trust/quorum/optimistic.hpp"

namespace koinon::node::api {
namespace {

using market::OrderView;
using nlohmann::json;

template <class T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

json word_or_null(std::string_view word) { return word.empty() ? json(nullptr) : json(word); }

base::Wei members_sum(const OrderView& order, base::Wei market::Seat::* field) {
  base::Wei out;
  for (const auto& seat : order.seats) out = sum(out, seat.*field);
  return out;
}

json events_json(const OrderView& order) {
  constexpr std::size_t kMost = 2000;
  json out = json::array();
  for (const auto& line : order.story) {
    if (out.size() == kMost) break;
    out.push_back({{"at", line.at_ms},
                   {"block", line.block},
                   {"tx", base::to_hex(line.transaction)},
                   {"name", line.name},
                   {"account", line.account == 0 ? json(nullptr) : json(line.account)},
                   {"text", line.text.substr(0, 400)}});
  }
  return out;
}

json challenges_json(const market::DisputeView& dispute) {
  constexpr std::size_t kMost = 1000;
  json out = json::array();
  for (const auto& one : dispute.challenges) {
    if (out.size() == kMost) break;
    out.push_back({{"account", one.account},
                   {"bond", one.bond.text()},
                   {"proven", one.proven},
                   {"closed", one.closed},
                   {"deadline", one.deadline * 1000}});
  }
  return out;
}

json demands_json(const market::DisputeView& dispute) {
  constexpr std::size_t kMost = 1000;
  json out = json::array();
  for (const auto& [account, one] : dispute.demands) {
    if (out.size() == kMost) break;
    out.push_back({{"account", account},
                   {"made", one.made},
                   {"answered", one.answers.size()},
                   {"open", one.open},
                   {"deadline", one.deadline * 1000}});
  }
  return out;
}

/// What is disputed about the claim of an optimistic order; null of others.
json order_dispute(const OrderView& order) {
  if (order.terms.check != trust::OptimisticCheck::kCode) return nullptr;
  const auto& dispute = order.dispute;
  const auto until = dispute.until();
  json condemned = nullptr;
  if (dispute.condemned) condemned = *dispute.condemned == market::kWithheld ? "withheld" : "refuted";
  return {{"until", until == 0 ? json(nullptr) : json(until * 1000)},
          {"condemned", std::move(condemned)},
          {"winner", or_null(dispute.winner)},
          {"challenges", challenges_json(dispute)},
          {"demands", demands_json(dispute)}};
}

}  // namespace

base::Wei sum(const base::Wei& a, const base::Wei& b) {
  const auto out = a.plus(b);
  return out ? *out : a;
}

base::Wei rest(const base::Wei& a, const base::Wei& b) {
  const auto out = a.minus(b);
  return out ? *out : base::Wei{};
}

json order_summary(const OrderView& order, const OrderAside& aside) {
  json model = json::object();
  if (!aside.model.empty()) model["name"] = aside.model;
  const bool ended = market::is_final(order.phase);
  return {{"id", std::to_string(order.id)},
          {"kind", kind_word(order.terms.kind, aside.kinds)},
          {"check", check_word(order.terms.check, aside.checks)},
          {"privacy", privacy_word(order.terms.privacy)},
          {"program", base::to_hex(order.terms.spec)},
          {"model", model},
          {"buyer", order.terms.buyer},
          {"state", state_word(order)},
          {"verdict", word_or_null(order_verdict_word(order))},
          {"price_max", market::tier_price(std::min<std::uint8_t>(order.terms.max_tier, 127)).text()},
          {"paid", order.paid.text()},
          {"slashed", members_sum(order, &market::Seat::slashed).text()},
          {"placed_at", order.placed_at_ms},
          {"settled_at", ended ? json(order.settled_at_ms) : json(nullptr)},
          {"members", order.seats.size()},
          {"mine", aside.mine},
          // What a claim said that was not paid is no answer.
          {"answer", order.phase == market::Phase::refunded ? json(nullptr) : or_null(aside.answer)}};
}

json order_money(const OrderView& order) {
  const auto fee = members_sum(order, &market::Seat::fee);
  return {{"escrow", sum(order.escrow, order.bond).text()},
          {"bonds", order.appeal_bonds.text()},
          {"bonds_returned", order.appeals_returned.text()},
          {"paid", order.paid.text()},
          {"burned", sum(rest(order.burned, fee), order.challenges_burned).text()},
          {"slashed", members_sum(order, &market::Seat::slashed).text()},
          {"refunded", order.refunded.text()},
          {"fee", fee.text()}};
}

json order_details(const OrderView& order, const OrderAside& aside, const OrderOwn& own, std::int64_t deadline_s) {
  auto out = order_summary(order, aside);
  const auto id = std::to_string(order.id);
  const bool ended = market::is_final(order.phase);
  out["deadline"] = ended || deadline_s == 0 ? json(nullptr) : json(deadline_s * 1000);
  out["policy"] = {{"check", check_word(order.terms.check, aside.checks)},
                   {"privacy", privacy_word(order.terms.privacy)},
                   {"n", order.terms.n},
                   {"k", order.terms.k},
                   {"audit_bps", order.terms.audit_bps}};
  out["input"] = {{"root", base::to_hex(order.terms.input_root)},
                  {"size", order.terms.input_size},
                  {"picture_url", own.picture ? json("/api/v1/orders/" + id + "/picture") : json(nullptr)},
                  {"label", or_null(own.label)},
                  {"salt", own.salt ? json(base::to_hex(*own.salt)) : json(nullptr)}};
  out["outputs"] = own.outputs != nullptr ? *own.outputs : json(nullptr);
  out["rounds"] = order_rounds(order);
  out["events"] = events_json(order);
  out["money"] = order_money(order);
  out["dispute"] = order_dispute(order);
  out["refund_reason"] = word_or_null(refund_word(order));
  out["own_run"] = own.agrees ? json(*own.agrees ? "agrees" : "differs") : json(nullptr);
  out["receipt_url"] = own.receipt ? json("/api/v1/receipts/" + id) : json(nullptr);
  return out;
}

}  // namespace koinon::node::api
