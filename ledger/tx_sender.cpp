#include "ledger/tx_sender.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "ledger/rpc_codec.hpp"
#include "ledger/tx_lane.hpp"

namespace koinon::ledger {
namespace {

using nlohmann::json;

constexpr std::int64_t kPriorityMs = 10'000;  ///< how long a suggested priority fee serves

struct Lanes {
  std::mutex mutex;
  std::set<std::pair<std::uint64_t, Address>> taken;  // guarded by mutex
};

Lanes& lanes() {
  static Lanes all;
  return all;
}

bool says(const Error& error, std::initializer_list<std::string_view> words) {
  std::string text = error.text;
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::any_of(words, [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

std::string label_of(const TxRequest& request) { return request.label.empty() ? "transaction" : request.label; }

}  // namespace

Result<LaneClaim> LaneClaim::take(std::uint64_t chain_id, const Address& address) {
  const Lane lane{chain_id, address};
  auto& all = lanes();
  const std::lock_guard lock(all.mutex);
  if (!all.taken.insert(lane).second)
    return fail(Code::conflict, "[transaction] {} has a sender on chain {} already: one at a time", base::to_hex(address),
                chain_id);
  return LaneClaim(lane);
}

LaneClaim::~LaneClaim() {
  if (!held_) return;
  auto& all = lanes();
  const std::lock_guard lock(all.mutex);
  all.taken.erase(*held_);
}

bool is_known(const Error& error) { return says(error, {"already known", "already imported", "known transaction"}); }
bool is_nonce_used(const Error& error) { return says(error, {"nonce too low", "nonce is too low", "invalid nonce"}); }
bool is_transport(const Error& error) {
  return error.code == Code::network || error.code == Code::timeout || error.code == Code::exhausted ||
         error.code == Code::cancelled;
}

Result<TxSender::State::Fees> TxSender::State::fees_from(const FeeView& view) const {
  Fees out{view.priority, {}};
  KOINON_TRY(const auto base_part, view.base.times(options.base_fee_multiple));
  KOINON_TRY(out.max, base_part.plus(out.priority));
  out.max = std::min(out.max, options.fee_cap);
  out.priority = std::min(out.priority, out.max);
  return out;
}

/// Gas and fees, with the questions that are open in one request.
Result<TxSender::State::Terms> TxSender::State::terms(const TxRequest& request) {
  FeeView view;
  {
    const std::lock_guard lock(mutex);
    view = fee_view;
  }
  const auto now = clock.now_ms();
  const bool ask_gas = request.gas_limit == 0;
  const bool ask_base = view.base_ms == 0 || now - view.base_ms >= options.fee_ms;
  const bool ask_priority = view.priority_ms == 0 || now - view.priority_ms >= kPriorityMs;
  const CallRequest call{key.address(), request.to, request.data, request.value};
  std::vector<Rpc::Request> questions;
  if (ask_gas) questions.push_back({"eth_estimateGas", json::array({codec::call_json(call), "pending"}).dump()});
  if (ask_base) questions.push_back({"eth_getBlockByNumber", R"(["latest", false])"});
  if (ask_priority) questions.push_back({"eth_maxPriorityFeePerGas", "[]"});
  std::vector<Result<json>> answers;
  if (!questions.empty()) {
    KOINON_TRY(answers, rpc.batch(questions));
  }
  std::size_t next = 0;
  Terms out{request.gas_limit, {}};
  if (ask_gas) {
    auto& answer = answers[next++];
    auto gas = answer ? codec::quantity(*answer) : Result<std::uint64_t>(fail(std::move(answer).error()));
    if (!gas && gas.error().code == Code::unsupported) gas = rpc.estimate_gas(call, "latest");
    if (!gas) return fail(std::move(gas).error().within("eth_estimateGas").within(label_of(request)));
    if (*gas > options.max_gas)
      return fail(Code::out_of_range, "[transaction] needs {} gas: at most {}", *gas, options.max_gas);
    out.gas = std::min(*gas + *gas / 100 * options.gas_margin_percent + 1'000 + request.extra_gas, options.max_gas);
  }
  if (ask_base) {
    KOINON_TRY(const auto block, std::move(answers[next++]));
    KOINON_TRY(const auto head, read_block(block));
    view.base = head.base_fee;
    view.base_ms = now;
  }
  if (ask_priority) {
    // A server without the method: 1 gwei serves.
    const auto& answer = answers[next++];
    const auto fee = answer ? codec::wei(*answer) : Result<Wei>(Wei(1'000'000'000));
    view.priority = fee ? *fee : Wei(1'000'000'000);
    view.priority_ms = now;
  }
  {
    const std::lock_guard lock(mutex);
    if (view.base_ms >= fee_view.base_ms) fee_view = view;
  }
  KOINON_TRY(out.fees, fees_from(view));
  return out;
}

Result<TxSender::State::Fees> TxSender::State::fees_now() {
  TxRequest nothing;
  nothing.gas_limit = 1;  // only the fees are asked for
  KOINON_TRY(const auto now, terms(nothing));
  return now.fees;
}

Status TxSender::State::wait_for_place() {
  std::unique_lock lock(mutex);
  const bool free = changed.wait_for(lock, std::chrono::milliseconds(options.submit_timeout_ms),
                                     [&] { return stopping || pending.size() < options.max_in_flight; });
  if (stopping) return fail(Code::cancelled, "[transaction] the sender stops");
  if (!free) return fail(Code::exhausted, "[transaction] {} in flight: at most {}", pending.size(), options.max_in_flight);
  return {};
}

/// Nonce after the chain's and after ours. Precondition: lane is held.
Status TxSender::State::read_nonce() {
  KOINON_TRY(const auto mined, rpc.nonce(key.address(), "latest"));
  KOINON_TRY(const auto waiting, rpc.nonce(key.address(), "pending"));
  const std::lock_guard lock(mutex);
  next_nonce = std::max(mined, waiting);
  if (!pending.empty()) next_nonce = std::max(next_nonce, pending.rbegin()->first + 1);
  // What is done may be off the chain again, by a reorganisation; it goes back with its nonce.
  next_nonce = std::max(next_nonce, after_done);
  resync = false;
  return {};
}

Result<std::uint64_t> TxSender::State::submit(const TxRequest& request) {
  KOINON_TRY(const auto now, terms(request));
  const std::lock_guard in_lane(lane);
  KOINON_CHECK(wait_for_place());
  for (int tries = 0;; ++tries) {
    auto sent = send_next(request, now);
    if (sent || tries >= 3 || sent.error().code != Code::conflict) return sent;
  }
}

/// Signs with the next nonce, stores, sends. `conflict` when the nonce turned out to be used. Precondition: lane is held.
Result<std::uint64_t> TxSender::State::send_next(const TxRequest& request, const Terms& terms) {
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
  const auto signed_tx =
      sign({chain_id, nonce, terms.fees.priority, terms.fees.max, terms.gas, request.to, request.value, request.data}, key);
  const PendingTransaction item{key.address(),    nonce,         request.label.substr(0, 200), signed_tx.raw,
                                {signed_tx.hash}, clock.now_ms()};
  KOINON_CHECK(store.put(item));
  {
    const std::lock_guard lock(mutex);
    pending[nonce] = item;
    next_nonce = nonce + 1;
    sending = nonce;
  }
  auto answer = rpc.send_raw(signed_tx.raw);
  // Unknown outcome: it may have arrived. It stays pending and the watcher sends it again.
  const bool taken = answer || is_known(answer.error()) || is_transport(answer.error());
  auto out = taken ? Result<std::uint64_t>(nonce) : after_refusal(item, std::move(answer).error());
  {
    const std::lock_guard lock(mutex);
    sending.reset();
    nudged = true;
  }
  changed.notify_all();
  return out;
}

/// A nonce that is used may be used by this very transaction: the connection broke, and it was sent twice.
Result<std::uint64_t> TxSender::State::after_refusal(const PendingTransaction& item, Error refusal) {
  if (is_nonce_used(refusal)) {
    const auto ours = rpc.knows(item.hashes.back());
    if (!ours || *ours) return item.nonce;  // unknown: the watcher finds out
  }
  KOINON_CHECK(forget(item.nonce));
  {
    const std::lock_guard lock(mutex);
    resync = true;
  }
  // A fresh nonce cannot replace anything of ours: an underpriced replacement means that another hand took it.
  if (is_nonce_used(refusal) || says(refusal, {"replacement transaction underpriced"}))
    return fail(Code::conflict, "[transaction] nonce {} is used: {}", item.nonce, refusal.text);
  return fail(std::move(refusal).within(item.label.empty() ? "transaction" : item.label));
}

Status TxSender::State::forget(std::uint64_t nonce) {
  {
    const std::lock_guard lock(mutex);
    pending.erase(nonce);
  }
  changed.notify_all();
  return store.remove(key.address(), nonce);
}

void TxSender::State::stop() {
  {
    const std::lock_guard lock(mutex);
    stopping = true;
  }
  rpc.cancel();
  changed.notify_all();
}

TxSender::TxSender(std::unique_ptr<State> state) : state_(std::move(state)) {}

TxSender::~TxSender() {
  state_->stop();
  if (state_->watcher.joinable()) state_->watcher.join();
}

Result<std::unique_ptr<TxSender>> TxSender::start(Rpc& rpc, const Key& key, PendingStore& store, const base::Clock& clock,
                                                  TxOptions options) {
  auto own = rpc.share();
  KOINON_TRY(const auto chain_id, own->chain_id());
  KOINON_TRY(auto claim, LaneClaim::take(chain_id, key.address()));
  auto state = std::make_unique<State>(std::move(own), key, store, clock, options, chain_id, std::move(claim));
  KOINON_TRY(auto held, store.load(key.address()));
  for (auto& item : held) {
    if (item.hashes.empty()) return fail(Code::malformed, "[transaction] stored nonce {} has no hash", item.nonce);
    item.sent_ms = clock.now_ms();  // what the chain lost is sent again as it was before it is replaced
    state->pending[item.nonce] = std::move(item);
  }
  KOINON_CHECK(state->read_nonce());
  state->nudged = true;
  auto* raw = state.get();
  state->watcher = std::thread([raw] { raw->watch(); });
  return std::unique_ptr<TxSender>(new TxSender(std::move(state)));
}

const Address& TxSender::address() const { return state_->key.address(); }

Signature TxSender::sign_digest(const Hash& digest) const { return state_->key.sign(digest); }

std::size_t TxSender::in_flight() const {
  const std::lock_guard lock(state_->mutex);
  return state_->pending.size();
}

std::optional<std::uint64_t> TxSender::sent(const Bytes& data) const {
  const std::lock_guard lock(state_->mutex);
  for (const auto& [nonce, item] : state_->pending)
    if (!data.empty() && !std::ranges::search(item.raw, data).empty()) return nonce;
  return std::nullopt;
}

void TxSender::stop() { state_->stop(); }

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
