#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "cli/remote/node_client.hpp"
#include "market/onchain/onchain.hpp"

namespace koinon::cli {

/// How a command reaches an account: through the node that acts for it, or, with a key of one's own, on the ledger itself, as a
/// cold owner does.
struct AccountAccess {
  NodeAccess node;
  std::int64_t account = 0;  ///< 0: the node's
  std::string key, password_file;

  void options(Line& line);
  /// Options of commands that only read.
  void reading_options(Line& line);
  /// Errors: invalid_argument.
  [[nodiscard]] base::Status check() const;
  [[nodiscard]] bool has_key() const { return !key.empty(); }
};

/// An action on an account, signed here.
using AccountAction = std::function<base::Status(market::Accounts& accounts, std::uint32_t account)>;

/// Does it with the access's key on the ledger that its node uses; on a local ledger the faucet pays the gas. Errors: those of
/// the keystore and the ledger; exhausted when the key's address has nothing to pay gas with.
base::Status act_with_key(const AccountAccess& access, const AccountAction& action);

/// The account as the ledger has it now, with what is pending: {"id", "owner", "pending_owner", "operator", "payout",
/// "balance", "stake", "locked", "unbonding", "unbonding_until"}, amounts in wei, times in milliseconds. Errors: not_found;
/// those of the node and the ledger.
base::Result<nlohmann::json> read_account(const AccountAccess& access);

}  // namespace koinon::cli
