#pragma once
#include <memory>

#include "ledger/deployment.hpp"
#include "market/actor/ports.hpp"

namespace koinon::market {

/// Times, rates and bounds of a market, fixed when it is deployed (Types.sol, Config).
struct MarketConfig {
  std::uint32_t seed_delay = 1;    ///< blocks
  std::uint32_t draw_window = 60;  ///< seconds, as all windows below
  std::uint32_t input_window = 30;
  std::uint32_t min_commit_window = 5;
  std::uint32_t max_commit_window = 86'400;
  std::uint32_t reveal_window = 30;
  std::uint32_t appeal_window = 10;
  std::uint32_t deliver_window = 30;
  std::uint16_t min_audit_bps = 0;
  std::uint16_t fee_bps = 100;
  std::uint16_t silence_bps = 2'500;
  std::uint8_t max_redraws = 2;
  std::uint8_t max_jury = 23;
  Wei demand_bond{10'000'000'000'000'000};  ///< wei
  std::uint32_t prove_window = 15;          ///< seconds from a challenge of a claim to its proof
  std::uint32_t answer_window = 10;         ///< seconds to answer a demand for a part of a claim
  std::uint32_t move_window = 15;           ///< seconds to demand again after an answer, or to challenge
  std::uint8_t max_trace_demands = 16;      ///< of one account in an order
  Wei trace_fee{10'000'000'000'000'000};    ///< wei: of each of them, all taken with the first, for who answers
  std::uint64_t unbonding_time = 600;       ///< seconds
  Wei min_stake{1'000'000'000'000'000'000};
  Wei token_supply;  ///< of a local token
};

/// The quick windows of a development ledger on one machine, with a supply of a billion tokens.
MarketConfig local_config();
/// The windows of a public network: hours instead of seconds.
MarketConfig public_config();

/// Another check beside the quorum: its artifact, deployed with the market; its place in the list is its check code.
struct ExtraCheck {
  std::uint8_t code = 0;
  ledger::ContractArtifact artifact;
};

/// What Deployment::version says of contracts that this program deploys. Version 4 added the optimistic check, 5 the
/// check by proof.
inline constexpr const char* kMarketVersion = "5";
/// True of the versions that this program speaks to: 3 to 5, whose common part is the same. Another version has other events
/// and rules: its data folder goes on with the program of its day.
[[nodiscard]] bool speaks_version(std::string_view version);

/// Deploys token (unless `token` is given), registry, checks and market. Errors: those of ledger::deploy.
Result<ledger::Deployment> deploy_market(ledger::Rpc& rpc, ledger::TxSender& sender, const MarketConfig& config,
                                         std::optional<base::Address> token = {}, const std::vector<ExtraCheck>& extra = {},
                                         const ledger::DeployOptions& options = {});
/// Gas that deploy_market takes, about (ledger::deploy_gas).
Result<std::uint64_t> deployment_gas(const MarketConfig& config, std::optional<base::Address> token = {},
                                     const std::vector<ExtraCheck>& extra = {});

/// Addresses of a market deployment. Errors: not_found, naming the contract.
struct MarketAddresses {
  base::Address token, registry, market;
  static Result<MarketAddresses> of(const ledger::Deployment& deployment);
};

/// The market's contracts behind one sender. Thread-safe.
std::unique_ptr<MarketLedger> open_market(ledger::Rpc& rpc, ledger::TxSender& sender, std::uint64_t chain_id,
                                          const MarketAddresses& addresses);

/// The disputes of a market that has the optimistic check, behind one sender. Thread-safe.
std::unique_ptr<DisputeLedger> open_disputes(ledger::Rpc& rpc, ledger::TxSender& sender, const MarketAddresses& addresses);

/// The contract that checks proofs (market/actor/proofs.hpp), behind one sender. Thread-safe.
std::unique_ptr<ProofLedger> open_proofs(ledger::Rpc& rpc, ledger::TxSender& sender, const base::Address& check);

/// Accounts, stakes and offers, behind one sender. Thread-safe. Errors of all: those of the ledger.
class Accounts {
 public:
  Accounts(ledger::Rpc& rpc, ledger::TxSender& sender, const MarketAddresses& addresses);
  ~Accounts();

  /// Opens an account that the sender owns. Returns its id.
  Result<std::uint32_t> open(const base::Address& operator_address, const base::Address& payout);
  /// Moves tokens of the sender into the account: one transaction where an approval stands or the token knows ERC-3009, else
  /// two.
  Status deposit(std::uint32_t account, const Wei& amount);
  Status withdraw(std::uint32_t account, const Wei& amount);
  Status stake(std::uint32_t account, const Wei& amount);
  Status request_unstake(std::uint32_t account, const Wei& amount);
  Status finish_unstake(std::uint32_t account);
  Status set_offer(std::uint32_t account, std::uint8_t kind, std::uint8_t tier, bool active);
  Status set_profile(std::uint32_t account, const std::string& endpoint, const BoxKey& key);
  Status set_operator(std::uint32_t account, const base::Address& operator_address);
  Status set_payout(std::uint32_t account, const base::Address& payout);
  Status transfer_ownership(std::uint32_t account, const base::Address& to);
  Status accept_ownership(std::uint32_t account);
  /// What an account must have staked to offer work (Registry.minStake).
  Result<Wei> least_stake();
  /// Tokens that an address holds outside of accounts.
  Result<Wei> tokens_of(const base::Address& who);
  Status send_tokens(const base::Address& to, const Wei& amount);
  struct Eligible {
    std::uint64_t count = 0;
    std::uint64_t weight = 0;
  };
  Result<Eligible> eligible(std::uint8_t kind, std::uint8_t max_tier);
  struct Cost {
    Wei escrow, bond, lock;
  };
  /// What an order takes from the buyer, and what each member must have free to lock.
  Result<Cost> cost(std::uint8_t n, std::uint8_t max_tier);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace koinon::market
