#pragma once
#include "ledger/local/local_ledger.hpp"
#include "net/http_client.hpp"
#include "node/node.hpp"

// How a node comes to its ledger, its contracts and its account.
namespace koinon::node {

/// The ledger that a node works on, and where its contracts are.
struct LedgerAccess {
  std::unique_ptr<ledger::local::LocalLedger> local;  ///< set when this node runs it
  std::string rpc_url;
  std::string node_url;                          ///< of the Koinon node that named the ledger; empty otherwise
  bool is_local = false;                         ///< a development ledger, whose tokens are free and whose members are here
  std::optional<ledger::Deployment> deployment;  ///< absent: a local ledger that is new
};

/// Starts the local ledger, asks a Koinon node where its ledger is, or takes a JSON-RPC URL with a deployment file.
/// Errors: not_found (anvil, deployment), network, malformed; each says what to do.
/// `http_port`: where this node's own page is, which may ask a local ledger.
base::Result<LedgerAccess> reach_ledger(const NodeOptions& options, Store& store, net::HttpClient& http,
                                        std::uint16_t http_port);

/// Gives coins for gas and tokens to addresses of a local ledger. One sender, so one lane of nonces. Thread-safe.
class Faucet {
 public:
  static base::Result<std::unique_ptr<Faucet>> open(ledger::local::LocalLedger& local, ledger::Rpc& rpc, Store& store,
                                                    const base::Clock& clock);
  base::Result<ledger::Deployment> deploy(const market::MarketConfig& config, const std::vector<market::ExtraCheck>& checks);
  /// Ten coins when the address has less than one, and `tokens`. Errors: exhausted (more than 60 calls a minute), out_of_range
  /// (more than a million tokens at once), ledger.
  base::Status fund(const base::Address& token, const base::Address& to, const base::Wei& tokens);

 private:
  Faucet(ledger::Rpc& rpc, const base::Clock& clock, std::unique_ptr<ledger::TxSender> sender)
      : rpc_(rpc), clock_(clock), sender_(std::move(sender)) {}
  ledger::Rpc& rpc_;
  const base::Clock& clock_;
  std::unique_ptr<ledger::TxSender> sender_;
  std::mutex mutex_;  // guards window_start_ms_, calls_
  std::int64_t window_start_ms_ = 0;
  int calls_ = 0;
};

/// Asks the faucet of another node.
base::Status ask_faucet(net::HttpClient& http, const std::string& node_url, const base::Address& to, const base::Wei& tokens);

/// The X25519 pair of an operator, derived from its key: one secret to keep.
base::Result<market::BoxPair> box_of(const ledger::Key& key);

/// Reads DATA/token or makes it: 32 random bytes in hex, mode 0600.
base::Result<std::string> token_in(const std::filesystem::path& data, base::Random& random);

}  // namespace koinon::node
