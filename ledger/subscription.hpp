#pragma once
#include <memory>

#include "ledger/rpc.hpp"

namespace koinon::ledger {

/// Tells when there is a new block: by eth_subscribe("newHeads") over a WebSocket, and by asking every `poll_ms` while there is
/// none (no ws:// URL, or the server broke off: it is tried again after 5 s, then less and less often). Not thread-safe.
class HeadWatcher {
 public:
  /// `ws_url` may be empty. `rpc` must outlive it.
  HeadWatcher(Rpc& rpc, std::string ws_url, std::int64_t poll_ms = 500);
  ~HeadWatcher();
  HeadWatcher(const HeadWatcher&) = delete;
  HeadWatcher& operator=(const HeadWatcher&) = delete;

  /// Waits until there may be a new block, without asking: a push came, or `poll_ms` passed while there are no pushes. Returns
  /// after `timeout_ms` or when stopped in any case. Pushes that came meanwhile count as one.
  void wait(std::int64_t timeout_ms, std::stop_token stop = {});
  /// Number of the newest block, as soon as it differs from the last one returned or is a reorg of it. Errors: timeout,
  /// cancelled, those of Rpc.
  Result<std::uint64_t> next(std::int64_t timeout_ms, std::stop_token stop = {});
  /// Where a server that is asked at `rpc_url` may push: the same place over ws://, or the wss:// that it is; empty for https,
  /// whose servers push elsewhere.
  static std::string push_url(const std::string& rpc_url);
  /// True while heads are pushed.
  [[nodiscard]] bool is_subscribed() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace koinon::ledger
