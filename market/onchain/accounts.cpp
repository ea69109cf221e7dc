#include "base/random.hpp"
#include "ledger/contracts/koinon_token.hpp"
#include "ledger/contracts/registry.hpp"
#include "ledger/contracts/work_market.hpp"
#include "ledger/typed_data.hpp"
#include "market/onchain/onchain.hpp"

namespace koinon::market {

using base::Code;
using base::fail;

struct Accounts::State {
  State(ledger::Rpc& rpc_in, ledger::TxSender& sender_in, const MarketAddresses& at)
      : rpc(rpc_in), sender(sender_in), token(rpc_in, at.token), registry(rpc_in, at.registry), market(rpc_in, at.market) {}

  /// Weights in the sum tree cost more or less to change as others come and go between the estimate and the block.
  static constexpr std::uint64_t kTreeGas = 400'000;

  Status send(Result<ledger::TxRequest> request) {
    if (!request) return fail(request.error());
    request->extra_gas = kTreeGas;
    KOINON_TRY([[maybe_unused]] const auto receipt, sender.send(*request));
    return {};
  }

  Result<ledger::TxRequest> deposit_authorised(std::uint32_t account, const Wei& amount);

  ledger::Rpc& rpc;
  ledger::TxSender& sender;
  ledger::contracts::KoinonToken token;
  ledger::contracts::Registry registry;
  ledger::contracts::WorkMarket market;
};

/// A deposit by an authorisation (ERC-3009) of the sender, which needs no approval. Errors: ledger when the token knows none.
Result<ledger::TxRequest> Accounts::State::deposit_authorised(std::uint32_t account, const Wei& amount) {
  constexpr std::uint64_t kValidSeconds = 3'600;
  constexpr std::uint64_t kFields = 0x0f;  // EIP-5267: name, version, chain id and contract, and no other
  ledger::contracts::Registry::Authorization a;
  a.from_ = sender.address();
  a.amount = amount;
  base::SystemRandom random;
  a.salt = random.hash();
  KOINON_TRY([[maybe_unused]] const auto known, token.authorization_state(a.from_, a.salt));
  KOINON_TRY(const auto domain, token.eip712_domain());
  KOINON_TRY(const auto chain_id, domain.chain_id.to_u64());
  if (domain.fields.bytes[0] != kFields) return fail(Code::unsupported, "[deposit] the token signs under an unusual domain");
  KOINON_TRY(const auto newest, rpc.block("latest"));
  a.valid_before = Wei(newest.timestamp + kValidSeconds);
  KOINON_TRY(const auto nonce, registry.deposit_nonce(account, a.salt));
  const ledger::TypedDomain separator{domain.name, domain.version, chain_id, domain.verifying_contract};
  const auto message = ledger::StructHash(
                           "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
                           "uint256 validBefore,bytes32 nonce)")
                           .add(a.from_)
                           .add(registry.address())
                           .add(a.amount)
                           .add(Wei{})
                           .add(a.valid_before)
                           .add(nonce)
                           .hash();
  const auto signature = sender.sign_digest(ledger::typed_data_hash(separator.separator(), message));
  a.v = static_cast<std::uint8_t>(27 + signature.y_parity);
  a.r = signature.r;
  a.s = signature.s;
  return registry.deposit_with_authorization(account, a);
}

Accounts::Accounts(ledger::Rpc& rpc, ledger::TxSender& sender, const MarketAddresses& addresses)
    : state_(std::make_unique<State>(rpc, sender, addresses)) {}
Accounts::~Accounts() = default;

Result<std::uint32_t> Accounts::open(const base::Address& operator_address, const base::Address& payout) {
  KOINON_TRY(const auto request, state_->registry.open(operator_address, payout));
  KOINON_TRY(const auto receipt, state_->sender.send(request));
  for (const auto& log : receipt.logs)
    if (log.address == state_->registry.address())
      if (const auto opened = ledger::contracts::Registry::AccountOpened::decode(log)) return opened->account;
  return fail(Code::ledger, "[account] the transaction {} opened no account", base::to_hex(receipt.transaction));
}

Status Accounts::deposit(std::uint32_t account, const Wei& amount) {
  KOINON_TRY(const auto allowed, state_->token.allowance(state_->sender.address(), state_->registry.address()));
  if (allowed < amount) {
    if (const auto request = state_->deposit_authorised(account, amount)) return state_->send(request);
    KOINON_CHECK(state_->send(state_->token.approve(state_->registry.address(), amount)));
  }
  return state_->send(state_->registry.deposit(account, amount));
}

Status Accounts::withdraw(std::uint32_t account, const Wei& amount) {
  return state_->send(state_->registry.withdraw(account, amount));
}
Status Accounts::stake(std::uint32_t account, const Wei& amount) {
  return state_->send(state_->registry.stake(account, amount));
}
Status Accounts::request_unstake(std::uint32_t account, const Wei& amount) {
  return state_->send(state_->registry.request_unstake(account, amount));
}
Status Accounts::finish_unstake(std::uint32_t account) { return state_->send(state_->registry.finish_unstake(account)); }
Status Accounts::set_offer(std::uint32_t account, std::uint8_t kind, std::uint8_t tier, bool active) {
  return state_->send(state_->registry.set_offer(account, kind, tier, active));
}
Status Accounts::set_profile(std::uint32_t account, const std::string& endpoint, const BoxKey& key) {
  return state_->send(state_->registry.set_profile(account, endpoint, key));
}
Status Accounts::set_operator(std::uint32_t account, const base::Address& operator_address) {
  return state_->send(state_->registry.set_operator(account, operator_address));
}
Status Accounts::set_payout(std::uint32_t account, const base::Address& payout) {
  return state_->send(state_->registry.set_payout(account, payout));
}
Status Accounts::transfer_ownership(std::uint32_t account, const base::Address& to) {
  return state_->send(state_->registry.transfer_ownership(account, to));
}
Status Accounts::accept_ownership(std::uint32_t account) { return state_->send(state_->registry.accept_ownership(account)); }
Result<Wei> Accounts::tokens_of(const base::Address& who) { return state_->token.balance_of(who); }
Status Accounts::send_tokens(const base::Address& to, const Wei& amount) {
  return state_->send(state_->token.transfer(to, amount));
}

Result<Wei> Accounts::least_stake() { return state_->registry.min_stake(); }

Result<Accounts::Eligible> Accounts::eligible(std::uint8_t kind, std::uint8_t max_tier) {
  KOINON_TRY(const auto found, state_->registry.eligible(kind, max_tier));
  KOINON_TRY(const auto count, found.count.to_u64());
  return Eligible{count, found.weight};
}

Result<Accounts::Cost> Accounts::cost(std::uint8_t n, std::uint8_t max_tier) {
  KOINON_TRY(const auto found, state_->market.cost(n, max_tier));
  return Cost{found.escrow, found.bond, found.lock};
}

}  // namespace koinon::market
