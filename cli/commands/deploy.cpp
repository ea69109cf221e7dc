#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "cli/commands/commands.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "ledger/keystore.hpp"
#include "ledger/tx_sender.hpp"
#include "market/onchain/onchain.hpp"

namespace koinon::cli {
namespace {

using base::Address;
using base::Code;
using base::Result;
using base::Status;
using base::Wei;

/// What the contracts cost on this chain, now.
struct Cost {
  std::uint64_t gas = 0;
  Wei price;  ///< wei a gas, without the room that a sender leaves for a rising base fee
  Wei coins;
};

class Deploy final : public Command {
 public:
  explicit Deploy(const Extensions& extensions)
      : Command({"deploy", "Put the market's contracts on an Ethereum network, for nodes to meet on",
                 "koinon deploy deployment.json --ledger http://127.0.0.1:8545 --key deployer.json"}),
        extensions_(extensions) {}
  void options(Line& line) override {
    line.text("output", output_, "File to write: what every node of this market is given with --deployment", Need::required)
        .text("--ledger URL", ledger_, "JSON-RPC of the network: http, https, ws or wss", Need::required)
        .text("--key FILE", key_, "Keystore of the account that pays (koinon account new-key makes one)", Need::required)
        .text("--password-file FILE", password_, "File with its password; KEYSTORE.password when absent")
        .text("--token ADDRESS", token_, "ERC-20 token to settle in; a new one when absent, all of it the deployer's")
        .text("--supply TOKENS", supply_, "Of a new token; 1000000000 when absent")
        .flag("--quick", quick_, "The windows of a trial, seconds instead of hours: nobody must be able to delay a block")
        .flag("--dry-run", dry_, "Say what it would cost, and do nothing");
  }
  Status check() const override {
    if (!token_.empty() && !supply_.empty())
      return base::fail(Code::invalid_argument, "[deploy] --supply is of a new token: it does not go with --token");
    if (!token_.empty()) KOINON_CHECK(ledger::parse_address(token_));
    if (!supply_.empty()) KOINON_CHECK(Wei::parse_tokens(supply_));
    return {};
  }
  Status run(Console& console) override;

 private:
  Result<Cost> cost(ledger::Rpc& rpc, const market::MarketConfig& config) const;
  Result<market::MarketConfig> config() const;
  [[nodiscard]] std::optional<Address> token() const {
    return token_.empty() ? std::nullopt : std::optional(ledger::parse_address(token_).value());
  }
  Result<ledger::Deployment> deploy(ledger::Rpc& rpc, const ledger::Key& key, const market::MarketConfig& config,
                                    Console& console) const;

  const Extensions& extensions_;
  std::string output_, ledger_, key_, password_, token_, supply_;
  bool quick_ = false, dry_ = false;
};

Result<market::MarketConfig> Deploy::config() const {
  auto out = quick_ ? market::local_config() : market::public_config();
  KOINON_TRY(out.token_supply, Wei::parse_tokens(supply_.empty() ? "1000000000" : supply_));
  return out;
}

Result<Cost> Deploy::cost(ledger::Rpc& rpc, const market::MarketConfig& config) const {
  Cost out;
  KOINON_TRY(out.gas, market::deployment_gas(config, token(), extensions_.checks));
  KOINON_TRY(const auto head, rpc.block());
  KOINON_TRY(const auto tip, rpc.priority_fee());
  KOINON_TRY(out.price, head.base_fee.plus(tip));
  KOINON_TRY(out.coins, out.price.times(out.gas));
  return out;
}

Result<ledger::Deployment> Deploy::deploy(ledger::Rpc& rpc, const ledger::Key& key, const market::MarketConfig& config,
                                          Console& console) const {
  ledger::MemoryPendingStore pending;
  const base::SystemClock clock;
  KOINON_TRY(const auto sender, ledger::TxSender::start(rpc, key, pending, clock));
  auto progress = console.progress();
  progress.stage("deploying");
  ledger::DeployOptions options;
  options.journal = output_ + ".began";
  options.progress = [&progress](const std::string& name, std::size_t done, std::size_t all) {
    progress.detail(name);
    progress.update(done, all);
  };
  auto out = market::deploy_market(rpc, *sender, config, token(), extensions_.checks, options);
  progress.finish();
  return out;
}

Status Deploy::run(Console& console) {
  if (std::filesystem::exists(output_))
    return base::fail(Code::conflict, "[deploy] {} exists: a deployment is never overwritten", output_);
  KOINON_TRY(const auto config, this->config());
  KOINON_TRY(const auto key, ledger::unlock(key_, password_.empty() ? key_ + ".password" : password_));
  KOINON_TRY(const auto rpc, ledger::Rpc::open(ledger_));
  KOINON_TRY(const auto chain, rpc->chain_id());
  if (const auto given = token()) {
    KOINON_TRY(const auto code, rpc->code(*given));
    if (code.empty())
      return base::fail(Code::not_found, "[deploy] --token {}: no contract is there on chain {}", token_, chain);
  }
  KOINON_TRY(const auto cost, this->cost(*rpc, config));
  KOINON_TRY(const auto before, rpc->balance(key.address()));
  const auto payer = ledger::checksum_address(key.address());
  console.print(fmt::format(
      "chain     {}\npayer     {}, which has {} coins\ncost      about {:.1f} million gas, {} coins at {} wei a gas\n", chain,
      payer, before.tokens(), static_cast<double>(cost.gas) / 1e6, cost.coins.tokens(), cost.price.text()));
  if (dry_) {
    console.object(
        {{"chain_id", chain}, {"payer", payer}, {"balance", before.text()}, {"gas", cost.gas}, {"cost", cost.coins.text()}});
    return {};
  }
  if (before < cost.coins)
    return advise({Code::exhausted, fmt::format("[deploy] {} has {} coins of chain {}: about {} are needed", payer,
                                                before.tokens(), chain, cost.coins.tokens())},
                  "send it coins of this network, then say the same again");
  auto deployed = deploy(*rpc, key, config, console);
  if (!deployed)
    return advise(std::move(deployed).error(), "say the same again: it goes on where it stopped (" + output_ + ".began)");
  KOINON_CHECK(deployed->save(output_));
  KOINON_TRY(const auto after, rpc->balance(key.address()));
  const auto spent = before.minus(after).value_or(Wei{});
  console.print(fmt::format("{} contracts, from block {}, for {} coins: {}\nNext: koinon up --ledger {} --deployment {}\n",
                            deployed->contracts.size(), deployed->block, spent.tokens(), output_, ledger_, output_));
  console.object({{"chain_id", chain}, {"payer", payer}, {"spent", spent.text()}, {"file", output_}});
  return {};
}

}  // namespace

std::unique_ptr<Command> make_deploy(const Extensions& extensions) { return std::make_unique<Deploy>(extensions); }

}  // namespace koinon::cli
