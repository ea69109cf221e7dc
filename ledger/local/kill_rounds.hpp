#pragma once
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/file.hpp"
#include "ledger/contracts/sample.hpp"
#include "ledger/local/local_ledger.hpp"
#include "ledger/rpc.hpp"

namespace koinon::ledger::local {

/// The ledger in a process of its own, which reports each accepted count through a pipe until it is killed.
[[noreturn]] inline void work_until_killed(const std::filesystem::path& folder, int pipe) {
  LocalLedgerOptions options;
  options.folder = folder;
  options.dump_every_blocks = 5;
  auto ledger = LocalLedger::start(options);
  if (!ledger) ::_exit(3);
  auto rpc = Rpc::open((*ledger)->url());
  const auto address = contract_address((*ledger)->faucet().address(), 0);
  const auto nonce = (*rpc)->nonce((*ledger)->faucet().address());
  if (!nonce) ::_exit(4);
  for (auto next = *nonce;; ++next) {
    Transaction tx{31'337, next, base::Wei(1), base::Wei(100'000'000'000), 3'000'000, {}, {}, {}};
    const contracts::Sample sample(**rpc, address);
    tx.data = next == 0 ? contracts::Sample::creation_code(base::Wei(1)).value() : sample.increase(1)->data;
    if (next > 0) tx.to = address;
    const auto signed_tx = sign(tx, (*ledger)->faucet());
    const auto sent = (*rpc)->send_raw(signed_tx.raw);
    if (!sent) ::_exit(5);
    const auto count = next + 1;
    if (::write(pipe, &count, sizeof count) != static_cast<ssize_t>(sizeof count)) ::_exit(6);
  }
}

/// kill -9 at random moments, `kills` times on one folder: no accepted transaction is lost.
inline void survive_kills(int kills) {
  const base::TempFolder folder;
  std::uint64_t accepted = 0;
  for (int round = 0; round < kills; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const auto child = ::fork();
    if (child == 0) work_until_killed(folder.path(), pipe[1]);
    ::close(pipe[1]);
    const auto wait_ms = 1'500 + (round * 7'919) % 1'000;
    const auto before = accepted;
    std::uint64_t count = 0;
    // The first report says that the ledger is up; then some random time of work.
    if (::read(pipe[0], &count, sizeof count) == static_cast<ssize_t>(sizeof count)) accepted = count;
    std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms % 977));
    ::kill(child, SIGKILL);
    while (::read(pipe[0], &count, sizeof count) == static_cast<ssize_t>(sizeof count)) accepted = count;
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(pipe[0]);
    ASSERT_TRUE(WIFSIGNALED(status)) << "round " << round << ": exit " << WEXITSTATUS(status);
    EXPECT_GT(accepted, before);
  }
  LocalLedgerOptions options;
  options.folder = folder.path();
  const auto started = LocalLedger::start(options);
  ASSERT_TRUE(started) << started.error().text;
  const auto& ledger = *started;
  const auto rpc = std::move(*Rpc::open(ledger->url()));
  const auto nonce = rpc->nonce(ledger->faucet().address()).value();
  EXPECT_GE(nonce, accepted);
  EXPECT_LE(nonce, accepted + static_cast<std::uint64_t>(kills));
  EXPECT_EQ(contracts::Sample(*rpc, contract_address(ledger->faucet().address(), 0)).count().value(), nonce - 1);
}

}  // namespace koinon::ledger::local
