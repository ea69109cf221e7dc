#include "market/watch/watcher.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/log.hpp"
#include "market/actor/hands.hpp"
#include "market/actor/sealing.hpp"
#include "market/watch/match.hpp"
#include "market/watch/reserve.hpp"

namespace koinon::market {
namespace {

using base::Code;
using base::fail;

constexpr std::int64_t kPauseMs = 400;  ///< between two looks at an order
constexpr std::int64_t kLongestPauseMs = 4'000;
constexpr std::int64_t kSettleStandbyMs = 5'000;  ///< buyer and provider settle first
constexpr const char* kSecret = "watch/secret";

/// True when something of `self` is in the disputes of an order: a bond, or fees paid or earned.
bool has_part(const OrderView& order, std::uint32_t self) {
  const bool refunded = order.phase == Phase::refunded;
  for (const auto& one : order.dispute.challenges)
    if (one.account == self && !one.closed && (refunded || !is_final(order.phase))) return true;
  return std::ranges::any_of(order.dispute.demands, [&](const auto& one) {
    const auto& [demander, demand] = one;
    const auto ours = [&](const TraceAnswerAt& answer) { return answer.answerer == self; };
    return !demand.closed && (demander == self || std::ranges::any_of(demand.answers, ours));
  });
}

/// True of an order whose claim may still be disputed, or was and has ended with something of `self` in it.
bool concerns(const OrderView& order, std::uint32_t self) {
  if (!is_public(order.terms)) return false;
  if (order.phase == Phase::standing) return order.verdict.has_value() && claimant(order) != 0;
  return is_final(order.phase) && has_part(order, self);
}

}  // namespace

/// `matches` holds orders that concern us, and only those; `playing` is true of what a hand holds, which alone touches the
/// match.
struct Watcher::State {
  struct Play {
    std::shared_ptr<Match> match;  ///< shared with the hand that plays it
    bool checks = false;           ///< else it is only closed at its end
    bool playing = false;
    std::int64_t next_ms = 0;
    std::int64_t pause_ms = kPauseMs;
    std::string last_error;
  };

  State(const Services& services, Sync& sync_in, WatchOptions o) : s(services), sync(sync_in), options(std::move(o)) {}

  const Services& s;
  Sync& sync;
  const WatchOptions options;
  Hash secret;
  std::mutex mutex;  // guards matches
  std::map<std::uint64_t, Play> matches;
  std::unique_ptr<Hands> hands;
  std::jthread loop;  // last: it stops first

  /// The watcher's own randomness, the same after a restart, so that a claim that was left out stays out.
  Status open_secret() {
    KOINON_TRY(const auto kept, s.journal->get(kSecret));
    if (kept) {
      KOINON_TRY(secret, base::fixed_from_hex<32>(*kept));
      return {};
    }
    secret = s.random->hash();
    return s.journal->put(kSecret, base::to_hex(secret));
  }

  /// Own orders that were run here are checked in any case, our own claims never.
  [[nodiscard]] bool wants(const OrderView& order) const {
    const auto self = s.account;
    if (claimant(order) == self) return false;
    if (order.terms.buyer == self) {
      const auto text = s.journal->get(purchase_key(order.terms.nonce));
      const auto note = text && *text ? PurchaseNote::from_json(**text) : Result<PurchaseNote>(fail(Code::not_found, "none"));
      if (note && note->has_expected) return true;
    }
    return options.others && options.rule.takes(order, s.ledger->context(order.id), secret);
  }

  void watch(const std::stop_token& stop) {
    for (bool first = true; !stop.stop_requested(); first = false) {
      seen = sync.wait_beyond(seen, options.tick_ms, stop);
      const auto now = s.clock->now_ms();
      std::vector<std::pair<std::shared_ptr<const OrderView>, std::string>> due;
      std::uint64_t at = 0;
      sync.read([&](const Book& book, std::uint64_t head) {
        at = head;
        if (book.version() != version || first) look(book, first);
        collect(book, now, due);
      });
      for (auto& [order, endpoint] : due)
        hands->give([this, order, endpoint, at](const std::stop_token& end) { play(*order, endpoint, at, end); });
    }
  }

  /// Takes up orders that came to stand, and lets go those that are over.
  void look(const Book& book, bool all) {
    version = book.version();
    const std::lock_guard lock(mutex);
    const auto consider = [&](const OrderView& order) {
      if (!concerns(order, s.account) || matches.contains(order.id)) return;
      const auto at = declined.find(order.id);
      const bool known = at != declined.end() && at->second == order.placed_tx;
      const bool checks = !known && !is_final(order.phase) && wants(order);
      if (checks || has_part(order, s.account)) {
        auto& play = matches[order.id];
        play.match = std::make_shared<Match>(s);
        play.checks = checks;
      } else {
        declined[order.id] = order.placed_tx;
      }
    };
    if (all)
      for (const auto& [id, order] : book.orders()) consider(order);
    for (const auto id : were_open)
      if (const auto* order = book.order(id)) consider(*order);
    were_open = book.open_orders();
    for (const auto id : were_open) consider(*book.order(id));
    std::erase_if(declined, [&](const auto& one) { return !book.open_orders().contains(one.first); });
    std::erase_if(matches, [&](const auto& one) {
      const auto* order = book.order(one.first);
      return !one.second.playing && (order == nullptr || !concerns(*order, s.account));
    });
  }

  void collect(const Book& book, std::int64_t now, std::vector<std::pair<std::shared_ptr<const OrderView>, std::string>>& due) {
    const std::lock_guard lock(mutex);
    for (auto& [id, play] : matches) {
      const auto* order = book.order(id);
      if (order == nullptr || play.playing || play.next_ms > now || !concerns(*order, s.account)) continue;
      if (!play.checks && !is_final(order->phase)) continue;
      play.playing = true;
      const auto* provider = book.account(claimant(*order));
      due.emplace_back(std::make_shared<const OrderView>(*order), provider == nullptr ? "" : provider->endpoint);
    }
  }

  void play(const OrderView& order, const std::string& endpoint, std::uint64_t head, const std::stop_token& stop) {
    std::shared_ptr<Match> match;
    {
      const std::lock_guard lock(mutex);
      match = matches.at(order.id).match;
    }
    auto done = is_final(order.phase) ? match->close(order) : match->play(order, endpoint, head, options, stop);
    if (done && order.dispute.condemned && !is_final(order.phase)) done = settle(order);
    if (!is_final(order.phase))
      if (const auto noted = tell_trouble(*match, order, done); !noted) base::log_warn("watch: {}", noted.error().text);
    const std::lock_guard lock(mutex);
    auto& state = matches.at(order.id);
    state.playing = false;
    state.pause_ms = done ? kPauseMs : std::min(state.pause_ms * 2, kLongestPauseMs);
    // While the claim is open to disputes its window is all the time there is.
    if (!is_final(order.phase)) state.pause_ms = kPauseMs;
    state.next_ms = s.clock->now_ms() + state.pause_ms;
    const auto text = done ? std::string() : done.error().text;
    if (!done && another_was_first(done.error())) {
      if (text != state.last_error) base::log_info("order {}: another watcher was first", order.id);
    } else if (!done && done.error().code != Code::conflict && done.error().code != Code::cancelled &&
               text != state.last_error) {
      base::log_warn("order {}: {}", order.id, text);
    }
    state.last_error = text;
  }

  /// Keeps for the watcher's owner that money is missing, how much, and what to do.
  Status tell_trouble(Match& match, const OrderView& order, const Status& done) {
    if (done) return match.set_trouble(order, {});
    if (!is_too_poor(done.error())) return {};
    KOINON_TRY(const auto terms, s.disputes->dispute_terms());
    Wei free;
    sync.read([&](const Book& book, std::uint64_t) {
      if (const auto* account = book.account(s.account)) free = account->free;
    });
    return match.set_trouble(order, poverty_text(free, dispute_reserve(order, s.account, terms)));
  }

  /// A condemned claim that neither its buyer nor anybody else has settled.
  Status settle(const OrderView& order) const {
    if (s.clock->now_ms() < order.dispute.finality * 1000 + kSettleStandbyMs) return {};
    return s.ledger->settle(order.id);
  }

  // Of the loop alone:
  std::uint64_t seen = 0;
  std::uint64_t version = 0;               ///< of the book when it was last looked through
  std::set<std::uint64_t> were_open;       ///< orders at that time, of which some have ended since
  std::map<std::uint64_t, Hash> declined;  ///< open orders that are not checked here, with their placing transactions
};

Watcher::Watcher(const Services& services, Sync& sync, WatchOptions options)
    : state_(std::make_unique<State>(services, sync, std::move(options))) {
  KOINON_INVARIANT(services.disputes != nullptr && services.peers != nullptr);
}

Watcher::~Watcher() { stop(); }

void Watcher::start() {
  if (const auto opened = state_->open_secret(); !opened) base::log_error("watch: {}", opened.error().text);
  state_->hands = std::make_unique<Hands>(state_->options.hands);
  state_->loop = std::jthread([state = state_.get()](const std::stop_token& stop) { state->watch(stop); });
}

void Watcher::stop() {
  if (state_->loop.joinable()) {
    state_->loop.request_stop();
    state_->loop.join();
  }
  state_->hands.reset();
}

const WatchOptions& Watcher::options() const { return state_->options; }

Result<std::optional<GameNote>> Watcher::game(const OrderView& order) const { return Match(state_->s).note(order); }

}  // namespace koinon::market
