#include "cli/remote/ledger_source.hpp"

#include <nlohmann/json.hpp>

#include "cli/remote/node_client.hpp"
#include "cli/remote/reply.hpp"
#include "cli/terminal/console.hpp"
#include "market/onchain/onchain.hpp"
#include "market/sync/sync.hpp"

namespace koinon::cli {

using base::Code;

base::Result<LedgerSource> find_ledger(const std::string& url, const std::string& deployment_file) {
  LedgerSource out;
  if (!deployment_file.empty()) {
    out.rpc_url = url;
    KOINON_TRY(out.deployment, ledger::Deployment::load(deployment_file));
    return out;
  }
  KOINON_TRY(auto node, NodeClient::open({.url = url, .token_file = {}, .data = {}}));
  auto answer = node.get("/api/v1/deployment");
  if (!answer) return advise(std::move(answer).error(), "for a JSON-RPC server, name the contracts too: --deployment FILE");
  out.rpc_url = text_at(*answer, "rpc_url");
  KOINON_TRY(out.deployment, ledger::Deployment::from_json(child(*answer, "deployment").dump()));
  return out;
}

base::Status verify_on_ledger(const market::Receipt& receipt, const std::string& url, const std::string& deployment_file,
                              const trust::CheckSet& rules) {
  KOINON_TRY(const auto source, find_ledger(url, deployment_file));
  KOINON_TRY(const auto addresses, market::MarketAddresses::of(source.deployment));
  if (receipt.chain_id != source.deployment.chain_id || receipt.market != addresses.market)
    return base::fail(Code::rejected, "[receipt] it is of chain {} and market {}: the ledger is chain {} and market {}",
                      receipt.chain_id, base::to_hex(receipt.market), source.deployment.chain_id,
                      base::to_hex(addresses.market));
  KOINON_TRY(const auto rpc, ledger::Rpc::open(source.rpc_url));
  KOINON_CHECK(source.deployment.verify(*rpc));
  market::MemoryEventStore store;
  market::SyncOptions options;
  options.first_block = source.deployment.block;
  options.market = addresses.market;
  options.registry = addresses.registry;
  KOINON_TRY(const auto sync, market::Sync::start(*rpc, store, options));
  KOINON_CHECK(sync->catch_up());
  base::Status out;
  sync->read([&](const market::Book& book, std::uint64_t) { out = market::verify_on_ledger(receipt, book, rules); });
  return out;
}

}  // namespace koinon::cli
