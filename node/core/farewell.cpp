#include "node/core/farewell.hpp"

#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/json.hpp"
#include "base/log.hpp"

namespace koinon::node {
namespace {

using base::Code;
using base::fail;
using base::Status;
using market::Phase;
using nlohmann::json;

constexpr std::int64_t kLookMs = 200;
constexpr std::int64_t kWithdrawMs = 20'000;  ///< for the transactions that withdraw the offers

std::string key_of(const std::string& ledger) { return "withdrawn/" + ledger; }

/// True while silence would be slashed: drawn and not committed, or committed and not revealed.
bool must_work(const market::OrderView& order, std::uint32_t account) {
  const auto* now = order.seat_now(account);
  if (now != nullptr && !now->committed) return order.phase == Phase::input || order.phase == Phase::commit;
  const auto* seat = order.seat(account);
  return seat != nullptr && seat->committed && !seat->revealed &&
         (order.phase == Phase::commit || order.phase == Phase::reveal);
}

std::string listed(const std::vector<std::uint64_t>& orders) {
  return fmt::format("order{} {}", orders.size() == 1 ? "" : "s", fmt::join(orders, ", "));
}

}  // namespace

/// What is still owed, in words; empty when nothing is.
std::string Farewell::owed() const {
  std::vector<std::uint64_t> work, end;
  m_.sync->read([&](const market::Book& book, std::uint64_t) {
    for (const auto id : book.open_orders()) {
      const auto& order = *book.order(id);
      if (order.seat(m_.account) == nullptr) continue;
      (must_work(order, m_.account) ? work : end).push_back(id);
    }
  });
  std::string out;
  if (!work.empty()) out = listed(work) + " to be committed and revealed";
  if (!end.empty()) out += (out.empty() ? "" : ", ") + listed(end) + " to be collected and settled";
  return out;
}

Status Farewell::withdraw_all() {
  KOINON_CHECK(m_.sync->catch_up());
  std::vector<std::pair<std::uint8_t, std::uint8_t>> offers;
  m_.sync->read([&](const market::Book& book, std::uint64_t) {
    if (const auto* account = book.account(m_.account))
      for (const auto& [kind, offer] : account->offers)
        if (offer.active) offers.emplace_back(kind, offer.tier);
  });
  if (offers.empty()) return {};
  json note = json::array();
  for (const auto& [kind, tier] : offers) note.push_back({{"kind", kind}, {"tier", tier}});
  KOINON_CHECK(m_.store->settings.set(key_of(m_.ledger), note.dump()));
  for (const auto& [kind, tier] : offers) KOINON_CHECK(m_.accounts->set_offer(m_.account, kind, tier, false));
  return m_.sync->catch_up();
}

/// False when the ledger did not take it in time: then it takes nothing else either.
bool Farewell::withdraw(std::int64_t until_ms, const Tell& tell) {
  const auto left = std::min(kWithdrawMs, until_ms - m_.clock->now_ms());
  auto done = std::async(std::launch::async, [this] { return withdraw_all(); });
  if (done.wait_for(std::chrono::milliseconds(std::max<std::int64_t>(left, 1))) != std::future_status::ready) {
    m_.sender->stop();  // what waits for the ledger gives up; a transaction that is on its way stays noted
    tell("the ledger does not answer: the offers may stand, and silence is slashed");
    (void)done.get();
    return false;
  }
  const auto withdrawn = done.get();
  if (!withdrawn) tell(fmt::format("the offers may stand: {}", withdrawn.error().text));
  return withdrawn.has_value();
}

void Farewell::leave(std::uint32_t seconds, const Tell& tell) {
  if (seconds == 0) return;
  if (!m_.sync->trouble().empty()) return tell("the ledger does not answer: the offers may stand, and silence is slashed");
  const auto until = m_.clock->now_ms() + std::int64_t{seconds} * 1000;
  if (!withdraw(until, tell)) return;
  std::string told;
  for (;;) {
    const auto now = owed();
    if (now.empty()) return;
    const auto left = until - m_.clock->now_ms();
    if (left <= 0) return tell(fmt::format("stopping although there is {}", now));
    if (now != told) tell(fmt::format("no new orders are taken; waiting for {}, {} s at most", now, (left + 999) / 1000));
    told = now;
    std::this_thread::sleep_for(std::chrono::milliseconds(std::min(kLookMs, left)));
  }
}

Status Farewell::come_back(bool provider) {
  KOINON_TRY(const auto text, m_.store->settings.get(key_of(m_.ledger)));
  if (!text || text->empty()) return {};
  if (!provider) {
    const auto note = base::parse_json(*text);
    if (!note.is_array())
      return fail(Code::malformed, "[offer] the note of withdrawn offers is damaged: '{}'", text->substr(0, 80));
    for (const auto& one : note) {
      const auto number = [&](const char* key) -> std::optional<std::uint8_t> {
        if (!one.is_object() || !one.contains(key) || !one[key].is_number_unsigned()) return std::nullopt;
        const auto value = one[key].get<std::uint64_t>();
        return value <= UINT8_MAX ? std::optional(static_cast<std::uint8_t>(value)) : std::nullopt;
      };
      const auto kind = number("kind");
      const auto tier = number("tier");
      if (kind && tier) KOINON_CHECK(m_.accounts->set_offer(m_.account, *kind, *tier, true));
    }
    base::log_info("offering again what the last stop withdrew");
  }
  return m_.store->settings.set(key_of(m_.ledger), "");
}

}  // namespace koinon::node
