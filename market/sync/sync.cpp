#include "market/sync/sync.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <shared_mutex>
#include <thread>

#include "base/json.hpp"
#include "base/log.hpp"
#include "ledger/contract.hpp"
#include "ledger/contracts/idisputes.hpp"
#include "ledger/contracts/registry.hpp"
#include "ledger/contracts/work_market.hpp"
#include "ledger/subscription.hpp"

namespace koinon::market {
namespace {

using base::Code;
using base::fail;
using nlohmann::json;

constexpr std::int64_t kQuietMs = 5'000;  ///< a ledger that pushes its blocks is asked at least so often
constexpr std::int64_t kBurstMs = 20;     ///< and at most so often, when blocks come fast

bool earlier(const Event& a, const Event& b) { return std::pair(a.block, a.index) < std::pair(b.block, b.index); }

/// The order that an event speaks of; 64-bit numbers come as text.
std::optional<std::uint64_t> order_of(const Event& event) {
  const auto arguments = base::parse_json(event.arguments);
  const auto at = arguments.is_object() ? arguments.find("orderId") : arguments.end();
  if (at == arguments.end()) return {};
  if (at->is_number_unsigned()) return at->get<std::uint64_t>();
  if (!at->is_string()) return {};
  const auto parsed = Wei::parse(at->get_ref<const std::string&>());
  if (!parsed) return {};
  const auto id = parsed->to_u64();
  return id ? std::optional(*id) : std::nullopt;
}

}  // namespace

Status MemoryEventStore::update(const std::vector<Hash>& removed_blocks, const std::vector<Event>& added,
                                const std::string& cursor) {
  const std::set<Hash> removed(removed_blocks.begin(), removed_blocks.end());
  std::erase_if(events_, [&](const Event& e) { return removed.contains(e.block_hash); });
  events_.insert(events_.end(), added.begin(), added.end());
  cursor_ = cursor;
  return {};
}

Status MemoryEventStore::each(const std::function<Status(const Event&)>& visit) {
  std::sort(events_.begin(), events_.end(), earlier);
  for (const auto& event : events_) KOINON_CHECK(visit(event));
  return {};
}

/// Invariants:
/// 1. The book is what the store's events give: an update reaches the store first.
/// 2. `version` rises with every block and every event, under the mutex.
struct Sync::State {
  State(const ledger::Rpc& rpc_in, EventStore& store_in, SyncOptions options_in)
      : share(rpc_in.share()), rpc(*share), store(store_in), options(options_in) {}

  std::unique_ptr<ledger::Rpc> share;  ///< cancelled at the end; the others' calls go on
  ledger::Rpc& rpc;
  EventStore& store;
  SyncOptions options;
  std::unique_ptr<ledger::LogIndex> index;
  std::mutex stepping;  ///< held over LogIndex::step, which is not thread-safe

  mutable std::shared_mutex mutex;  // guards book, head, version, trouble
  mutable std::condition_variable_any changed;
  Book book;
  std::uint64_t head = 0;
  std::uint64_t version = 1;
  std::string trouble;

  std::mutex listening;  // guards listeners
  std::vector<std::function<void(const std::vector<std::uint64_t>&, std::uint64_t)>> listeners;
  std::jthread thread;  // last: it stops first

  Status load() {
    return store.each([&](const Event& event) { return book.apply(event); });
  }

  Status take(const ledger::LogUpdate& update) {
    std::vector<Hash> removed;
    for (const auto& block : update.removed_blocks) removed.push_back(block.hash);
    KOINON_TRY(const auto added, decode(update.added));
    KOINON_CHECK(store.update(removed, added, update.cursor.to_json()));
    std::set<std::uint64_t> touched;
    {
      const std::unique_lock lock(mutex);
      if (!update.removed.empty()) {
        // A reorganisation took events back: what is left is read anew, which is simple and rare.
        base::log_warn("the ledger took back {} blocks; reading the market anew", update.removed_blocks.size());
        book = Book{};
        KOINON_CHECK(load());
        for (const auto id : book.open_orders()) touched.insert(id);
      } else {
        for (const auto& event : added) KOINON_CHECK(book.apply(event));
      }
      head = update.head;
      ++version;
    }
    for (const auto& event : added)
      if (const auto id = order_of(event)) touched.insert(*id);
    changed.notify_all();
    const std::lock_guard lock(listening);
    const std::vector<std::uint64_t> orders(touched.begin(), touched.end());
    for (const auto& listener : listeners) listener(orders, update.head);
    return {};
  }

  Result<std::vector<Event>> decode(const std::vector<ledger::Log>& logs) {
    std::map<std::uint64_t, std::int64_t> times;
    std::vector<Event> out;
    for (const auto& log : logs) {
      const bool is_registry = log.address == options.registry;
      const auto& entries = is_registry ? ledger::contracts::Registry::entries() : ledger::contracts::WorkMarket::entries();
      auto text = ledger::event_json(entries, log);
      if (!text && text.error().code == Code::not_found && !is_registry)
        text = ledger::event_json(ledger::contracts::IDisputes::entries(), log);
      if (!text && text.error().code == Code::not_found) continue;  // an event of a newer contract
      if (!text) return fail(text.error());
      const auto parsed = base::parse_json(*text);
      if (!parsed.is_object() || !parsed.contains("event") || !parsed.contains("args"))
        return fail(Code::internal, "[sync] event in an unexpected form");
      if (!times.contains(log.block.number)) {
        KOINON_TRY(const auto header, rpc.block(log.block.number));
        times[log.block.number] = static_cast<std::int64_t>(header.timestamp) * 1000;
      }
      auto arguments = parsed["args"];
      // Bytes that were posted: up to 64 KiB, read from the ledger when they are needed.
      arguments.erase("data");
      arguments.erase("answer");
      out.push_back({log.block.number, log.block.hash, log.transaction, log.index, times[log.block.number],
                     is_registry ? "Registry" : "WorkMarket", parsed["event"].get<std::string>(), arguments.dump()});
    }
    return out;
  }

  Status step_all() {
    const std::lock_guard lock(stepping);
    for (;;) {
      KOINON_TRY(const bool more, index->step());
      if (!more) break;
    }
    KOINON_TRY(const auto newest, rpc.block_number());
    const std::unique_lock guard(mutex);
    if (newest != head) {
      head = newest;
      ++version;
      changed.notify_all();
    }
    if (!trouble.empty()) base::log_info("the ledger answers again, at block {}", newest);
    trouble.clear();
    return {};
  }

  /// Steps when the ledger pushes a block, or every poll_ms where it does not push.
  void follow(std::stop_token stop) {
    ledger::HeadWatcher heads(rpc, ledger::HeadWatcher::push_url(rpc.url()), options.poll_ms);
    std::mutex sleeping;
    std::condition_variable_any alarm;
    while (!stop.stop_requested()) {
      if (const auto stepped = step_all(); !stepped && !stop.stop_requested()) {
        const std::unique_lock lock(mutex);
        if (trouble != stepped.error().text) base::log_warn("ledger: {}", stepped.error().text);
        trouble = stepped.error().text;
      }
      std::unique_lock lock(sleeping);
      alarm.wait_for(lock, stop, std::chrono::milliseconds(kBurstMs), [] { return false; });
      lock.unlock();
      heads.wait(kQuietMs, stop);
    }
  }
};

Sync::Sync(std::unique_ptr<State> state) : state_(std::move(state)) {}

Sync::~Sync() { stop(); }

void Sync::stop() {
  if (state_ && state_->thread.joinable()) {
    state_->thread.request_stop();
    state_->share->cancel();
    state_->thread.join();
  }
}

Result<std::unique_ptr<Sync>> Sync::start(ledger::Rpc& rpc, EventStore& store, SyncOptions options) {
  auto state = std::make_unique<State>(rpc, store, options);
  KOINON_CHECK(state->load());
  KOINON_TRY(const auto saved, store.cursor());
  ledger::LogCursor cursor;
  cursor.next = options.first_block;
  if (!saved.empty()) {
    KOINON_TRY(cursor, ledger::LogCursor::from_json(saved));
  }
  ledger::LogIndexOptions index_options;
  index_options.addresses = {options.market, options.registry};
  index_options.finality_depth = options.finality_depth;
  state->index =
      std::make_unique<ledger::LogIndex>(state->rpc, index_options, std::move(cursor),
                                         [s = state.get()](const ledger::LogUpdate& update) { return s->take(update); });
  KOINON_CHECK(state->step_all());
  state->thread = std::jthread([s = state.get()](std::stop_token stop) { s->follow(stop); });
  return std::unique_ptr<Sync>(new Sync(std::move(state)));
}

void Sync::read(const std::function<void(const Book&, std::uint64_t)>& body) const {
  const std::shared_lock lock(state_->mutex);
  body(state_->book, state_->head);
}

std::uint64_t Sync::wait_beyond(std::uint64_t seen, std::int64_t timeout_ms, std::stop_token stop) const {
  std::shared_lock lock(state_->mutex);
  state_->changed.wait_for(lock, stop, std::chrono::milliseconds(timeout_ms), [&] { return state_->version > seen; });
  return state_->version;
}

Status Sync::catch_up() { return state_->step_all(); }

void Sync::on_change(std::function<void(const std::vector<std::uint64_t>&, std::uint64_t)> listener) {
  const std::lock_guard lock(state_->listening);
  state_->listeners.push_back(std::move(listener));
}

std::string Sync::trouble() const {
  const std::shared_lock lock(state_->mutex);
  return state_->trouble;
}

}  // namespace koinon::market
