#pragma once
#include <string>

#include "ledger/deployment.hpp"
#include "market/receipt/receipt.hpp"

namespace koinon::cli {

/// Where a market stands: the ledger's JSON-RPC and the addresses of its contracts.
struct LedgerSource {
  std::string rpc_url;
  ledger::Deployment deployment;
};

/// `url` is a node's, which is asked for both, or a JSON-RPC server's when `deployment_file` names the addresses. Errors:
/// those of the node and of the file.
base::Result<LedgerSource> find_ledger(const std::string& url, const std::string& deployment_file);

/// Reads the market's events from the ledger and compares the receipt with them. The receipt must name the chain and market
/// that were read, and a check of `rules`. Errors: rejected, naming what differs; network, ledger.
base::Status verify_on_ledger(const market::Receipt& receipt, const std::string& url, const std::string& deployment_file,
                              const trust::CheckSet& rules);

}  // namespace koinon::cli
