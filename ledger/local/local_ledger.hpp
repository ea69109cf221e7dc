#pragma once
#include <filesystem>
#include <memory>

#include "ledger/key.hpp"
#include "net/site.hpp"

namespace koinon::ledger::local {

struct LocalLedgerOptions {
  std::filesystem::path folder;  ///< data directory of the ledger; made when absent, used by one process at a time
  std::filesystem::path anvil;   ///< empty: find_anvil()
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;                 ///< of the RPC proxy; 0: a free one
  net::Site site{.extensions = true};     ///< whose pages may ask the proxy; those of its own address always may
  std::int64_t block_ms = 2'000;          ///< an empty block when none came for so long, so that time passes; 0: never
  std::uint64_t dump_every_blocks = 500;  ///< a dump, and a new journal, after so many blocks
  std::size_t max_in_flight = 512;        ///< transactions accepted and not yet in a block
  std::uint64_t max_body = 2u << 20;      ///< bytes of a request
  std::uint64_t genesis_time = 0;         ///< Unix seconds; 0: now
};

/// Where anvil is: KOINON_ANVIL, then below `root` in contracts/node_modules or tools/node_modules, then PATH. Errors:
/// not_found.
Result<std::filesystem::path> find_anvil(const std::filesystem::path& root = {});

/// A chain for development that survives kill -9 of this process and of anvil, which runs below it as a child.
///
/// 1. A raw transaction is in the journal, synced, before anvil sees it, and its hash is answered only after anvil took it.
/// 2. Blocks are made by this class alone, one at a time; each is recorded with its timestamp, hash and state root.
/// 3. After a crash the newest whole dump is loaded and the journal's tail replayed; every block must come out with the
/// recorded
///    hash and state root, or start() fails and changes nothing.
/// 4. Balances are real only here: prevrandao of anvil is predictable, so nothing drawn on it is safe from cheats.
class LocalLedger {
 public:
  /// Listens before it makes or changes anything. Errors: io (the address is taken or not ours), not_found (no anvil), conflict
  /// (folder in use), io, malformed (a damaged dump or journal, with its place).
  static Result<std::unique_ptr<LocalLedger>> start(LocalLedgerOptions options);
  ~LocalLedger();
  LocalLedger(const LocalLedger&) = delete;
  LocalLedger& operator=(const LocalLedger&) = delete;

  /// "http://127.0.0.1:PORT" of the RPC proxy; the WebSocket is at the same place.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::string websocket_url() const;
  /// An account with a billion coins of the chain, whose key was made for this folder alone and lies there with mode 0600.
  [[nodiscard]] const Key& faucet() const;
  /// Process id of anvil now (tests kill it).
  [[nodiscard]] int anvil_pid() const;
  struct Stats {
    std::uint64_t transactions = 0;  ///< accepted since start
    std::uint64_t blocks = 0;
    std::uint64_t replayed = 0;  ///< transactions replayed by the last recovery
    std::uint64_t restarts = 0;  ///< of anvil
  };
  [[nodiscard]] Stats stats() const;
  /// Writes a dump now.
  Status checkpoint();
  /// Answers no more, writes a dump, ends anvil. The destructor does the same.
  void stop();

 private:
  struct State;
  explicit LocalLedger(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace koinon::ledger::local
