#include "cli/remote/account_access.hpp"

#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "cli/remote/ledger_source.hpp"
#include "cli/remote/reply.hpp"
#include "cli/terminal/console.hpp"
#include "ledger/contracts/registry.hpp"
#include "ledger/keystore.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using nlohmann::json;

/// The contracts that the node of an access speaks to, reached from here.
struct Reached {
  std::unique_ptr<ledger::Rpc> rpc;
  market::MarketAddresses addresses;

  static Result<Reached> open(const AccountAccess& access) {
    KOINON_TRY(const auto source, find_ledger(access.node.url, ""));
    Reached out;
    KOINON_TRY(out.addresses, market::MarketAddresses::of(source.deployment));
    KOINON_TRY(out.rpc, ledger::Rpc::open(source.rpc_url));
    KOINON_CHECK(source.deployment.verify(*out.rpc));
    return out;
  }
};

/// Coins for gas: on a local ledger the node gives them away.
Status need_gas(const AccountAccess& access, ledger::Rpc& rpc, const base::Address& who) {
  KOINON_TRY(const auto coins, rpc.balance(who));
  if (!coins.is_zero()) return {};
  KOINON_TRY(auto node, NodeClient::open(access.node));
  if (node.post("/api/v1/faucet", {{"address", base::to_hex(who)}, {"tokens", "0"}})) return {};
  return advise({Code::exhausted, fmt::format("[account] {} has nothing to pay gas with", ledger::checksum_address(who))},
                "send some of the ledger's own coins to that address first");
}

json account_json(std::uint32_t id, const ledger::contracts::Registry::Account& a) {
  const auto pending = a.pending_owner == base::Address{} ? json() : json(base::to_hex(a.pending_owner));
  const auto until = a.unbonding.is_zero() ? json() : json(a.unbond_at * 1000);
  return {{"id", id},
          {"owner", base::to_hex(a.owner)},
          {"pending_owner", pending},
          {"operator", base::to_hex(a.operator_)},
          {"payout", base::to_hex(a.payout)},
          {"balance", a.free.text()},
          {"stake", a.stake.text()},
          {"locked", a.locked.text()},
          {"unbonding", a.unbonding.text()},
          {"unbonding_until", until}};
}

}  // namespace

void AccountAccess::reading_options(Line& line) {
  line.number("--account ID", account, 0, UINT32_MAX, "The account; 0: the node's own");
  node.options(line);
}

void AccountAccess::options(Line& line) {
  line.text("--key KEYSTORE", key, "Act with this key, such as a cold owner's, and not through the node; needs --account")
      .text("--password-file FILE", password_file, "File (mode 0600) with the key's password; KEYSTORE.password when absent");
  reading_options(line);
}

Status AccountAccess::check() const {
  if (has_key() && account == 0)
    return fail(Code::invalid_argument,
                "[account] --key acts for any account that it owns or operates: --account ID says for which");
  if (!has_key() && !password_file.empty())
    return fail(Code::invalid_argument, "[account] --password-file opens a keystore: --key KEYSTORE expected");
  return node.check();
}

Status act_with_key(const AccountAccess& access, const AccountAction& action) {
  const auto password = access.password_file.empty() ? access.key + ".password" : access.password_file;
  KOINON_TRY(const auto key, ledger::unlock(access.key, password));
  KOINON_TRY(const auto at, Reached::open(access));
  KOINON_CHECK(need_gas(access, *at.rpc, key.address()));
  ledger::MemoryPendingStore store;
  const base::SystemClock clock;
  KOINON_TRY(const auto sender, ledger::TxSender::start(*at.rpc, key, store, clock));
  market::Accounts accounts(*at.rpc, *sender, at.addresses);
  return action(accounts, static_cast<std::uint32_t>(access.account));
}

Result<json> read_account(const AccountAccess& access) {
  auto id = static_cast<std::uint32_t>(access.account);
  if (id == 0) {
    KOINON_TRY(auto node, NodeClient::open(access.node));
    KOINON_TRY(const auto status, node.get("/api/v1/status"));
    id = static_cast<std::uint32_t>(number_at(child(status, "account"), "id"));
    if (id == 0) return fail(Code::not_found, "[account] this node acts for no account: name one with --account ID");
  }
  KOINON_TRY(const auto at, Reached::open(access));
  const ledger::contracts::Registry registry(*at.rpc, at.addresses.registry);
  KOINON_TRY(const auto account, registry.get_account(id));
  if (account.owner == base::Address{}) return fail(Code::not_found, "[account] there is no account {} on this ledger", id);
  return account_json(id, account);
}

}  // namespace koinon::cli
