#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <semaphore>
#include <string>

#include "ledger/rlp.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/site.hpp"

namespace koinon::ledger::local {

/// What the proxy needs of the ledger behind it.
struct ProxyBackend {
  std::function<Result<Hash>(Bytes raw)> submit;  ///< returns when the transaction is in a block or waits for its nonce
  std::function<std::string()> anvil_url;         ///< empty while anvil is being started again
  std::function<std::string()> broken = {};       ///< why it will not come back; empty while it may
};

/// JSON-RPC over HTTP and WebSocket in front of anvil. Reading methods pass; raw transactions go through `submit`; everything
/// that changes the chain by other ways (anvil_*, evm_*, hardhat_*, unlocked accounts) is refused: only the methods listed in
/// the source are served. eth_subscribe serves newHeads. Calls that run code get a measure of gas, and few run at once, so that
/// whoever asks for much holds up neither blocks nor transactions: the rest is told to come again (-32005).
class Proxy {
 public:
  /// `site`: whose pages may ask it; programs, which send no Origin, always may.
  Proxy(ProxyBackend backend, std::uint64_t max_body, net::Site site = {});
  /// Errors: io (address in use).
  Status listen(const std::string& address, std::uint16_t port);
  void stop();
  [[nodiscard]] std::string url() const { return server_->url(); }
  /// Tells the subscribers of a new block.
  void announce(const std::string& head_json);

  /// The answer to a request body (one call or a batch). Never fails: errors are JSON-RPC errors.
  std::string answer(const std::string& body);

 private:
  std::string answer_socket(const std::shared_ptr<net::WebSocketSession>& session, const std::string& body);
  std::string answer_one(const std::string& method, const std::string& id, const std::string& params);
  std::optional<std::string> forward_reads(const nlohmann::json& calls);
  std::string forward(const std::string& id, const std::string& method, const std::string& params);

  static constexpr int kMaxRunning = 2;
  using Places = std::counting_semaphore<kMaxRunning>;
  /// Gives a place back when it ends.
  struct Turn {
    Places* held;
    ~Turn() {
      if (held != nullptr) held->release();
    }
  };

  ProxyBackend backend_;
  std::uint64_t max_body_;
  const net::Site site_;
  net::HttpClient client_;
  Places running_{kMaxRunning};  ///< calls that run code
  std::mutex mutex_;
  /// Guarded by mutex_. A session is a handle, which does not keep its connection open.
  std::map<std::uint64_t, std::shared_ptr<net::WebSocketSession>> subscribers_;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace koinon::ledger::local
