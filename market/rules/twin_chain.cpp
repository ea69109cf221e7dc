#include "market/rules/twin_chain.hpp"

#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "base/clock.hpp"
#include "ledger/key.hpp"
#include "ledger/local/local_ledger.hpp"
#include "ledger/tx_sender.hpp"

namespace koinon::market::rules {
namespace {

using nlohmann::json;

constexpr std::uint64_t kGenesis = 1'700'000'000;
constexpr auto kGas = "0xff0000";  // a call that is refused must reach its block too

template <class T>
T need(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text);
  return *std::move(result);
}

/// Mines while contracts are deployed.
class Miner {
 public:
  explicit Miner(ledger::Rpc& rpc)
      : thread_([&rpc](std::stop_token stop) {
          while (!stop.stop_requested()) {
            (void)rpc.call("evm_mine", json::array()).has_value();
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
          }
        }) {}

 private:
  std::jthread thread_;
};

}  // namespace

TwinChain::TwinChain(const MarketConfig& config) {
  anvil_ = need(ledger::local::Anvil::start(need(ledger::local::find_anvil()), kGenesis));
  auto& rpc = anvil_->rpc();
  base::SeededRandom random{1};
  const auto key = ledger::Key::generate(random);
  self_ = key.address();
  const auto self = base::to_hex(self_);
  need(rpc.call("anvil_setBalance", json::array({self, "0xffffffffffffffffffffff"})));
  ledger::Deployment deployment;
  {
    const Miner miner(rpc);
    ledger::MemoryPendingStore store;
    const base::SystemClock clock;
    ledger::TxOptions quick;
    quick.poll_ms = 20;
    const auto sender = need(ledger::TxSender::start(rpc, key, store, clock, quick));
    deployment = need(deploy_market(rpc, *sender, config));
  }
  const auto at = need(MarketAddresses::of(deployment));
  registry_ = std::make_unique<ledger::contracts::Registry>(rpc, at.registry);
  market_ = std::make_unique<ledger::contracts::WorkMarket>(rpc, at.market);
  disputes_ = std::make_unique<ledger::contracts::IDisputes>(rpc, at.market);
  need(rpc.call("anvil_impersonateAccount", json::array({self})));
  // Every proof shows what it says: what proofs show has its own tests, here it is what they cost.
  const auto judge = need(deployment.address("FraudCheck"));
  need(rpc.call("anvil_setCode", json::array({base::to_hex(judge), "0x600160005260206000f3"})));
  const ledger::contracts::KoinonToken token(rpc, at.token);
  if (!send(token.approve(at.registry, need(base::Wei::parse_tokens("1000000000"))))) throw std::runtime_error("approve");
}

std::optional<ledger::Receipt> TwinChain::send(const base::Result<ledger::TxRequest>& request) {
  if (!request) throw std::runtime_error(request.error().text);
  auto& rpc = anvil_->rpc();
  const json call{
      {"from", base::to_hex(self_)}, {"to", base::to_hex(*request->to)}, {"data", base::to_hex(request->data)}, {"gas", kGas}};
  const auto hash = need(rpc.call("eth_sendTransaction", json::array({call})));
  need(rpc.call("evm_mine", json::array()));
  auto receipt = need(ledger::read_receipt(need(rpc.call("eth_getTransactionReceipt", json::array({hash})))));
  if (!receipt.success) return {};
  return receipt;
}

void TwinChain::pass(std::uint64_t seconds) { need(anvil_->rpc().call("evm_increaseTime", json::array({seconds}))); }

trust::OrderContext TwinChain::context() const { return {need(anvil_->rpc().chain_id()), market_->address(), 0}; }

}  // namespace koinon::market::rules
