#include <nlohmann/json.hpp>

#include "cli/commands/commands.hpp"
#include "cli/remote/account_access.hpp"
#include "cli/remote/describe.hpp"
#include "cli/remote/reply.hpp"
#include "cli/terminal/console.hpp"
#include "ledger/key.hpp"
#include "market/book/book.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Status;
using market::Accounts;
using nlohmann::json;

constexpr std::uint64_t kLocalChain = 31'337;  ///< of every ledger that a node starts itself
constexpr std::string_view kAnAddress = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

/// A change to an account, followed by what the account is then.
class Change : public Command {
 public:
  explicit Change(Info info) : Command(std::move(info)) {}
  void options(Line& line) override { access_.options(line); }
  Status check() const override { return access_.check(); }

 protected:
  /// Through the node, by `call` and `body`, or with the key that was given, by `direct`.
  Status change(Console& console, const std::string& call, const json& body, const AccountAction& direct) const {
    if (access_.has_key()) {
      auto progress = console.progress();
      progress.stage("signing here and waiting for the ledger");
      KOINON_CHECK(act_with_key(access_, direct));
    } else {
      KOINON_TRY(auto node, NodeClient::open(access_.node));
      KOINON_CHECK(check_account(node));
      if (const auto done = node.post("/api/v1/account/" + call, body); !done)
        return base::fail(with_source(done.error(), node, body));
    }
    return show(console);
  }
  /// A local network gives its tokens away: who has none is told where. Other errors as they are.
  base::Error with_source(base::Error error, NodeClient& node, const json& body) const {
    const auto status = node.get("/api/v1/status");
    if (error.text.find("(ERC20InsufficientBalance)") == std::string::npos || !status) return error;
    const auto& ledger = child(*status, "ledger");
    if (number_at(ledger, "chain_id") != kLocalChain) return error;
    const auto giver = true_at(ledger, "local") ? node.url() : "http://NODE-THAT-RUNS-THE-LEDGER";
    error.text.resize(error.text.find("\n  Next:") == std::string::npos ? error.text.size() : error.text.find("\n  Next:"));
    return advise(std::move(error),
                  fmt::format("this is a local network, whose tokens are free: ask the node that runs its ledger, then deposit "
                              "them\n        curl -H 'Content-Type: application/json' -d "
                              "'{{\"address\":\"{}\",\"tokens\":\"{}\"}}' {}/api/v1/faucet",
                              clean(text_at(child(*status, "account"), "operator"), 42), clean(text_at(body, "amount"), 80),
                              giver))
        .value();
  }
  /// What the account sells, as its node's book has it; null when nothing is known.
  json sold_by(const json& account) const {
    auto node = NodeClient::open(access_.node);
    const auto record = node ? node->get(fmt::format("/api/v1/accounts/{}", number_at(account, "id")))
                             : base::Result<json>(base::fail(node.error()));
    return record ? child(*record, "provider") : json(nullptr);
  }
  Status show(Console& console) const {
    KOINON_TRY(auto account, read_account(access_));
    account["provider"] = sold_by(account);
    console.print(describe_account(account));
    console.object({{"account", account}});
    return {};
  }
  /// A node acts for its own account alone; taking one over is the exception.
  virtual Status check_account(NodeClient& node) const {
    if (access_.account == 0) return {};
    KOINON_TRY(const auto status, node.get("/api/v1/status"));
    const auto own = number_at(child(status, "account"), "id");
    if (own == static_cast<std::uint64_t>(access_.account)) return {};
    return advise({Code::invalid_argument,
                   fmt::format("[{}] this node acts for account {}, not for {}", info().path, own, access_.account)},
                  "act with a key of that account, its owner's say: --key KEYSTORE");
  }
  AccountAccess access_;
};

class Show final : public Change {
 public:
  Show() : Change({"account show", "An account: balance, stake, keys and what is pending", "koinon account show"}) {}
  void options(Line& line) override { access_.reading_options(line); }
  Status run(Console& console) override { return show(console); }
};

/// deposit, withdraw, stake: an amount in tokens.
class Move : public Change {
 public:
  using Call = Status (Accounts::*)(std::uint32_t, const base::Wei&);
  Move(std::string call, std::string about, Call direct)
      : Change({"account " + call, std::move(about), fmt::format("koinon account {} 10", call)}),
        call_(std::move(call)),
        direct_(direct) {}
  void options(Line& line) override {
    line.text("amount", amount_, "Tokens, such as 1.25", Need::required);
    Change::options(line);
  }
  Status check() const override {
    KOINON_TRY(const auto amount, base::Wei::parse_tokens(amount_));
    if (amount.is_zero() && call_ != "unstake")
      return base::fail(Code::invalid_argument, "[account {}] '{}': an amount above zero expected", call_, amount_);
    return Change::check();
  }
  Status run(Console& console) override { return move(console); }

 protected:
  Status move(Console& console) const {
    KOINON_TRY(const auto amount, base::Wei::parse_tokens(amount_));
    return change(console, call_, {{"amount", amount.text()}},
                  [&](Accounts& accounts, std::uint32_t id) { return (accounts.*direct_)(id, amount); });
  }
  std::string call_, amount_;
  Call direct_;
};

class Unstake final : public Move {
 public:
  Unstake()
      : Move("unstake", "Ask for stake back, in all; --finish takes it once the unbonding time is over, 0 cancels",
             &Accounts::request_unstake) {}
  void options(Line& line) override {
    line.text("amount", amount_, "Tokens, such as 1.25").flag("--finish", finish_, "Take what is unbonded");
    Change::options(line);
  }
  Status check() const override {
    if (finish_ != amount_.empty())
      return base::fail(Code::invalid_argument, "[account unstake] an amount, or --finish, expected");
    return finish_ ? Change::check() : Move::check();
  }
  Status run(Console& console) override {
    if (!finish_) return move(console);
    return change(console, "finish-unstake", json::object(),
                  [](Accounts& accounts, std::uint32_t id) { return accounts.finish_unstake(id); });
  }

 private:
  bool finish_ = false;
};

class Offer final : public Change {
 public:
  Offer() : Change({"account offer", "Sell a kind of work at a standing price", "koinon account offer --price 0.002"}) {}
  void options(Line& line) override {
    line.text("--kind KIND", kind_, "Kind of work")
        .text("--price TOKENS", price_, "Price of one order; raised to the next price of the ladder")
        .flag("--stop", stop_, "No longer sell it");
    access_.reading_options(line);  // the node knows the kinds' numbers: a kind is offered through it
  }
  Status check() const override {
    if (stop_ != price_.empty())
      return base::fail(Code::invalid_argument, "[account offer] --price TOKENS, or --stop, expected");
    if (!stop_) {
      KOINON_TRY(const auto price, base::Wei::parse_tokens(price_));
      KOINON_TRY([[maybe_unused]] const auto tier, market::tier_from(price));
    }
    return Change::check();
  }
  Status run(Console& console) override {
    json body = {{"kind", kind_}, {"active", !stop_}};
    auto done = fmt::format("No longer selling {}.\n", kind_);
    if (!stop_) {
      KOINON_TRY(const auto price, base::Wei::parse_tokens(price_));
      KOINON_TRY(const auto tier, market::tier_from(price));
      body["price"] = price.text();
      done = fmt::format("Selling {} for {} tokens an order{}.\n", kind_, market::tier_price(tier).tokens(),
                         market::tier_price(tier) == price ? "" : ", the price of the ladder above " + price.tokens());
    }
    KOINON_CHECK(change(console, "offer", body, {}));
    console.print(done);
    return {};
  }

 private:
  std::string kind_ = "inference", price_;
  bool stop_ = false;
};

/// operator, payout, owner: another address.
class Appoint final : public Change {
 public:
  using Call = Status (Accounts::*)(std::uint32_t, const base::Address&);
  Appoint(std::string call, std::string about, Call direct)
      : Change({"account " + call, std::move(about), fmt::format("koinon account {} {}", call, kAnAddress)}),
        call_(std::move(call)),
        direct_(direct) {}
  void options(Line& line) override {
    line.text("address", address_, "An Ethereum address", Need::required);
    Change::options(line);
  }
  Status check() const override {
    KOINON_TRY([[maybe_unused]] const auto address, ledger::parse_address(address_));
    return Change::check();
  }
  Status run(Console& console) override {
    KOINON_TRY(const auto address, ledger::parse_address(address_));
    return change(console, call_, {{"address", base::to_hex(address)}},
                  [&](Accounts& accounts, std::uint32_t id) { return (accounts.*direct_)(id, address); });
  }

 private:
  std::string call_, address_;
  Call direct_;
};

class Accept final : public Change {
 public:
  Accept()
      : Change({"account accept", "Become the owner of an account that its owner offered",
                "koinon account accept --account 2 --key owner.json"}) {}
  Status run(Console& console) override {
    json body = json::object();
    if (access_.account != 0) body["account"] = access_.account;
    return change(console, "accept", body, [](Accounts& accounts, std::uint32_t id) { return accounts.accept_ownership(id); });
  }

 protected:
  Status check_account(NodeClient&) const override { return {}; }
};

}  // namespace

void add_account(Commands& to) {
  to.push_back(std::make_unique<Show>());
  to.push_back(std::make_unique<Move>("deposit", "Move tokens into the account", &Accounts::deposit));
  to.push_back(std::make_unique<Move>("withdraw", "Pay free balance out to the payout address", &Accounts::withdraw));
  to.push_back(std::make_unique<Move>("stake", "Stake free balance", &Accounts::stake));
  to.push_back(std::make_unique<Unstake>());
  to.push_back(std::make_unique<Offer>());
  to.push_back(std::make_unique<Appoint>("operator", "Let another key act for the account", &Accounts::set_operator));
  to.push_back(std::make_unique<Appoint>("payout", "Set where withdrawals go", &Accounts::set_payout));
  to.push_back(
      std::make_unique<Appoint>("owner", "Offer the account to another owner, who accepts it", &Accounts::transfer_ownership));
  to.push_back(std::make_unique<Accept>());
  add_account_keys(to);
}

}  // namespace koinon::cli
