#include "market/actor/actor.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.hpp"
#include "market/actor/hands.hpp"

namespace koinon::market {
namespace {

constexpr std::int64_t kFirstPauseMs = 500;
/// Short, so that an attempt falls into the last quarter of every commit window, when what is still missing is given up.
constexpr std::int64_t kLongestPauseMs = 2'000;
constexpr std::int64_t kShortestPauseMs = 200;
constexpr std::int64_t kHoldMs = 4'000;  ///< after a success, until the ledger's events show it
constexpr std::int64_t kLongestRenewalPauseMs = 60'000;

/// A duty in one phase of one round of an order: when the order moves on, its input is published or posted once more, or a part
/// of a claim demanded, it is another.
using DutyKey = std::tuple<std::uint64_t, std::uint8_t, DutyKind, Phase, std::size_t>;

DutyKey key_of(const Duty& duty, const OrderView& order) {
  const auto published = order.rounds.empty() ? 0 : order.rounds.back().published.size();
  std::size_t demanded = 0;
  for (const auto& [account, demand] : order.dispute.demands) demanded += demand.made;
  return {duty.order, duty.round, duty.kind, order.phase, order.posted.size() + published + demanded};
}

/// The longest pause between two attempts at a duty of this order.
std::int64_t longest_pause(const OrderView& order) {
  return std::clamp(std::int64_t{order.terms.commit_window} * 1000 / 16, kShortestPauseMs, kLongestPauseMs);
}

struct Attempt {
  bool running = false;
  bool waits = false;                   ///< for a slot to run on
  std::optional<std::stop_source> run;  ///< of work under way
  std::int64_t next_ms = 0;
  std::int64_t pause_ms = kFirstPauseMs;
  std::int64_t first_failure_ms = 0;
  std::string last_error;
};

}  // namespace

/// Invariants:
/// 1. A duty runs at most once at a time, whatever was posted meanwhile: two claims made at once would have two salts, and one
///    note would be lost.
/// 2. `attempts` holds only duties of orders that are open.
/// 3. Only `runs` runs work, and nothing there waits for a peer or for the ledger.
struct Actor::State {
  State(const Services& services, Sync& sync_in, std::unique_ptr<Seller> seller_in, std::unique_ptr<Buyer> buyer_in,
        ActorOptions o)
      : s(services), sync(sync_in), seller(std::move(seller_in)), buyer(std::move(buyer_in)), options(o) {}

  const Services& s;
  Sync& sync;
  std::unique_ptr<Seller> seller;
  std::unique_ptr<Buyer> buyer;
  ActorOptions options;

  std::mutex mutex;  // guards attempts, offering
  std::map<DutyKey, Attempt> attempts;
  std::map<std::uint8_t, Attempt> offering;  ///< suspended offers that are made again, by kind

  std::mutex slots;                                     // guards runs
  std::map<std::uint8_t, std::unique_ptr<Hands>> runs;  ///< by kind, so that long work of one holds up none of another
  std::atomic<bool> retired = false;                    ///< suspended offers are not made again
  std::unique_ptr<Hands> fetches;
  std::unique_ptr<Hands> others;
  std::jthread loop;  // last: it stops first

  void watch(std::stop_token stop) {
    std::uint64_t seen = 0;
    while (!stop.stop_requested()) {
      seen = sync.wait_beyond(seen, options.tick_ms, stop);
      const auto now = s.clock->now_ms();
      std::vector<std::pair<Duty, std::shared_ptr<const OrderView>>> due;
      std::vector<DutyKey> late;
      sync.read([&](const Book& book, std::uint64_t head) {
        collect(book, head, now, due);
        late = without_slot(book, now);
      });
      for (auto& [duty, order] : due) dispatch(duty, std::move(order));
      for (const auto& key : late) decline(key);
      for (const auto& renewal : due_renewals(now)) {
        {
          const std::lock_guard lock(mutex);
          auto& attempt = offering[renewal.kind];
          if (attempt.running || attempt.next_ms > now) continue;
          attempt.running = true;
        }
        others->give([this, kind = renewal.kind](std::stop_token) { offered(kind, offer_again(kind)); });
      }
    }
  }

  /// The suspended offers that are to be made again, of work that is done here.
  std::vector<Renewal> due_renewals(std::int64_t now) {
    std::vector<Renewal> out;
    if (retired) return out;
    sync.read([&](const Book& book, std::uint64_t) {
      if (const auto* self = book.account(s.account)) out = renewals(*self);
    });
    std::erase_if(out, [&](const Renewal& r) { return !r.due_ms || *r.due_ms > now || !s.kinds->find(r.kind); });
    return out;
  }

  Status offer_again(std::uint8_t kind) {
    // Were the view old, the offer may have been made, changed or ended since.
    KOINON_CHECK(sync.catch_up());
    const auto still = due_renewals(s.clock->now_ms());
    const auto at = std::ranges::find(still, kind, &Renewal::kind);
    if (at == still.end()) return {};
    base::log_warn("an order found account {} silent, so it was drawn no more; offering kind {} again", s.account, kind);
    return s.ledger->offer(s.account, kind, at->tier);
  }

  void offered(std::uint8_t kind, const Status& done) {
    const std::lock_guard lock(mutex);
    auto& attempt = offering[kind];
    attempt.running = false;
    if (done) {
      attempt = Attempt{};
      attempt.next_ms = s.clock->now_ms() + kHoldMs;
      return;
    }
    if (attempt.last_error != done.error().text) base::log_warn("offering kind {} again: {}", kind, done.error().text);
    attempt.last_error = done.error().text;
    attempt.next_ms = s.clock->now_ms() + attempt.pause_ms;
    attempt.pause_ms = std::min(attempt.pause_ms * 2, kLongestRenewalPauseMs);
  }

  void collect(const Book& book, std::uint64_t head, std::int64_t now,
               std::vector<std::pair<Duty, std::shared_ptr<const OrderView>>>& due) {
    const std::lock_guard lock(mutex);
    std::erase_if(attempts, [&](const auto& item) {
      return !item.second.running && !book.open_orders().contains(std::get<0>(item.first));
    });
    for (auto& [key, attempt] : attempts)
      if (attempt.run && !wants_work(book.order(std::get<0>(key)), std::get<1>(key))) attempt.run->request_stop();
    for (const auto id : book.open_orders()) {
      const auto& order = *book.order(id);
      std::shared_ptr<const OrderView> copy;
      for (const auto& duty : duties(order, s.account, head)) {
        if (duty.due_ms > now) continue;
        if (is_running(duty)) continue;
        auto& attempt = attempts[key_of(duty, order)];
        if (attempt.next_ms > now) continue;
        attempt.running = true;
        if (!copy) copy = std::make_shared<const OrderView>(order);
        due.emplace_back(duty, copy);
      }
    }
  }

  /// Work that waits for a slot and can wait no longer: it must be declined, or its member falls silent. Takes it from the
  /// line.
  std::vector<DutyKey> without_slot(const Book& book, std::int64_t now) {
    std::vector<DutyKey> out;
    const std::lock_guard lock(mutex);
    for (auto& [key, attempt] : attempts) {
      const auto* order = attempt.waits ? book.order(std::get<0>(key)) : nullptr;
      if (order == nullptr || order->deadline == 0) continue;
      if (now < order->deadline * 1000 - std::int64_t{order->terms.commit_window} * 250) continue;
      attempt.waits = false;
      out.push_back(key);
    }
    return out;
  }

  void decline(const DutyKey& key) {
    others->give([this, key](std::stop_token stop) {
      const Duty duty{DutyKind::work, std::get<0>(key), std::get<1>(key), 0};
      const auto order = still_due(duty);
      if (!order) return release(key);
      if (const auto declined = seller->decline(*order, stop); !declined) return finish(duty, key, *order, declined);
      finish(duty, key, *order, seller->work(*order, stop));
    });
  }

  /// The slots for runs of a kind.
  Hands& slots_of(std::uint8_t kind) {
    const std::lock_guard lock(slots);
    auto& out = runs[kind];
    if (!out) out = std::make_unique<Hands>(options.parallel);
    return *out;
  }

  /// Precondition: `mutex` is held.
  [[nodiscard]] bool is_running(const Duty& duty) const {
    const auto same = [&](const DutyKey& key) {
      return std::get<0>(key) == duty.order && std::get<1>(key) == duty.round && std::get<2>(key) == duty.kind;
    };
    for (auto at = attempts.lower_bound({duty.order, duty.round, duty.kind, Phase::none, 0}); at != attempts.end(); ++at) {
      if (!same(at->first)) return false;
      if (at->second.running) return true;
    }
    return false;
  }

  /// False when the result of a run would come too late: the order has gone on without us.
  [[nodiscard]] bool wants_work(const OrderView* order, std::uint8_t round) const {
    return order != nullptr && order->phase == Phase::commit && order->round() == round &&
           order->seat_now(s.account) != nullptr && !order->seat_now(s.account)->committed;
  }

  /// The order as it is now, when it still asks for the duty.
  std::shared_ptr<const OrderView> still_due(const Duty& duty) {
    std::shared_ptr<const OrderView> out;
    sync.read([&](const Book& book, std::uint64_t head) {
      const auto* order = book.order(duty.order);
      if (order == nullptr) return;
      const auto asks = [&](const Duty& now) { return now.kind == duty.kind && now.round == duty.round; };
      if (std::ranges::any_of(duties(*order, s.account, head), asks)) out = std::make_shared<const OrderView>(*order);
    });
    return out;
  }

  Hands& hands_for(DutyKind kind) {
    // What members deliver is fetched by judge.
    return kind == DutyKind::work || kind == DutyKind::judge ? *fetches : *others;
  }

  void dispatch(const Duty& duty, std::shared_ptr<const OrderView> seen) {
    hands_for(duty.kind).give([this, duty, key = key_of(duty, *seen)](std::stop_token stop) {
      const auto order = still_due(duty);
      if (!order) return release(key);
      if (duty.kind != DutyKind::work) return finish(duty, key, *order, perform(duty, *order, stop));
      if (const auto gathered = seller->gather(*order, stop); !gathered) return finish(duty, key, *order, gathered);
      if (seller->has_claim(*order)) return commit(duty, key);
      {
        const std::lock_guard lock(mutex);
        attempts[key].waits = true;
      }
      slots_of(order->terms.kind).give([this, duty, key](std::stop_token end) { run(duty, key, end); });
    });
  }

  void commit(const Duty& duty, const DutyKey& key) {
    others->give([this, duty, key](std::stop_token stop) {
      const auto order = still_due(duty);
      if (!order) return release(key);
      finish(duty, key, *order, seller->work(*order, stop));
    });
  }

  /// Work, of which everything is here, on a slot of its own. The slot is free again before the claim is committed.
  void run(const Duty& duty, const DutyKey& key, const std::stop_token& end) {
    std::stop_source stop;
    {
      const std::lock_guard lock(mutex);
      const auto at = attempts.find(key);
      if (at == attempts.end() || !std::exchange(at->second.waits, false)) return;  // it waited too long, and was declined
    }
    const auto order = still_due(duty);
    if (!order) return release(key);
    {
      const std::lock_guard lock(mutex);
      attempts[key].run = stop;
    }
    const std::stop_callback with(end, [&] { stop.request_stop(); });
    auto done = seller->claim(*order, stop.get_token());
    {
      const std::lock_guard lock(mutex);
      attempts[key].run.reset();
    }
    if (done) return commit(duty, key);
    if (stop.stop_requested() && !end.stop_requested())
      done = fail(base::Code::timeout, "the run was given up: its commit window has passed");
    finish(duty, key, *order, done);
  }

  /// A duty that nothing is asked of any more.
  void release(const DutyKey& key) {
    const std::lock_guard lock(mutex);
    attempts.erase(key);
  }

  void finish(const Duty& duty, const DutyKey& key, const OrderView& order, const Status& done) {
    const auto now = s.clock->now_ms();
    bool demand = false;
    bool news = false;  // the same trouble is told once
    {
      const std::lock_guard lock(mutex);
      auto& attempt = attempts[key];
      attempt.running = false;
      attempt.run.reset();
      attempt.next_ms = now + (done ? kHoldMs : attempt.pause_ms);
      if (!done) {
        attempt.pause_ms = std::min(attempt.pause_ms * 2, longest_pause(order));
        if (attempt.first_failure_ms == 0) attempt.first_failure_ms = now;
        news = attempt.last_error != done.error().text;
        attempt.last_error = done.error().text;
        demand = duty.kind == DutyKind::work && done.error().code == base::Code::network &&
                 now - attempt.first_failure_ms >= options.demand_after_ms;
      }
    }
    if (!done && news) report(duty, done.error());
    if (demand) {
      base::log_warn("order {}: the input cannot be fetched; demanding it on the ledger", duty.order);
      if (const auto demanded = seller->demand(order); !demanded) report(duty, demanded.error());
    }
  }

  /// A refusal of a shared duty is the usual sign that somebody else was first.
  static void report(const Duty& duty, const base::Error& error) {
    const bool shared = duty.kind == DutyKind::advance || duty.kind == DutyKind::settle || duty.kind == DutyKind::draw ||
                        duty.kind == DutyKind::draw_audit;
    if (shared && error.code == base::Code::ledger)
      base::log_debug("order {}: {}: {}", duty.order, duty_name(duty.kind), error.text);
    else if (error.code != base::Code::cancelled)
      base::log_warn("order {}: {}: {}", duty.order, duty_name(duty.kind), error.text);
  }

  Status perform(const Duty& duty, const OrderView& order, std::stop_token stop) {
    switch (duty.kind) {
      case DutyKind::draw: return s.ledger->draw(order.id);
      case DutyKind::draw_audit: return s.ledger->draw_audit(order.id);
      case DutyKind::advance: return s.ledger->advance(order.id);
      case DutyKind::settle: return s.ledger->settle(order.id);
      case DutyKind::publish: return publish(order);
      case DutyKind::work: return seller->work(order, stop);
      case DutyKind::reveal: return seller->reveal(order);
      case DutyKind::judge:
        return order.terms.buyer == s.account ? buyer->judge(order, parties(order), stop) : seller->appeal_own(order);
      case DutyKind::answer_input: return buyer->answer_input(order);
      case DutyKind::answer_output: return seller->answer_output(order);
      case DutyKind::answer_trace: return seller->answer_trace(order);
      case DutyKind::prove: return seller->prove(order, stop);
    }
    return {};
  }

  Status publish(const OrderView& order) {
    if (order.terms.buyer == s.account) return buyer->publish(order);
    KOINON_TRY(const auto parcel, seller->known_input(order));
    return publish_parcel(s, order, parcel);
  }

  Parties parties(const OrderView& order) {
    std::optional<Parties> out;
    sync.read([&](const Book& book, std::uint64_t) { out.emplace(book, order, s.account); });
    return *std::move(out);
  }
};

Actor::Actor(const Services& services, Sync& sync, std::unique_ptr<Seller> seller, std::unique_ptr<Buyer> buyer,
             ActorOptions options)
    : state_(std::make_unique<State>(services, sync, std::move(seller), std::move(buyer), options)) {}

void Actor::start() {
  state_->fetches = std::make_unique<Hands>(state_->options.fetches);
  state_->others = std::make_unique<Hands>(state_->options.hands);
  state_->loop = std::jthread([state = state_.get()](std::stop_token stop) { state->watch(stop); });
}

Actor::~Actor() { stop(); }

Buyer& Actor::buyer() { return *state_->buyer; }
Seller& Actor::seller() { return *state_->seller; }

void Actor::retire() { state_->retired = true; }

void Actor::stop() {
  if (state_->loop.joinable()) {
    state_->loop.request_stop();
    state_->loop.join();
  }
  state_->fetches.reset();  // each before those that it gives to
  state_->runs.clear();
  state_->others.reset();
}

}  // namespace koinon::market
