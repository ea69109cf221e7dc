#pragma once
#include <filesystem>
#include <optional>
#include <vector>

#include "ledger/rlp.hpp"

namespace koinon::ledger::local {

/// One record of the journal. In the file, little-endian:
///
///   | size u32 | check u32 (first four bytes of sha2-256 of the payload) | payload |
///   payload: kind u8, then
///     1 transaction: raw bytes          to be sent
///     2 block: number u64, time u64     to be mined, at that time
///     3 result: hash [32], root [32]    what came out of the block before
struct JournalRecord {
  enum class Kind : std::uint8_t { transaction = 1, block = 2, result = 3 };
  Kind kind = Kind::transaction;
  Bytes raw;
  std::uint64_t number = 0;
  std::uint64_t time = 0;
  Hash hash;
  Hash state_root;

  static JournalRecord transaction(Bytes raw);
  static JournalRecord block(std::uint64_t number, std::uint64_t time);
  static JournalRecord result(const Hash& hash, const Hash& state_root);
  friend bool operator==(const JournalRecord&, const JournalRecord&) = default;
};

Bytes encode_record(const JournalRecord& record);

/// Records of a journal's bytes. A torn tail (a crash while it was written) ends the list; `whole` is the length before it.
/// Errors: malformed when a damaged record is followed by whole ones, which no crash does.
struct JournalContent {
  std::vector<JournalRecord> records;
  std::size_t whole = 0;
};
Result<JournalContent> read_journal(ByteView bytes);

/// A file that only grows. One writer.
class Journal {
 public:
  /// Opens or makes the file and cuts a torn tail. Errors: io, malformed.
  static Result<Journal> open(const std::filesystem::path& file, std::vector<JournalRecord>& records);
  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&& other) noexcept;
  ~Journal();

  /// Adds records in one write; with `sync` it returns when they are on the disk. After an error nothing may be appended any
  /// more: what the file holds is unknown. Errors: io.
  Status append(const std::vector<JournalRecord>& records, bool sync);

 private:
  explicit Journal(int file) : file_(file) {}
  int file_ = -1;
  bool broken_ = false;
};

}  // namespace koinon::ledger::local
