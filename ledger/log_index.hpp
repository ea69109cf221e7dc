#pragma once
#include <deque>
#include <functional>

#include "ledger/rpc.hpp"

namespace koinon::ledger {

/// Where a LogIndex stands: all before `next` is reported. Saved by the caller together with what it made of the logs.
struct LogCursor {
  std::uint64_t next = 0;  ///< first block not reported yet
  /// The newest reported blocks with their logs, oldest first, none deeper than the finality depth: what a reorg may take back.
  /// The cursor is saved at every block, so logs are kept without data above LogIndexOptions::max_kept bytes.
  struct Block {
    BlockRef ref;
    std::vector<Log> logs;
  };
  std::deque<Block> recent;

  [[nodiscard]] std::string to_json() const;
  /// Errors: malformed.
  static Result<LogCursor> from_json(std::string_view text);
};

/// One step forward: first forget `removed` (newest first), then take `added` (oldest first), then save `cursor`; all in one
/// transaction, and a crash between two updates neither loses nor repeats one.
struct LogUpdate {
  std::vector<Log> removed;              ///< as kept: see LogCursor::recent
  std::vector<BlockRef> removed_blocks;  ///< newest first
  std::vector<Log> added;
  LogCursor cursor;
  std::uint64_t head = 0;  ///< the chain's newest block at that time
};

struct LogIndexOptions {
  std::vector<Address> addresses;
  std::vector<Hash> topic0;           ///< empty: all events
  std::uint64_t finality_depth = 64;  ///< blocks; a deeper reorg is an error (conflict), never silence
  std::uint64_t max_range = 5'000;    ///< blocks asked for at once; halved when the server refuses
  std::size_t max_kept = 4'096;       ///< bytes of data of a log in the cursor
};

/// Follows the events of contracts, block by block in order, through reorganisations. Not thread-safe.
class LogIndex {
 public:
  using Sink = std::function<Status(const LogUpdate& update)>;
  /// `rpc` must outlive it. A fresh start has cursor.next = the block of deployment.
  LogIndex(Rpc& rpc, LogIndexOptions options, LogCursor cursor, Sink sink);

  /// Reads what is new and calls the sink once for each range. True when something was reported (there may be more), false when
  /// it stands at the head. An error of the sink leaves the cursor where it was. Errors: of Rpc and sink; conflict (reorg
  /// deeper than the finality depth).
  Result<bool> step();
  /// Steps until the head is reached.
  Status catch_up();
  [[nodiscard]] const LogCursor& cursor() const { return cursor_; }

 private:
  Result<bool> roll_back(std::uint64_t head);
  Result<bool> read_final(std::uint64_t last, std::uint64_t head);
  Result<bool> read_recent(std::uint64_t head);
  Status commit(LogUpdate update);
  [[nodiscard]] Log kept(const Log& log) const;

  Rpc& rpc_;
  LogIndexOptions options_;
  LogCursor cursor_;
  Sink sink_;
  std::uint64_t range_;
};

}  // namespace koinon::ledger
