#include "cli/remote/order_progress.hpp"

#include <csignal>
#include <map>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "cli/remote/order_watch.hpp"
#include "cli/remote/reply.hpp"
#include "cli/terminal/console.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

constexpr std::int64_t kTurnMs = 250;       ///< between two looks at the keyboard
constexpr int kReceiptPolls = 80;           ///< 20 s from the settlement to the receipt
constexpr int kMaxLostPolls = 40;           ///< answers missed in a row until we give up
constexpr int kMostTakenBackPolls = 1'200;  ///< the same of an order that a reorganisation removed: five minutes at least
constexpr std::string_view kFindIt = "it may have another number now; see: koinon orders";

volatile std::sig_atomic_t interrupted = 0;
void on_interrupt(int) { interrupted = 1; }

/// While it lives, the first Ctrl-C ends the wait and not the program.
class Interruptible {
 public:
  Interruptible() : before_(std::signal(SIGINT, on_interrupt)) {}
  ~Interruptible() { std::signal(SIGINT, before_); }
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

 private:
  void (*before_)(int);
};

/// Whether two answers under one number are of one order: a reorganisation may give the number to another.
bool same_order(const json& before, const json& now) {
  const auto root = [](const json& order) {
    const auto input = order.find("input");
    return input == order.end() ? std::string() : text_at(*input, "root");
  };
  return text_at(before, "program") == text_at(now, "program") && number_at(before, "buyer") == number_at(now, "buyer") &&
         root(before) == root(now);
}

}  // namespace

bool is_final(const json& order) {
  const auto state = text_at(order, "state");
  return state == "settled" || state == "refunded";
}

std::string stage_of(const json& order) {
  static const std::map<std::string, std::string> kStages = {
      {"drawing", "drawing providers"},
      {"input", "handing over the input"},
      {"committing", "providers run the program"},
      {"revealing", "providers reveal what they found"},
      {"auditing", "drawn by lot: whether an auditor re-runs it"},
      {"jury", "a jury re-runs it"},
      {"standing", "the verdict stands and may be appealed"},
      {"settled", "settled"},
      {"refunded", "refunded"},
  };
  const auto state = text_at(order, "state");
  if (state == "standing" && text_at(order, "check") == "optimistic") return "the claim stands and may be disputed";
  if (state == "standing" && text_at(order, "check") == "proof") return "the claim stands; its proof is checked";
  const auto known = kStages.find(state);
  return known == kStages.end() ? clean(state, 40) : known->second;
}

std::string time_left(const json& order, std::int64_t now_ms) {
  const auto deadline = number_at(order, "deadline");
  if (deadline == 0 || deadline > INT64_MAX || is_final(order)) return "";
  const auto left = static_cast<std::int64_t>(deadline) - now_ms;
  if (left <= 0) return "any moment now";
  const auto seconds = (left + 999) / 1000;
  if (seconds < 120) return fmt::format("{} s left", seconds);
  return seconds < 7'200 ? fmt::format("{} min left", seconds / 60) : fmt::format("{} h left", seconds / 3'600);
}

Result<json> follow_order(NodeClient& node, const std::string& id, Progress& progress) {
  const Interruptible guard;
  const auto shown = clean(id, 40);
  const auto goes_on = fmt::format("the order goes on without us; see: koinon orders show {}", shown);
  const base::SystemClock clock;
  OrderWatch watch(node.url(), id);
  json seen;
  int lost = 0;
  int receipts = 0;
  for (;;) {
    if (interrupted != 0) return advise({Code::cancelled, "[order] no longer waiting"}, goes_on);
    progress.detail(time_left(seen, clock.now_ms()));
    progress.update(0, 0);
    if (!watch.wait(kTurnMs)) continue;
    auto order = node.get("/api/v1/orders/" + id);
    if (!order) {
      const auto code = order.error().code;
      const bool taken_back = code == Code::not_found && !seen.is_null();
      if ((code == Code::not_found && !taken_back) || code == Code::unauthorised) return base::fail(std::move(order).error());
      if (++lost > (taken_back ? kMostTakenBackPolls : kMaxLostPolls))
        return advise(std::move(order).error(), taken_back ? kFindIt : goes_on);
      progress.stage(fmt::format("order {}: {}", shown,
                                 taken_back ? "the ledger took it back, and it is sent again" : "the node does not answer"));
      continue;
    }
    if (!seen.is_null() && !same_order(seen, *order))
      return advise(
          {Code::conflict, fmt::format("[order] the ledger took order {} back, and another order has its number now", shown)},
          kFindIt);
    lost = 0;
    progress.stage(fmt::format("order {}: {}", shown, stage_of(*order)), time_left(*order, clock.now_ms()));
    seen = *order;
    const bool complete =
        text_at(*order, "state") == "refunded" || !text_at(*order, "receipt_url").empty() || !true_at(*order, "mine");
    if (is_final(*order) && (complete || ++receipts > kReceiptPolls)) return order;
    if (is_final(*order)) watch.hurry();  // nobody tells that a receipt was issued
  }
}

}  // namespace koinon::cli
