#include "ledger/contracts/circuit_reader.hpp"
#include "ledger/contracts/disputes.hpp"
#include "ledger/contracts/fraud_check.hpp"
#include "ledger/contracts/koinon_token.hpp"
#include "ledger/contracts/optimistic_check.hpp"
#include "ledger/contracts/proof_check.hpp"
#include "ledger/contracts/quorum_check.hpp"
#include "ledger/contracts/registry.hpp"
#include "ledger/contracts/rounds.hpp"
#include "ledger/contracts/settling.hpp"
#include "ledger/contracts/work_market.hpp"
#include "market/onchain/onchain.hpp"
#include "trust/quorum/proof_check.hpp"

namespace koinon::market {
namespace {

namespace abi = ledger::abi;
using ledger::DeployStep;

template <class Contract>
ledger::ContractArtifact artifact(std::string name) {
  return {std::move(name), Contract::bytecode(), Contract::entries()};
}

abi::Value tuple(std::vector<abi::Value> items) {
  abi::Value out;
  out.items = std::move(items);
  return out;
}

abi::Value number(std::uint64_t value) { return abi::value_of(value); }

abi::Value config_value(const MarketConfig& c) {
  return tuple({number(c.seed_delay), number(c.draw_window), number(c.input_window), number(c.min_commit_window),
                number(c.max_commit_window), number(c.reveal_window), number(c.appeal_window), number(c.deliver_window),
                number(c.min_audit_bps), number(c.fee_bps), number(c.silence_bps), number(c.max_redraws), number(c.max_jury),
                abi::value_of(c.demand_bond)});
}

abi::Value dispute_value(const MarketConfig& c) {
  return tuple({number(c.prove_window), number(c.answer_window), number(c.move_window), number(c.max_trace_demands),
                abi::value_of(c.trace_fee)});
}

}  // namespace

bool speaks_version(std::string_view version) { return version == "3" || version == "4" || version == kMarketVersion; }

MarketConfig local_config() {
  MarketConfig out;
  out.token_supply = Wei::parse_tokens("1000000000").value();
  return out;
}

MarketConfig public_config() {
  MarketConfig out;
  out.seed_delay = 2;
  out.draw_window = 600;
  out.input_window = 900;
  out.min_commit_window = 60;
  out.max_commit_window = 7 * 86'400;
  out.reveal_window = 900;
  out.appeal_window = 6 * 3'600;
  out.deliver_window = 3'600;
  out.prove_window = 900;
  out.answer_window = 3'600;
  out.move_window = 3'600;
  out.min_audit_bps = 900;
  out.unbonding_time = 7 * 86'400;
  return out;
}

Result<MarketAddresses> MarketAddresses::of(const ledger::Deployment& deployment) {
  MarketAddresses out;
  KOINON_TRY(out.token, deployment.address("KoinonToken"));
  KOINON_TRY(out.registry, deployment.address("Registry"));
  KOINON_TRY(out.market, deployment.address("WorkMarket"));
  return out;
}

namespace {

/// The contracts in the order of their creation. Refers to its arguments.
std::vector<DeployStep> market_plan(const MarketConfig& config, const std::optional<base::Address>& token,
                                    const std::vector<ExtraCheck>& extra) {
  using Known = std::map<std::string, base::Address>;
  using Arguments = Result<abi::Value>;
  namespace contracts = ledger::contracts;
  std::vector<DeployStep> plan;
  if (!token)
    plan.push_back({artifact<contracts::KoinonToken>("KoinonToken"),
                    [&config](const Known&) -> Arguments { return tuple({abi::value_of(config.token_supply)}); }});
  plan.push_back({artifact<contracts::Registry>("Registry"), [&config, &token](const Known& at) -> Arguments {
                    return tuple({abi::value_of(token ? *token : at.at("KoinonToken")), abi::value_of(at.at("WorkMarket")),
                                  number(config.unbonding_time), abi::value_of(config.min_stake)});
                  }});
  plan.push_back({artifact<contracts::QuorumCheck>("QuorumCheck"), [](const Known&) -> Arguments { return tuple({}); }});
  plan.push_back(
      {artifact<contracts::OptimisticCheck>("OptimisticCheck"), [](const Known&) -> Arguments { return tuple({}); }});
  plan.push_back({artifact<contracts::FraudCheck>("FraudCheck"), [](const Known&) -> Arguments { return tuple({}); }});
  plan.push_back({artifact<contracts::CircuitReader>("CircuitReader"), [](const Known&) -> Arguments { return tuple({}); }});
  plan.push_back({artifact<contracts::ProofCheck>("ProofCheck"),
                  [](const Known& at) -> Arguments { return tuple({abi::value_of(at.at("CircuitReader"))}); }});
  std::uint8_t last_code = trust::ProofCheck::kCode;
  for (const auto& check : extra) {
    plan.push_back({check.artifact, [](const Known&) -> Arguments { return tuple({}); }});
    last_code = std::max(last_code, check.code);
  }
  plan.push_back({artifact<contracts::Settling>("Settling"),
                  [](const Known& at) -> Arguments { return tuple({abi::value_of(at.at("Registry"))}); }});
  plan.push_back({artifact<contracts::Rounds>("Rounds"), [](const Known& at) -> Arguments {
                    return tuple({abi::value_of(at.at("Registry")), abi::value_of(at.at("Settling"))});
                  }});
  plan.push_back({artifact<contracts::Disputes>("Disputes"), [&config](const Known& at) -> Arguments {
                    return tuple({abi::value_of(at.at("Registry")), abi::value_of(at.at("Settling")),
                                  abi::value_of(at.at("FraudCheck")), dispute_value(config)});
                  }});
  plan.push_back({artifact<contracts::WorkMarket>("WorkMarket"), [&config, &extra, last_code](const Known& at) -> Arguments {
                    std::vector<abi::Value> checks(last_code + std::size_t{1}, abi::value_of(base::Address{}));
                    checks[0] = abi::value_of(at.at("QuorumCheck"));
                    checks[trust::OptimisticCheck::kCode] = abi::value_of(at.at("OptimisticCheck"));
                    checks[trust::ProofCheck::kCode] = abi::value_of(at.at("ProofCheck"));
                    for (const auto& check : extra) checks[check.code] = abi::value_of(at.at(check.artifact.name));
                    return tuple({abi::value_of(at.at("Registry")), abi::value_of(at.at("Rounds")),
                                  abi::value_of(at.at("Disputes")), tuple(std::move(checks)), config_value(config)});
                  }});
  return plan;
}

}  // namespace

Result<ledger::Deployment> deploy_market(ledger::Rpc& rpc, ledger::TxSender& sender, const MarketConfig& config,
                                         std::optional<base::Address> token, const std::vector<ExtraCheck>& extra,
                                         const ledger::DeployOptions& options) {
  KOINON_TRY(auto deployment, ledger::deploy(rpc, sender, market_plan(config, token, extra), kMarketVersion, options));
  if (token) deployment.contracts["KoinonToken"].address = *token;
  return deployment;
}

Result<std::uint64_t> deployment_gas(const MarketConfig& config, std::optional<base::Address> token,
                                     const std::vector<ExtraCheck>& extra) {
  return ledger::deploy_gas(market_plan(config, token, extra));
}

}  // namespace koinon::market
