#include "ledger/tx_sender.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <thread>

#include "base/log.hpp"
#include "ledger/rpc_codec.hpp"

namespace koinon::ledger {
namespace {

constexpr std::size_t kKeptResults = 1024;  ///< finished transactions whose receipt wait() still finds

struct Fees {
  Wei priority;
  Wei max;
};

bool says(const Error& error, std::initializer_list<std::string_view> words) {
  std::string text = error.text;
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::any_of(words, [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

bool is_known(const Error& error) { return says(error, {"already known", "already imported", "known transaction"}); }
bool is_nonce_used(const Error& error) { return says(error, {"nonce too low", "nonce is too low", "invalid nonce"}); }
bool is_transport(const Error& error) {
  return error.code == Code::network || error.code == Code::timeout || error.code == Code::exhausted ||
         error.code == Code::cancelled;
}

}  // namespace

struct TxSender::State {
  State(Rpc& rpc_, const Key& key_, PendingStore& store_, const base::Clock& clock_, TxOptions options_)
      : rpc(rpc_), key(key_), store(store_), clock(clock_), options(options_) {}

  Rpc& rpc;
  const Key& key;
  PendingStore& store;
  const base::Clock& clock;
  const TxOptions options;
  std::uint64_t chain_id = 0;

  std::mutex lane;  ///< held while a nonce is taken, so that nonces are sent in order; taken before `mutex`
  std::mutex mutex;
  std::condition_variable changed;
  // Guarded by mutex:
  std::uint64_t next_nonce = 0;
  bool resync = false;
  bool stopping = false;
  std::map<std::uint64_t, PendingTransaction> pending;
  std::map<std::uint64_t, Result<Receipt>> done;
  std::thread watcher;

  Result<Fees> choose_fees() {
    KOINON_TRY(const auto head, rpc.block("latest"));
    auto priority = rpc.priority_fee();
    // A server without the method: 1 gwei serves.
    Fees out{priority ? *priority : Wei(1'000'000'000), {}};
    KOINON_TRY(const auto base_part, head.base_fee.times(options.base_fee_multiple));
    KOINON_TRY(out.max, base_part.plus(out.priority));
    return capped(out);
  }

  [[nodiscard]] Fees capped(Fees fees) const {
    fees.max = std::min(fees.max, options.fee_cap);
    fees.priority = std::min(fees.priority, fees.max);
    return fees;
  }

  /// 12.5% more, rounded up, as the pools of all nodes ask of a replacement.
  static Result<Wei> bumped(const Wei& fee) {
    KOINON_TRY(const auto more, fee.scaled(1125, 1000));
    return more.plus(Wei(1));
  }

  Result<std::uint64_t> estimate(const TxRequest& request) {
    if (request.gas_limit != 0) return request.gas_limit;
    const CallRequest call{key.address(), request.to, request.data, request.value};
    auto gas = rpc.estimate_gas(call);
    if (!gas && gas.error().code == Code::unsupported) gas = rpc.estimate_gas(call, "latest");
    if (!gas) return fail(std::move(gas).error().within(request.label.empty() ? "transaction" : request.label));
    if (*gas > options.max_gas)
      return fail(Code::out_of_range, "[transaction] needs {} gas: at most {}", *gas, options.max_gas);
    return std::min(*gas + *gas / 100 * options.gas_margin_percent + 1'000, options.max_gas);
  }

  Status wait_for_place() {
    std::unique_lock lock(mutex);
    const bool free = changed.wait_for(lock, std::chrono::milliseconds(options.submit_timeout_ms),
                                       [&] { return stopping || pending.size() < options.max_in_flight; });
    if (stopping) return fail(Code::cancelled, "[transaction] the sender stops");
    if (!free) return fail(Code::exhausted, "[transaction] {} in flight: at most {}", pending.size(), options.max_in_flight);
    return {};
  }

  /// Nonce after the chain's and after ours. Precondition: lane is held.
  Status read_nonce() {
    KOINON_TRY(const auto mined, rpc.nonce(key.address(), "latest"));
    KOINON_TRY(const auto waiting, rpc.nonce(key.address(), "pending"));
    const std::lock_guard lock(mutex);
    next_nonce = std::max(mined, waiting);
    if (!pending.empty()) next_nonce = std::max(next_nonce, pending.rbegin()->first + 1);
    resync = false;
    return {};
  }

  Result<std::uint64_t> submit(const TxRequest& request) {
    KOINON_TRY(const auto gas, estimate(request));
    KOINON_TRY(const auto fees, choose_fees());
    const std::lock_guard in_lane(lane);
    KOINON_CHECK(wait_for_place());
    for (int tries = 0;; ++tries) {
      auto sent = send_next(request, gas, fees);
      if (sent || tries >= 3 || sent.error().code != Code::conflict) return sent;
    }
  }

  /// Signs with the next nonce, stores, sends. `conflict` when the nonce turned out to be used. Precondition: lane is held.
  Result<std::uint64_t> send_next(const TxRequest& request, std::uint64_t gas, const Fees& fees) {
    bool stale = false;
    {
      const std::lock_guard lock(mutex);
      stale = resync;
    }
    if (stale) {
      KOINON_CHECK(read_nonce());
    }
    std::uint64_t nonce = 0;
    {
      const std::lock_guard lock(mutex);
      nonce = next_nonce;
    }
    const auto signed_tx = sign({chain_id, nonce, fees.priority, fees.max, gas, request.to, request.value, request.data}, key);
    const PendingTransaction item{key.address(),    nonce,         request.label.substr(0, 200), signed_tx.raw,
                                  {signed_tx.hash}, clock.now_ms()};
    KOINON_CHECK(store.put(item));
    {
      const std::lock_guard lock(mutex);
      pending[nonce] = item;
      next_nonce = nonce + 1;
    }
    auto answer = rpc.send_raw(signed_tx.raw);
    // Unknown outcome: it may have arrived. It stays pending and the watcher sends it again.
    if (answer || is_known(answer.error()) || is_transport(answer.error())) return nonce;
    KOINON_CHECK(forget(nonce));
    {
      const std::lock_guard lock(mutex);
      resync = true;
    }
    if (is_nonce_used(answer.error()))
      return fail(Code::conflict, "[transaction] nonce {} is used: {}", nonce, answer.error().text);
    return fail(std::move(answer).error().within(request.label.empty() ? "transaction" : request.label));
  }

  Status forget(std::uint64_t nonce) {
    {
      const std::lock_guard lock(mutex);
      pending.erase(nonce);
    }
    changed.notify_all();
    return store.remove(key.address(), nonce);
  }

  void finish(std::uint64_t nonce, Result<Receipt> result) {
    if (auto removed = store.remove(key.address(), nonce); !removed) {
      base::log_warn("transaction {}: {}", nonce, removed.error().text);
      return;  // it stays pending, and this is tried again
    }
    {
      const std::lock_guard lock(mutex);
      pending.erase(nonce);
      done.insert_or_assign(nonce, std::move(result));
      while (done.size() > kKeptResults) done.erase(done.begin());
    }
    changed.notify_all();
  }

  /// The receipt of any version of it.
  Result<std::optional<Receipt>> find_receipt(const PendingTransaction& item) {
    for (auto hash = item.hashes.rbegin(); hash != item.hashes.rend(); ++hash) {
      KOINON_TRY(auto receipt, rpc.receipt(*hash));
      if (receipt) return receipt;
    }
    return std::optional<Receipt>{};
  }

  /// Why a mined transaction failed: the same call again, in the block before, or now where the server keeps no history.
  Error reason(const PendingTransaction& item, const Receipt& receipt) {
    Error out{Code::ledger,
              fmt::format("[transaction] {} reverted in block {}", base::to_hex(receipt.transaction), receipt.block.number)};
    const auto tx = decode_transaction(item.raw);
    if (!tx) return out;
    const CallRequest call{key.address(), tx->transaction.to, tx->transaction.data, tx->transaction.value};
    const auto before = codec::hex_quantity(receipt.block.number > 0 ? receipt.block.number - 1 : 0);
    for (const auto& tag : {before, std::string("latest")}) {
      const auto again = rpc.eth_call(call, tag);
      if (again || !says(again.error(), {"reverted: "})) continue;
      out.text += ": " + again.error().text;
      break;
    }
    return out;
  }

  void settle(const PendingTransaction& item, const Receipt& receipt, std::uint64_t head) {
    if (head < receipt.block.number || head - receipt.block.number + 1 < options.confirmations) return;
    if (receipt.success)
      finish(item.nonce, receipt);
    else
      finish(item.nonce, fail(reason(item, receipt)));
  }

  /// Dropped: sent again. Stuck: replaced. Used by somebody else: conflict.
  Status nurse(PendingTransaction item, std::uint64_t mined_nonce) {
    if (item.nonce < mined_nonce) {
      // Mined between the two questions, or by another hand.
      KOINON_TRY(const auto again, find_receipt(item));
      if (!again)
        finish(item.nonce, fail(Code::conflict, "[transaction] nonce {} was used by another transaction of {}", item.nonce,
                                base::to_hex(item.sender)));
      return {};
    }
    if (clock.now_ms() - item.sent_ms >= options.stuck_after_ms && item.nonce == mined_nonce) {
      KOINON_CHECK(replace(item));
      return {};
    }
    KOINON_TRY(const auto known, rpc.knows(item.hashes.back()));
    if (known) return {};
    auto sent = rpc.send_raw(item.raw);
    if (!sent && !is_known(sent.error()) && !is_transport(sent.error()))
      base::log_warn("transaction {} {}: sent again, refused: {}", item.nonce, item.label, sent.error().text);
    return {};
  }

  Status replace(PendingTransaction& item) {
    KOINON_TRY(const auto old, decode_transaction(item.raw));
    KOINON_TRY(const auto market, choose_fees());
    auto tx = old.transaction;
    KOINON_TRY(const auto least_max, bumped(tx.max_fee));
    KOINON_TRY(const auto least_priority, bumped(tx.max_priority_fee));
    if (least_max > options.fee_cap) {
      base::log_warn("transaction {} {}: stuck at the fee cap of {} wei", item.nonce, item.label, options.fee_cap.text());
    } else {
      tx.max_fee = std::max(least_max, market.max);
      tx.max_priority_fee = std::min(std::max(least_priority, market.priority), tx.max_fee);
      const auto signed_tx = sign(tx, key);
      item.raw = signed_tx.raw;
      item.hashes.push_back(signed_tx.hash);
    }
    item.sent_ms = clock.now_ms();
    KOINON_CHECK(store.put(item));
    {
      const std::lock_guard lock(mutex);
      pending[item.nonce] = item;
    }
    auto sent = rpc.send_raw(item.raw);
    if (!sent && !is_known(sent.error()))
      base::log_warn("transaction {} {}: replacement refused: {}", item.nonce, item.label, sent.error().text);
    return {};
  }

  Status look() {
    std::vector<PendingTransaction> items;
    {
      const std::lock_guard lock(mutex);
      for (const auto& [nonce, item] : pending) items.push_back(item);
    }
    if (items.empty()) return {};
    KOINON_TRY(const auto head, rpc.block_number());
    KOINON_TRY(const auto mined, rpc.nonce(key.address(), "latest"));
    for (auto& item : items) {
      KOINON_TRY(const auto receipt, find_receipt(item));
      if (receipt) {
        settle(item, *receipt, head);
      } else {
        KOINON_CHECK(nurse(std::move(item), mined));
      }
    }
    return {};
  }

  void watch() {
    for (;;) {
      {
        std::unique_lock lock(mutex);
        changed.wait_for(lock, std::chrono::milliseconds(options.poll_ms), [&] { return stopping; });
        if (stopping) return;
      }
      if (auto looked = look(); !looked && !is_transport(looked.error()))
        base::log_warn("transactions of {}: {}", base::to_hex(key.address()), looked.error().text);
    }
  }
};

TxSender::TxSender(std::unique_ptr<State> state) : state_(std::move(state)) {}

TxSender::~TxSender() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  if (state_->watcher.joinable()) state_->watcher.join();
}

Result<std::unique_ptr<TxSender>> TxSender::start(Rpc& rpc, const Key& key, PendingStore& store, const base::Clock& clock,
                                                  TxOptions options) {
  auto state = std::make_unique<State>(rpc, key, store, clock, options);
  KOINON_TRY(state->chain_id, rpc.chain_id());
  KOINON_TRY(auto held, store.load(key.address()));
  for (auto& item : held) {
    if (item.hashes.empty()) return fail(Code::malformed, "[transaction] stored nonce {} has no hash", item.nonce);
    state->pending[item.nonce] = std::move(item);
  }
  KOINON_CHECK(state->read_nonce());
  auto* raw = state.get();
  state->watcher = std::thread([raw] { raw->watch(); });
  return std::unique_ptr<TxSender>(new TxSender(std::move(state)));
}

const Address& TxSender::address() const { return state_->key.address(); }

std::size_t TxSender::in_flight() const {
  const std::lock_guard lock(state_->mutex);
  return state_->pending.size();
}

Result<std::uint64_t> TxSender::submit(const TxRequest& request) { return state_->submit(request); }

Result<Receipt> TxSender::wait(std::uint64_t nonce, std::int64_t timeout_ms) {
  std::unique_lock lock(state_->mutex);
  const auto settled = [&] { return state_->stopping || state_->done.contains(nonce) || !state_->pending.contains(nonce); };
  if (!state_->changed.wait_for(lock, std::chrono::milliseconds(timeout_ms), settled))
    return fail(Code::timeout, "[transaction] nonce {} is not done after {} ms; it stays pending", nonce, timeout_ms);
  const auto at = state_->done.find(nonce);
  if (at != state_->done.end()) return at->second;
  if (state_->stopping) return fail(Code::cancelled, "[transaction] the sender stops; nonce {} stays pending", nonce);
  return fail(Code::not_found, "[transaction] nonce {} is not known here", nonce);
}

Result<Receipt> TxSender::send(const TxRequest& request, std::int64_t timeout_ms) {
  KOINON_TRY(const auto nonce, submit(request));
  return wait(nonce, timeout_ms);
}

}  // namespace koinon::ledger
