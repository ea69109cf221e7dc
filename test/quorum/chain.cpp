#include "test/quorum/chain.hpp"

#include <stdexcept>

namespace koinon::test::quorum {
namespace {

template <class T>
T must(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text);  // ends the suite: nothing in it can run
  return *std::move(result);
}

struct Chain {
  base::TempFolder folder;
  base::SystemClock clock;
  ledger::MemoryPendingStore store;
  std::unique_ptr<ledger::local::LocalLedger> ledger;
  std::unique_ptr<ledger::Rpc> rpc;
  std::unique_ptr<ledger::TxSender> sender;

  Chain() {
    ledger::local::LocalLedgerOptions options;
    options.folder = folder.path();
    options.block_ms = 0;  // no block but for a transaction: a call upon "latest" fails when a block comes in the middle of it
    ledger = must(ledger::local::LocalLedger::start(options));
    rpc = must(ledger::Rpc::open(ledger->url()));
    ledger::TxOptions quick;
    quick.poll_ms = 20;
    sender = must(ledger::TxSender::start(*rpc, ledger->faucet(), store, clock, quick));
  }
};

std::unique_ptr<Chain>& chain() {
  static std::unique_ptr<Chain> the_chain;
  return the_chain;
}

}  // namespace

void ChainTest::SetUpTestSuite() { chain() = std::make_unique<Chain>(); }
void ChainTest::TearDownTestSuite() { chain().reset(); }
ledger::Rpc& ChainTest::rpc() { return *chain()->rpc; }
ledger::TxSender& ChainTest::sender() { return *chain()->sender; }

base::Address ChainTest::deployed(const std::string& name, base::Bytes code, std::vector<ledger::abi::Entry> abi) {
  const auto none = [](const std::map<std::string, base::Address>&) -> base::Result<ledger::abi::Value> {
    return ledger::abi::Value{};
  };
  const auto deployment = must(ledger::deploy(rpc(), sender(), {{{name, std::move(code), std::move(abi)}, none}}, "test"));
  return must(deployment.address(name));
}

}  // namespace koinon::test::quorum
