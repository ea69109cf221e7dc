#pragma once
#include <mutex>
#include <string>

#include "net/router.hpp"
#include "net/site.hpp"
#include "node/config/config.hpp"

// What a node shows of itself before it is ready, and to whom.
namespace koinon::node {

/// Whose pages may ask the node's API.
net::Site site_of(const Config& config);
/// Whose pages may ask a local ledger: the node's own, which lies at another port, and wallets in browsers.
net::Site ledger_site_of(const Config& config, std::uint16_t http_port);

/// What a node that is not ready waits for. Thread-safe.
class Waiting {
 public:
  void set(std::string text) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
  }
  [[nodiscard]] std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_ = "the node is starting";  ///< guarded by mutex_
};

/// Routes of a node that is not ready: 503 with Retry-After and {"error": {"code": "network", "text": what it waits for},
/// "state": "starting"} to everything. `waiting` outlives them.
net::Router waiting_routes(const Config& config, const Waiting& waiting);

}  // namespace koinon::node
