#include "ledger/local/journal.hpp"

#include <gtest/gtest.h>

#include "base/file.hpp"

namespace koinon::ledger::local {
namespace {

std::vector<JournalRecord> sample() {
  Hash root;
  root.bytes.fill(7);
  return {JournalRecord::transaction({2, 3, 4}), JournalRecord::block(1, 1'700'000'000), JournalRecord::result(root, root)};
}

Bytes encoded() {
  Bytes out;
  for (const auto& record : sample()) {
    const auto one = encode_record(record);
    out.insert(out.end(), one.begin(), one.end());
  }
  return out;
}

TEST(Journal, reads_what_it_wrote) {
  const auto bytes = encoded();
  const auto content = read_journal(bytes);
  ASSERT_TRUE(content);
  EXPECT_EQ(content->records, sample());
  EXPECT_EQ(content->whole, bytes.size());
}

TEST(Journal, cuts_a_tail_torn_at_any_byte) {
  const auto bytes = encoded();
  const auto all = sample();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto content = read_journal(ByteView(bytes).first(size));
    ASSERT_TRUE(content) << size;
    ASSERT_LT(content->records.size(), all.size());
    EXPECT_TRUE(std::equal(content->records.begin(), content->records.end(), all.begin()));
    EXPECT_LE(content->whole, size);
  }
}

TEST(Journal, refuses_damage_before_whole_records) {
  auto bytes = encoded();
  bytes[9] ^= 1;
  EXPECT_EQ(read_journal(bytes).error().code, Code::malformed);
}

TEST(Journal, appends_after_a_torn_tail) {
  const base::TempFolder folder;
  const auto file = folder.path() / "journal-0";
  auto bytes = encoded();
  bytes.resize(bytes.size() - 5);
  ASSERT_TRUE(base::write_file(file, bytes));
  std::vector<JournalRecord> records;
  {
    auto journal = Journal::open(file, records);
    ASSERT_TRUE(journal);
    EXPECT_EQ(records.size(), 2u);
    ASSERT_TRUE(journal->append({sample()[2]}, true));
  }
  ASSERT_TRUE(Journal::open(file, records));
  EXPECT_EQ(records, sample());
}

}  // namespace
}  // namespace koinon::ledger::local
