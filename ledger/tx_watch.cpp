#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "ledger/rpc_codec.hpp"
#include "ledger/tx_lane.hpp"

namespace koinon::ledger {
namespace {

using nlohmann::json;

constexpr std::size_t kKeptResults = 1024;  ///< finished transactions whose receipt wait() still finds
constexpr std::size_t kFinalGroup = 32;     ///< so many final ones are forgotten at once while the lane is busy
constexpr std::uint64_t kTransferGas = 21'000;
constexpr int kForeignLooks = 3;  ///< looks in a row that find a nonce used by none of ours, until another hand is blamed

Rpc::Request receipt_request(const Hash& hash) {
  return {"eth_getTransactionReceipt", json::array({base::to_hex(hash)}).dump()};
}

/// The receipt among the answers for one transaction's versions, if any.
Result<std::optional<Receipt>> receipt_among(std::span<const Result<json>> answers, const PendingTransaction& item) {
  for (const auto& answer : answers) {
    if (!answer) return fail(answer.error());
    if (answer->is_null()) continue;
    KOINON_TRY(auto receipt, read_receipt(*answer));
    if (std::ranges::find(item.hashes, receipt.transaction) == item.hashes.end())
      return fail(Code::malformed, "[rpc] receipt of another transaction than {}", base::to_hex(item.hashes.back()));
    return std::optional<Receipt>(std::move(receipt));
  }
  return std::optional<Receipt>{};
}

/// 12.5% more, rounded up, as the pools of all nodes ask of a replacement.
Result<Wei> bumped(const Wei& fee) {
  KOINON_TRY(const auto more, fee.scaled(1125, 1000));
  return more.plus(Wei(1));
}

}  // namespace

/// The receipt of any version of it.
Result<std::optional<Receipt>> TxSender::State::find_receipt(const PendingTransaction& item) {
  std::vector<Rpc::Request> requests;
  for (const auto& hash : item.hashes) requests.push_back(receipt_request(hash));
  KOINON_TRY(const auto answers, rpc.batch(requests));
  return receipt_among(answers, item);
}

/// Why a mined transaction failed: the same call again, in the block before, or now where the server keeps no history.
Error TxSender::State::reason(const PendingTransaction& item, const Receipt& receipt) {
  Error out{Code::ledger,
            fmt::format("[transaction] {} reverted in block {}", base::to_hex(receipt.transaction), receipt.block.number)};
  const auto tx = decode_transaction(item.raw);
  if (!tx) return out;
  const CallRequest call{key.address(), tx->transaction.to, tx->transaction.data, tx->transaction.value};
  const auto before = codec::hex_quantity(receipt.block.number > 0 ? receipt.block.number - 1 : 0);
  for (const auto& tag : {before, std::string("latest")}) {
    const auto again = rpc.eth_call(call, tag);
    if (again || again.error().text.find("reverted: ") == std::string::npos) continue;
    out.text += ": " + again.error().text;
    break;
  }
  return out;
}

/// Mined: the store keeps it until it is final, since a reorganisation may want it sent again.
void TxSender::State::finish(const PendingTransaction& item, std::uint64_t block, Result<Receipt> result) {
  kept[item.nonce] = {item, block};
  told.erase(item.nonce);
  foreign.erase(item.nonce);
  {
    const std::lock_guard lock(mutex);
    pending.erase(item.nonce);
    after_done = std::max(after_done, item.nonce + 1);
    done.insert_or_assign(item.nonce, std::move(result));
    while (done.size() > kKeptResults) done.erase(done.begin());
  }
  changed.notify_all();
}

/// Another hand used its nonce.
void TxSender::State::abandon(const PendingTransaction& item) {
  if (auto removed = store.remove(key.address(), item.nonce); !removed) {
    base::log_warn("transaction {}: {}", item.nonce, removed.error().text);
    return;  // it stays pending, and this is tried again
  }
  told.erase(item.nonce);
  foreign.erase(item.nonce);
  {
    const std::lock_guard lock(mutex);
    pending.erase(item.nonce);
    done.insert_or_assign(item.nonce, fail(Code::conflict, "[transaction] nonce {} was used by another transaction of {}",
                                           item.nonce, base::to_hex(item.sender)));
  }
  changed.notify_all();
}

void TxSender::State::settle(const PendingTransaction& item, const Receipt& receipt, std::uint64_t head) {
  // The receipt may be newer than the head that was read.
  if (std::max(head, receipt.block.number) - receipt.block.number + 1 < options.confirmations) return;
  if (receipt.success)
    finish(item, receipt.block.number, receipt);
  else
    finish(item, receipt.block.number, fail(reason(item, receipt)));
}

void TxSender::State::tell(const PendingTransaction& item, const Error& error) {
  auto& last = told[item.nonce];
  if (last == error.text) return;
  last = error.text;
  base::log_warn("transaction {} {}: sent again, refused: {}", item.nonce, item.label, error.text);
}

/// No receipt. Dropped: sent again. Stuck: replaced. Used by somebody else: conflict.
Status TxSender::State::nurse(PendingTransaction item, std::uint64_t mined_nonce, std::uint64_t head) {
  {
    const std::lock_guard lock(mutex);
    if (sending == item.nonce) return {};
  }
  if (item.nonce < mined_nonce) {
    // Mined between the two questions, by another hand, or taken back by a reorganisation between them: the last passes.
    KOINON_TRY(const auto again, find_receipt(item));
    if (again)
      settle(item, *again, head);
    else if (++foreign[item.nonce] >= kForeignLooks)
      abandon(item);
    return {};
  }
  foreign.erase(item.nonce);
  if (clock.now_ms() - item.sent_ms >= options.stuck_after_ms && item.nonce == mined_nonce) return replace(item);
  KOINON_TRY(const auto known, rpc.knows(item.hashes.back()));
  if (known) return {};
  auto sent = rpc.send_raw(item.raw);
  if (sent || is_known(sent.error()) || is_transport(sent.error())) return {};
  // The usual reason is that it was mined meanwhile; if another hand took the nonce, the next look says so.
  KOINON_TRY(const auto mined, find_receipt(item));
  if (mined)
    settle(item, *mined, head);
  else if (!is_nonce_used(sent.error()))
    tell(item, sent.error());
  return {};
}

Status TxSender::State::replace(PendingTransaction& item) {
  KOINON_TRY(const auto old, decode_transaction(item.raw));
  KOINON_TRY(const auto market, fees_now());
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
  if (!sent && !is_known(sent.error()) && !is_transport(sent.error()) && !is_nonce_used(sent.error())) tell(item, sent.error());
  return {};
}

/// A reorganisation made the chain's next nonce smaller: what is not on it any more is pending again.
Status TxSender::State::take_back(std::uint64_t mined_nonce) {
  const auto first = kept.lower_bound(mined_nonce);
  if (first == kept.end()) return {};
  base::log_warn("a reorganisation removed {} transactions of {}: they are sent again", std::distance(first, kept.end()),
                 base::to_hex(key.address()));
  const std::lock_guard lock(mutex);
  for (auto at = first; at != kept.end(); ++at) {
    at->second.item.sent_ms = clock.now_ms();
    pending[at->first] = std::move(at->second.item);
  }
  kept.erase(first, kept.end());
  return {};
}

/// The chain waits for a nonce that nobody here knows (another hand's, or from before the store): ours behind it would wait for
/// ever. An empty transaction takes its place, once the pools have had their time to bring it back.
Status TxSender::State::fill_gap(std::uint64_t mined_nonce) {
  {
    const std::lock_guard lock(mutex);
    if (pending.empty() || pending.begin()->first <= mined_nonce) {
      gap_since_ms = 0;
      return {};
    }
  }
  const auto now = clock.now_ms();
  if (gap_since_ms == 0) gap_since_ms = now;
  if (now - gap_since_ms < options.stuck_after_ms) return {};
  KOINON_TRY(const auto fees, fees_now());
  const auto signed_tx = sign({chain_id, mined_nonce, fees.priority, fees.max, kTransferGas, key.address(), {}, {}}, key);
  const PendingTransaction item{key.address(), mined_nonce, "fills a gap", signed_tx.raw, {signed_tx.hash}, now};
  KOINON_CHECK(store.put(item));
  base::log_warn("nonce {} of {} is missing: an empty transaction fills it", mined_nonce, base::to_hex(key.address()));
  {
    const std::lock_guard lock(mutex);
    pending[mined_nonce] = item;
  }
  auto sent = rpc.send_raw(item.raw);
  if (!sent && !is_known(sent.error()) && !is_transport(sent.error())) tell(item, sent.error());
  return {};
}

/// Forgets what no reorganisation reaches any more. Where it is mined is asked again: it may have moved up.
Status TxSender::State::drop_final(std::uint64_t head, std::uint64_t mined_nonce) {
  std::vector<Kept*> deep;
  std::vector<Rpc::Request> requests;
  for (auto& [nonce, one] : kept) {
    if (one.block + options.finality_depth > head || nonce >= mined_nonce) continue;
    deep.push_back(&one);
    for (const auto& hash : one.item.hashes) requests.push_back(receipt_request(hash));
  }
  bool busy = false;
  {
    const std::lock_guard lock(mutex);
    busy = !pending.empty();
  }
  if (deep.empty() || (busy && deep.size() < kFinalGroup)) return {};
  KOINON_TRY(const auto answers, rpc.batch(requests));
  std::size_t at = 0;
  for (auto* one : deep) {
    const auto count = one->item.hashes.size();
    const auto receipt = receipt_among(std::span(answers).subspan(at, count), one->item);
    at += count;
    if (!receipt) continue;
    if (*receipt && (*receipt)->block.number + options.finality_depth > head) {
      one->block = (*receipt)->block.number;
      continue;
    }
    const auto nonce = one->item.nonce;
    KOINON_CHECK(store.remove(key.address(), nonce));
    kept.erase(nonce);
  }
  return {};
}

Status TxSender::State::look() {
  std::vector<PendingTransaction> items;
  {
    const std::lock_guard lock(mutex);
    nudged = false;
    for (const auto& [nonce, item] : pending) items.push_back(item);
  }
  if (items.empty() && kept.empty()) return {};
  std::vector<Rpc::Request> requests = {
      {"eth_getBlockByNumber", R"(["latest", false])"},
      {"eth_getTransactionCount", json::array({base::to_hex(key.address()), "latest"}).dump()}};
  for (const auto& item : items)
    for (const auto& hash : item.hashes) requests.push_back(receipt_request(hash));
  KOINON_TRY(const auto answers, rpc.batch(requests));
  for (const auto* answer : {&answers[0], &answers[1]})
    if (!*answer) return fail(answer->error());
  KOINON_TRY(const auto head, read_block(*answers[0]));
  KOINON_TRY(const auto mined, codec::quantity(*answers[1]));
  {
    const std::lock_guard lock(mutex);
    fee_view.base = head.base_fee;
    fee_view.base_ms = clock.now_ms();
  }
  KOINON_CHECK(take_back(mined));
  std::size_t at = 2;
  for (auto& item : items) {
    const auto receipt = receipt_among(std::span(answers).subspan(at, item.hashes.size()), item);
    at += item.hashes.size();
    if (!receipt) return fail(receipt.error());
    if (*receipt) {
      foreign.erase(item.nonce);
      settle(item, **receipt, head.number);
    } else {
      KOINON_CHECK(nurse(std::move(item), mined, head.number));
    }
  }
  KOINON_CHECK(fill_gap(mined));
  return drop_final(head.number, mined);
}

void TxSender::State::watch() {
  for (;;) {
    {
      std::unique_lock lock(mutex);
      const auto pause = pending.empty() ? std::max(options.idle_ms, options.poll_ms) : options.poll_ms;
      changed.wait_for(lock, std::chrono::milliseconds(pause), [&] { return stopping || nudged; });
      if (stopping) return;
    }
    if (auto looked = look(); !looked && !is_transport(looked.error()))
      base::log_warn("transactions of {}: {}", base::to_hex(key.address()), looked.error().text);
  }
}

}  // namespace koinon::ledger
