#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.hpp"
#include "node/store/store.hpp"

namespace koinon::node {
namespace {

/// The child: writes receipt i and "last" = i in one transaction, and tells i through the pipe only when that has returned.
[[noreturn]] void write_for_ever(const std::filesystem::path& path, int tell) {
  auto store = Store::open(path);
  if (!store) ::_exit(2);
  const auto last = (*store)->settings.get("last");
  std::uint64_t i = last && *last ? std::stoull(**last) : 0;
  for (;;) {
    ++i;
    const auto done = (*store)->together([&]() -> Status {
      KOINON_CHECK((*store)->receipts.put({std::to_string(i), std::string(300, 'x'), static_cast<std::int64_t>(i)}));
      return (*store)->settings.set("last", std::to_string(i));
    });
    if (!done || ::write(tell, &i, sizeof i) != sizeof i) ::_exit(3);
  }
}

/// Lets the child run until it has told `count` writes and `delay_us` more, kills it, and gives the last write that it told.
std::uint64_t run_and_kill(const std::filesystem::path& path, int count, unsigned delay_us) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const auto child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    write_for_ever(path, ends[1]);
  }
  ::close(ends[1]);
  std::uint64_t told = 0;
  std::uint64_t next = 0;
  for (int i = 0; i < count && ::read(ends[0], &next, sizeof next) == sizeof next; ++i) told = next;
  ::usleep(delay_us);
  ::kill(child, SIGKILL);
  while (::read(ends[0], &next, sizeof next) == sizeof next) told = next;
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
  return told;
}

TEST(StoreKilled, loses_nothing_that_a_call_has_written_and_keeps_no_half) {
  const base::TempFolder folder;
  const auto path = folder.path() / "node.db";
  std::uint64_t before = 0;
  for (unsigned round = 0; round < 8; ++round) {
    const auto told = run_and_kill(path, 1 + static_cast<int>(round), round * 997);
    ASSERT_GT(told, before);
    const auto store = Store::open(path);
    ASSERT_TRUE(store) << store.error().text;
    const auto last = std::stoull(**(*store)->settings.get("last"));
    EXPECT_GE(last, told);
    EXPECT_EQ((*store)->receipts.list()->size(), last);
    before = last;
  }
}

}  // namespace
}  // namespace koinon::node
