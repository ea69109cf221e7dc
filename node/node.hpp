#pragma once
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "ledger/deployment.hpp"
#include "market/actor/actor.hpp"
#include "market/onchain/onchain.hpp"
#include "market/watch/watcher.hpp"
#include "net/http_server.hpp"
#include "node/artifacts/artifacts.hpp"
#include "node/config/config.hpp"
#include "node/store/store.hpp"
#include "trust/quorum/quorum.hpp"
#include "work/kind.hpp"

namespace koinon::node {

class Node;

/// What a node is made of. Faces fill it from configuration; tests replace parts.
struct NodeOptions {
  Config config;
  bool provide = false;  ///< register, stake and offer work
  work::KindSet kinds;   ///< what this node can run
  market::ActorOptions actor;
  market::WatchOptions watch;
  market::MarketConfig market = market::local_config();  ///< of a local ledger that is new
  std::vector<market::ExtraCheck> checks;                ///< beside the quorum, of a local ledger that is new
  trust::CheckSet rules = trust::standard_checks();      ///< the checks that this node understands
  std::filesystem::path page;                            ///< folder of the built web page; empty: found beside the program
  std::int64_t block_ms = 1'000;                         ///< of a local ledger: an empty block after so long
  std::stop_token stop;                                  ///< gives up a start that waits for its ledger
  /// Builds the routes that the node serves, usually make_api of node/api/api.hpp; called once, when all else is ready. Without
  /// it the node serves artifacts alone.
  std::function<net::Router(Node& node)> make_router;
  /// Builds the provider's side; the default is market::Seller.
  std::function<std::unique_ptr<market::Seller>(const market::Services&)> make_seller;
  /// Builds the buyer's side; the default is market::Buyer.
  std::function<std::unique_ptr<market::Buyer>(const market::Services&)> make_buyer;
};

/// One member of the network: ledger connection, account, store, actors and HTTP API in one process.
class Node {
 public:
  /// Opens the data folder, starts or reaches the ledger, opens an account when there is none (on a local ledger the faucet
  /// pays for it), reconciles with the ledger, and serves. Listens before it makes anything. A ledger elsewhere that does not
  /// answer is waited for: without end when this folder worked on it before, else ledger.wait seconds; meanwhile the API
  /// answers 503 and says so. Errors name the step that failed and what to do; cancelled when `stop` was asked for.
  static Result<std::unique_ptr<Node>> start(NodeOptions options);
  /// Stops in order: HTTP, actors, ledger.
  ~Node();
  /// Withdraws the account's offers and waits, provider.stop_wait seconds at most, for the orders that it was drawn for; `tell`
  /// gets lines for people. The next start offers again. From then on no order is placed.
  void drain(const std::function<void(const std::string& line)>& tell);
  [[nodiscard]] bool is_stopping() const;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// "http://127.0.0.1:7070"
  [[nodiscard]] std::string url() const;
  /// Bearer token of calls that spend money; also in DATA/token with mode 0600.
  [[nodiscard]] const std::string& token() const;
  [[nodiscard]] std::uint32_t account() const;
  [[nodiscard]] const base::Address& operator_address() const;
  /// What others seal to this node with; follows from the operator's key.
  [[nodiscard]] const market::BoxPair& box() const;
  [[nodiscard]] const Config& config() const;
  [[nodiscard]] const ledger::Deployment& deployment() const;
  /// True when it was started to sell work.
  [[nodiscard]] bool provides() const;
  /// What an account must have staked to offer work (Registry.minStake), wei.
  [[nodiscard]] const base::Wei& least_stake() const;
  [[nodiscard]] const work::KindSet& kinds() const;
  [[nodiscard]] const trust::CheckSet& rules() const;
  [[nodiscard]] std::int64_t started_ms() const;
  /// True when this node runs the ledger itself.
  [[nodiscard]] bool runs_ledger() const;
  /// URL of the ledger's JSON-RPC as this node reaches it.
  [[nodiscard]] const std::string& ledger_url() const;

  [[nodiscard]] Store& store();
  [[nodiscard]] Artifacts& artifacts();
  [[nodiscard]] market::Sync& sync();
  [[nodiscard]] market::Buyer& buyer();
  [[nodiscard]] market::Seller& seller();
  /// Null on a market without the optimistic check, as disputes().
  [[nodiscard]] const market::Watcher* watcher() const;
  [[nodiscard]] market::DisputeLedger* disputes();
  /// Null on a market without the check by proof.
  [[nodiscard]] market::ProofLedger* proofs();
  [[nodiscard]] market::Accounts& accounts();
  [[nodiscard]] market::MarketLedger& market();
  [[nodiscard]] ledger::Rpc& rpc();
  /// The lane of the operator's transactions.
  [[nodiscard]] ledger::TxSender& sender();
  [[nodiscard]] base::ThreadPool& pool();
  [[nodiscard]] const base::Clock& clock() const;

  /// On a local ledger: coins for gas and tokens to spend, from the faucet. Errors: unsupported elsewhere, exhausted (more than
  /// the limit a minute).
  Status fund(const base::Address& to, const base::Wei& tokens);

 private:
  struct State;
  explicit Node(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace koinon::node
