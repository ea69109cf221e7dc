#pragma once
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "ledger/abi.hpp"

namespace koinon::ledger {

struct BlockRef {
  std::uint64_t number = 0;
  Hash hash;
  friend bool operator==(const BlockRef&, const BlockRef&) = default;
};

struct BlockHeader {
  std::uint64_t number = 0;
  Hash hash;
  Hash parent;
  Hash state_root;
  std::uint64_t timestamp = 0;  ///< seconds
  Wei base_fee;                 ///< wei a gas; zero when the chain has none
  std::uint64_t gas_limit = 0;
};

/// An event as a contract emitted it.
struct Log {
  Address address;
  std::vector<Hash> topics;  ///< at most 4
  Bytes data;
  BlockRef block;
  Hash transaction;
  std::uint64_t index = 0;  ///< in its block
  friend bool operator==(const Log&, const Log&) = default;
};

struct Receipt {
  Hash transaction;
  BlockRef block;
  bool success = false;
  std::uint64_t gas_used = 0;
  Wei gas_price;                   ///< paid a gas
  std::optional<Address> created;  ///< the new contract
  std::vector<Log> logs;
};

struct LogQuery {
  std::vector<Address> addresses;  ///< any of them; empty: all
  std::vector<Hash> topic0;        ///< any of them; empty: all
  std::optional<Hash> block;       ///< of this block alone (EIP-234), or
  std::uint64_t from = 0, to = 0;  ///< of this range, both ends included
};

struct CallRequest {
  std::optional<Address> from;
  std::optional<Address> to;  ///< absent: contract creation
  Bytes data;
  Wei value;
};

/// Carries one request body to a server and its answer back. An interface, so that tests can play a hostile server.
class RpcTransport {
 public:
  virtual ~RpcTransport() = default;
  struct Answer {
    int status = 200;  ///< HTTP status; 200 over a WebSocket
    std::string body;
    std::int64_t retry_after_ms = 0;  ///< 0: not said
  };
  /// Thread-safe. Errors: network, timeout, cancelled (stop token), out_of_range (answer too large).
  virtual Result<Answer> exchange(const std::string& body, std::stop_token stop) = 0;
};

struct RpcOptions {
  std::int64_t timeout_ms = 20'000;     ///< of one exchange
  std::uint64_t max_reply = 32u << 20;  ///< bytes
  int retries = 5;                      ///< after network errors and rate limits (HTTP 429, -32005)
  std::int64_t first_backoff_ms = 100;  ///< doubled each time, up to 5 s, or what Retry-After says
  std::size_t max_batch = 100;          ///< calls in one request
};

/// A JSON-RPC 2.0 client of an Ethereum node (Ethereum JSON-RPC specification). Blocking and thread-safe. Whatever the server
/// answers becomes a value or an Error: network, timeout, exhausted (rate limit outlasted the retries), malformed (an answer of
/// the wrong shape), ledger (an error that the server reports; a revert reads "reverted: NotEnoughStake(needed: 5)"). Only
/// calls that are safe to repeat are retried; all here are, since a raw transaction has one hash.
class Rpc {
 public:
  /// `url` is http(s)://, or ws(s):// for one connection that is opened anew when it breaks. Does not yet connect.
  /// Errors: invalid_argument.
  static Result<std::unique_ptr<Rpc>> open(const std::string& url, RpcOptions options = {});
  Rpc(std::unique_ptr<RpcTransport> transport, RpcOptions options);
  ~Rpc();
  Rpc(const Rpc&) = delete;
  Rpc& operator=(const Rpc&) = delete;

  [[nodiscard]] const std::string& url() const;
  /// Errors of these contracts are named in messages from then on. Thread-safe.
  void know_errors(const std::vector<abi::Entry>& entries);
  /// Another client of the same server, over the same connections and with the same known errors, with a cancel() of its own:
  /// whoever has to end his calls at some time takes a share and cancels that. May outlive this one.
  [[nodiscard]] std::unique_ptr<Rpc> share() const;
  /// Ends running calls, and all later ones, with `cancelled`; shares go on. Thread-safe.
  void cancel();

  struct Request {
    std::string method;
    std::string params;  ///< JSON array as text
  };
  /// Any method. `params` is a JSON array.
  Result<nlohmann::json> call(const std::string& method, const nlohmann::json& params);
  /// Many in as few requests as max_batch allows; answers in the order of the requests.
  Result<std::vector<Result<nlohmann::json>>> batch(const std::vector<Request>& requests);

  Result<std::uint64_t> chain_id();
  Result<std::uint64_t> block_number();
  /// Errors: not_found when the server has no such block.
  Result<BlockHeader> block(std::uint64_t number);
  Result<BlockHeader> block(const std::string& tag = "latest");  ///< "latest", "safe", "finalized", "pending" or a block hash
  Result<std::vector<BlockHeader>> blocks(std::uint64_t first, std::uint64_t last);
  Result<std::vector<Log>> logs(const LogQuery& query);
  /// Absent while it is not in a block.
  Result<std::optional<Receipt>> receipt(const Hash& transaction);
  /// True when the server knows the transaction, in a block or waiting.
  Result<bool> knows(const Hash& transaction);
  Result<std::uint64_t> nonce(const Address& account, const std::string& tag = "pending");
  Result<Wei> balance(const Address& account);
  Result<Bytes> code(const Address& account);
  /// Result of a call without a transaction, against the state of `tag`.
  Result<Bytes> eth_call(const CallRequest& request, const std::string& tag = "latest");
  Result<std::uint64_t> estimate_gas(const CallRequest& request, const std::string& tag = "pending");
  /// Suggested priority fee, wei a gas.
  Result<Wei> priority_fee();
  Result<Hash> send_raw(ByteView raw);

 private:
  struct State;
  explicit Rpc(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Reads one JSON-RPC answer to the request `id`. Split off for the fuzz target. Errors: malformed, ledger, exhausted.
Result<nlohmann::json> read_reply(std::string_view text, std::uint64_t id, const std::vector<abi::Entry>& errors);
Result<BlockHeader> read_block(const nlohmann::json& value);
Result<Log> read_log(const nlohmann::json& value);
Result<Receipt> read_receipt(const nlohmann::json& value);

}  // namespace koinon::ledger
