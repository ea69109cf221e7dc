#include <algorithm>

#include "base/log.hpp"
#include "ledger/contracts/registry.hpp"
#include "ledger/contracts/work_market.hpp"
#include "market/onchain/onchain.hpp"

namespace koinon::market {
namespace {

using base::Code;
using base::fail;
using ledger::contracts::Registry;
using ledger::contracts::WorkMarket;

constexpr std::uint64_t kStakePerPrice = 20;  ///< Offers.sol: free stake in prices that an offer takes

class OnchainMarket final : public MarketLedger {
 public:
  OnchainMarket(ledger::Rpc& rpc, ledger::TxSender& sender, std::uint64_t chain_id, const MarketAddresses& addresses)
      : rpc_(rpc), sender_(sender), chain_id_(chain_id), market_(rpc, addresses.market), registry_(rpc, addresses.registry) {}

  [[nodiscard]] trust::OrderContext context(std::uint64_t order) const override {
    return {chain_id_, market_.address(), order};
  }

  Result<std::uint64_t> place(const Terms& t) override {
    WorkMarket::Terms terms;
    terms.buyer = t.buyer;
    terms.kind = t.kind;
    terms.check = t.check;
    terms.privacy = t.privacy;
    terms.n = t.n;
    terms.k = t.k;
    terms.max_tier = t.max_tier;
    terms.audit_bps = t.audit_bps;
    terms.commit_window = t.commit_window;
    terms.nonce = t.nonce;
    terms.spec = t.spec;
    terms.spec_digest = t.spec_digest;
    terms.spec_size = t.spec_size;
    terms.input_root = t.input_root;
    terms.input_size = t.input_size;
    terms.buyer_key = t.buyer_key;
    KOINON_TRY(const auto request, market_.place(terms));
    KOINON_TRY(const auto receipt, sender_.send(request));
    for (const auto& log : receipt.logs)
      if (log.address == market_.address())
        if (const auto placed = WorkMarket::OrderPlaced::decode(log)) return placed->order_id;
    return fail(Code::ledger, "[place] the transaction {} placed no order", base::to_hex(receipt.transaction));
  }
  Status draw(std::uint64_t order) override { return send(market_.draw(order)); }
  Status draw_audit(std::uint64_t order) override { return send(market_.draw_audit(order)); }
  Status advance(std::uint64_t order) override { return send(market_.advance(order)); }
  Status settle(std::uint64_t order) override { return send(market_.settle(order)); }
  Status confirm(std::uint64_t order) override { return send(market_.confirm(order)); }
  Status publish_input(std::uint64_t order, std::uint8_t round, std::uint32_t account, const Hash& envelope_root,
                       std::uint64_t envelope_size, const std::string& locator) override {
    return send(market_.publish_input(order, round, account, envelope_root, envelope_size, locator));
  }
  Status demand_input(std::uint64_t order, std::uint32_t account, std::uint32_t subtree) override {
    return send(market_.demand_input(order, account, subtree));
  }
  Status answer_input(std::uint64_t order, base::ByteView data, const std::vector<Hash>& siblings) override {
    return send(market_.answer_input(order, base::Bytes(data.begin(), data.end()), siblings));
  }
  Status commit(std::uint64_t order, std::uint8_t round, std::uint32_t account, const Hash& commitment) override {
    return send(market_.commit(order, round, account, commitment));
  }
  Status reveal(std::uint64_t order, std::uint8_t round, const trust::Claim& claim, const Hash& result_digest,
                std::uint64_t result_size, const Hash& salt) override {
    return send(market_.reveal(order, round, claim.account, claim.output_root, claim.trace_root, claim.mark, result_digest,
                               result_size, salt));
  }
  Status appeal(std::uint64_t order, std::uint32_t account) override { return send(market_.appeal(order, account)); }
  Status offer(std::uint32_t account, std::uint8_t kind, std::uint8_t tier) override {
    // What it was slashed for may have left too little stake for any offer.
    KOINON_TRY(const auto least, registry_.min_stake());
    KOINON_TRY(const auto lock, tier_price(tier).times(kStakePerPrice));
    KOINON_TRY(const auto free, registry_.free_stake(account));
    if (const auto missing = std::max(least, lock).minus(free); missing && !missing->is_zero()) {
      KOINON_CHECK(send(registry_.stake(account, *missing)));
      base::log_info("staked {} more, of the free balance", missing->tokens());
    }
    return send(registry_.set_offer(account, kind, tier, true));
  }
  Status demand_output(std::uint64_t order, std::uint32_t account, std::uint32_t tensor, std::uint32_t subtree) override {
    return send(market_.demand_output(order, account, tensor, subtree));
  }
  Status answer_output(std::uint64_t order, base::ByteView data, const std::vector<Hash>& siblings, std::uint64_t tensor_size,
                       std::uint64_t tensor_count, const std::vector<Hash>& list_siblings) override {
    return send(market_.answer_output(order, base::Bytes(data.begin(), data.end()), siblings, tensor_size, tensor_count,
                                      list_siblings));
  }
  Status refute_output(std::uint64_t order, const Hash& top, std::uint64_t tensor_size, std::uint64_t tensor_count,
                       const std::vector<Hash>& list_siblings) override {
    return send(market_.refute_output(order, top, tensor_size, tensor_count, list_siblings));
  }

  Result<base::Bytes> posted(const PostedBytes& where) override {
    // By the hash of its block, so that it is this very log or none.
    KOINON_TRY(const auto logs, rpc_.logs({{market_.address()}, {}, where.block_hash, 0, 0}));
    for (const auto& log : logs) {
      if (log.index != where.index) continue;
      if (where.output) {
        KOINON_TRY(auto answer, WorkMarket::OutputPosted::decode(log));
        return std::move(answer.data);
      }
      KOINON_TRY(auto answer, WorkMarket::InputPosted::decode(log));
      return std::move(answer.data);
    }
    return fail(Code::not_found, "[posted] no log {} in block {}", where.index, base::to_hex(where.block_hash));
  }

  Result<Now> now(std::uint64_t order) override {
    KOINON_TRY(const auto stored, market_.get_order(order));
    return Now{static_cast<Phase>(stored.phase), static_cast<std::int64_t>(stored.deadline), stored.seed_block};
  }

 private:
  /// Every call may find, when its turn comes, that it is the last its phase waits for: then it also decides and opens the next
  /// round.
  static constexpr std::uint64_t kDecideGas = 1'500'000;

  Status send(Result<ledger::TxRequest> request) {
    if (!request) return fail(request.error());
    request->extra_gas = kDecideGas;
    KOINON_TRY([[maybe_unused]] const auto receipt, sender_.send(*request));
    return {};
  }

  ledger::Rpc& rpc_;
  ledger::TxSender& sender_;
  std::uint64_t chain_id_;
  WorkMarket market_;
  Registry registry_;
};

}  // namespace

std::unique_ptr<MarketLedger> open_market(ledger::Rpc& rpc, ledger::TxSender& sender, std::uint64_t chain_id,
                                          const MarketAddresses& addresses) {
  return std::make_unique<OnchainMarket>(rpc, sender, chain_id, addresses);
}

}  // namespace koinon::market
