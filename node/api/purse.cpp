#include "node/api/purse.hpp"

#include <fmt/format.h>

#include <chrono>

#include "node/api/order_json.hpp"

namespace koinon::node::api {
namespace {

using base::Code;
using base::fail;
using base::Wei;

/// So long a hold of another order is waited for where money is short: a few blocks of a local ledger.
constexpr std::chrono::milliseconds kPatience{3'000};

base::Error too_little(const Wei& order, const Wei& dispute, const Purse::Means& means, const Wei& held) {
  std::string text = fmt::format("[order] {} tokens are free", means.free.tokens());
  if (!means.kept.is_zero())
    text += fmt::format(", {} of them kept to dispute the claims of {} of your orders that are not over", means.kept.tokens(),
                        means.orders);
  if (!held.is_zero()) text += fmt::format(", {} spoken for by orders being placed", held.tokens());
  text += fmt::format(": this order takes {}", order.tokens());
  if (!dispute.is_zero()) text += fmt::format(" and up to {} to dispute a wrong claim, which come back", dispute.tokens());
  const auto missing = rest(sum(sum(order, dispute), sum(means.kept, held)), means.free);
  text += fmt::format("; {} more are needed: koinon account deposit {}", missing.tokens(), missing.tokens());
  if (!dispute.is_zero() || !means.kept.is_zero()) text += ", or wait for an order to end";
  return {Code::conflict, std::move(text)};
}

}  // namespace

base::Result<Purse::Hold> Purse::take(const Wei& order, const Wei& dispute, const std::function<base::Result<Means>()>& means) {
  const auto wanted = sum(order, dispute);
  const auto until = std::chrono::steady_clock::now() + kPatience;
  std::unique_lock lock(mutex_);
  for (;;) {
    KOINON_TRY(const auto now, means());
    if (now.free >= sum(sum(wanted, now.kept), held_)) {
      held_ = sum(held_, wanted);
      return Hold(*this, wanted);
    }
    if (held_.is_zero() || now.free < wanted || std::chrono::steady_clock::now() >= until)
      return fail(too_little(order, dispute, now, held_));
    changed_.wait_until(lock, until);
  }
}

void Purse::give_back(const Wei& amount) {
  {
    const std::lock_guard lock(mutex_);
    held_ = rest(held_, amount);
  }
  changed_.notify_all();
}

}  // namespace koinon::node::api
