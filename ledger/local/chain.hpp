#pragma once
#include <atomic>
#include <map>
#include <optional>

#include "base/clock.hpp"
#include "ledger/local/anvil.hpp"
#include "ledger/local/journal.hpp"
#include "ledger/local/local_ledger.hpp"

namespace koinon::ledger::local {

/// The chain itself: anvil, dump and journal kept in step. Used by one thread.
///
///   dump-N      state at the beginning of journal-N (N > 0):  sha2-256 [32] | number u64 | hash [32] | root [32] | state text
///   journal-N   what happened since
///
/// dump-N is written last; a journal without its dump is a checkpoint that a crash cut short, and is removed.
class Chain {
 public:
  struct Config {
    std::filesystem::path folder;
    std::filesystem::path anvil;
    std::uint64_t genesis_time = 0;
    Address faucet;
  };
  /// Starts anvil and brings it to where the files say. Errors: as LocalLedger::start.
  static Result<std::unique_ptr<Chain>> open(Config config, const base::Clock& clock);

  /// Journals the transactions and a block, syncs, sends them, mines. One outcome each. If anvil dies on the way it is started
  /// again and the journal replayed. Errors: io, network (this class is then of no more use).
  Result<std::vector<Result<Hash>>> advance(const std::vector<Bytes>& raws);
  /// Starts anvil again when it is gone.
  Status revive();
  Status checkpoint();

  [[nodiscard]] Anvil& anvil() { return *anvil_; }
  [[nodiscard]] const BlockHeader& head() const { return head_; }
  /// The newest block as anvil gives it, as JSON.
  [[nodiscard]] const std::string& head_json() const { return head_json_; }
  [[nodiscard]] bool has_waiting() const { return waiting_; }
  [[nodiscard]] std::uint64_t blocks_since_dump() const { return blocks_since_dump_; }
  [[nodiscard]] std::uint64_t replayed() const { return replayed_; }
  [[nodiscard]] std::uint64_t restarts() const { return restarts_; }

 private:
  Chain(Config config, const base::Clock& clock) : config_(std::move(config)), clock_(clock) {}
  [[nodiscard]] std::filesystem::path dump_file(std::uint64_t n) const;
  [[nodiscard]] std::filesystem::path journal_file(std::uint64_t n) const;
  Status find_generation();
  Status launch();
  /// As launch, again and again while anvil dies on the way.
  Status relaunch();
  Result<std::vector<Result<Hash>>> taken(const std::vector<Bytes>& raws);
  Status load_dump();
  Status replay(const std::vector<JournalRecord>& records);
  Result<std::vector<Result<Hash>>> send(const std::vector<Bytes>& raws);
  Status mine(std::uint64_t number, std::uint64_t time);
  Result<std::vector<Bytes>> still_waiting();

  Config config_;
  const base::Clock& clock_;
  std::unique_ptr<Anvil> anvil_;
  std::optional<Journal> journal_;
  std::uint64_t generation_ = 0;
  BlockHeader head_;
  std::string head_json_;
  bool waiting_ = false;           ///< anvil holds transactions that the next block can take
  std::map<Hash, Bytes> unmined_;  ///< accepted, not in a block
  std::uint64_t blocks_since_dump_ = 0;
  std::uint64_t replayed_ = 0;
  std::uint64_t restarts_ = 0;
};

}  // namespace koinon::ledger::local
