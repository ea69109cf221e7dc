#include <algorithm>

#include "ledger/contracts/idisputes.hpp"
#include "market/onchain/onchain.hpp"

namespace koinon::market {
namespace {

using base::Code;
using base::fail;
using ledger::contracts::IDisputes;
using trust::optimistic::Answer;
using trust::optimistic::Demand;

class OnchainDisputes final : public DisputeLedger {
 public:
  OnchainDisputes(ledger::Rpc& rpc, ledger::TxSender& sender, const MarketAddresses& addresses)
      : rpc_(rpc), sender_(sender), disputes_(rpc, addresses.market) {}

  Result<DisputeTerms> dispute_terms() override {
    KOINON_TRY(const auto got, disputes_.get_dispute_config());
    return DisputeTerms{got.prove_window, got.answer_window, got.move_window, got.max_demands, got.demand_fee};
  }
  Status challenge(std::uint64_t order, std::uint32_t account, const Hash& commitment) override {
    // A crash may lie between sending it and hearing of it: a second one would be a second bond.
    KOINON_TRY(const auto standing, disputes_.get_challenges(order));
    const auto same = [&](const auto& one) { return one.account == account && one.commitment == commitment; };
    if (std::ranges::any_of(standing, same)) return {};
    auto request = disputes_.challenge(order, account, commitment);
    if (!request) return fail(request.error());
    if (const auto nonce = sender_.sent(request->data)) {
      KOINON_TRY([[maybe_unused]] const auto receipt, sender_.wait(*nonce));
      return {};
    }
    return send(std::move(request), 0);
  }
  Status prove(std::uint64_t order, std::uint32_t number, std::uint8_t fraud, const base::Bytes& proof,
               const Hash& salt) override {
    return send(disputes_.prove(order, number, fraud, proof, salt), kEndGas);
  }
  Status demand_trace(std::uint64_t order, std::uint32_t account, const Demand& place) override {
    IDisputes::Place out;
    out.tree = static_cast<std::uint8_t>(place.tree);
    out.kind = static_cast<std::uint8_t>(place.kind);
    out.value_ = place.value;
    out.level = place.level;
    out.index = place.index;
    return send(disputes_.demand_trace(order, account, out), 0);
  }
  Status answer_trace(std::uint64_t order, std::uint32_t demander, std::uint32_t account, const Answer& answer) override {
    const IDisputes::Answer out{answer.length, answer.hashes, answer.data, answer.siblings, answer.count, answer.list};
    return send(disputes_.answer_trace(order, demander, account, out), 0);
  }
  Status condemn(std::uint64_t order, std::uint32_t demander) override {
    return send(disputes_.condemn(order, demander), kEndGas);
  }
  Status collect(std::uint64_t order, std::uint32_t demander) override { return send(disputes_.collect(order, demander), 0); }
  Status reclaim(std::uint64_t order, std::uint32_t number) override { return send(disputes_.reclaim(order, number), 0); }

  Result<Answer> trace_answer(const TraceAnswerAt& where) override {
    // By the hash of its block, so that it is this very log or none.
    KOINON_TRY(const auto logs, rpc_.logs({{disputes_.address()}, {}, where.block_hash, 0, 0}));
    for (const auto& log : logs) {
      if (log.index != where.index) continue;
      KOINON_TRY(auto said, IDisputes::TraceAnswered::decode(log));
      auto& a = said.answer;
      return Answer{a.length, std::move(a.hashes), std::move(a.data), std::move(a.siblings), a.count, std::move(a.list)};
    }
    return fail(Code::not_found, "[answer] no log {} in block {}", where.index, base::to_hex(where.block_hash));
  }

 private:
  /// A call that ends the order settles it too: how much that takes depends on what others did meanwhile.
  static constexpr std::uint64_t kEndGas = 500'000;

  Status send(Result<ledger::TxRequest> request, std::uint64_t extra_gas) {
    if (!request) return fail(request.error());
    request->extra_gas = extra_gas;
    KOINON_TRY([[maybe_unused]] const auto receipt, sender_.send(*request));
    return {};
  }

  ledger::Rpc& rpc_;
  ledger::TxSender& sender_;
  IDisputes disputes_;
};

}  // namespace

std::unique_ptr<DisputeLedger> open_disputes(ledger::Rpc& rpc, ledger::TxSender& sender, const MarketAddresses& addresses) {
  return std::make_unique<OnchainDisputes>(rpc, sender, addresses);
}

}  // namespace koinon::market
