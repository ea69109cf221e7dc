#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "cli/commands/commands.hpp"
#include "cli/remote/describe.hpp"
#include "cli/remote/node_client.hpp"
#include "cli/remote/reply.hpp"
#include "cli/terminal/console.hpp"
#include "ledger/keystore.hpp"
#include "market/book/book.hpp"
#include "node/config/config.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Result;
using base::Status;
using nlohmann::json;

constexpr std::uint64_t kMaxKeystore = 1u << 16;

/// A change to the node's account, followed by what the account is then.
class Change : public Command {
 public:
  explicit Change(Info info) : Command(std::move(info)) {}
  void options(Line& line) override { access_.options(line); }
  Status check() const override { return access_.check(); }

 protected:
  Status change(Console& console, const std::string& call, const json& body) const {
    KOINON_TRY(auto node, NodeClient::open(access_));
    KOINON_TRY(const auto done, node.post("/api/v1/account/" + call, body));
    return show(console, node);
  }
  static Status show(Console& console, NodeClient& node) {
    KOINON_TRY(const auto status, node.get("/api/v1/status"));
    const auto& account = child(status, "account");
    console.print(describe_account(account));
    console.object({{"account", account}});
    return {};
  }
  NodeAccess access_;
};

class Show final : public Change {
 public:
  Show() : Change({"account show", "The account of the node: balance, stake, keys", "koinon account show"}) {}
  Status run(Console& console) override {
    KOINON_TRY(auto node, NodeClient::open(access_));
    return show(console, node);
  }
};

/// deposit, withdraw, stake: an amount in tokens.
class Move : public Change {
 public:
  Move(std::string call, std::string about)
      : Change({"account " + call, std::move(about), fmt::format("koinon account {} 10", call)}), call_(std::move(call)) {}
  void options(Line& line) override {
    line.text("amount", amount_, "Tokens, such as 1.25", Need::required);
    Change::options(line);
  }
  Status check() const override {
    KOINON_TRY([[maybe_unused]] const auto amount, base::Wei::parse_tokens(amount_));
    return Change::check();
  }
  Status run(Console& console) override { return move(console); }

 protected:
  Status move(Console& console) const {
    KOINON_TRY(const auto amount, base::Wei::parse_tokens(amount_));
    return change(console, call_, {{"amount", amount.text()}});
  }
  std::string call_, amount_;
};

class Unstake final : public Move {
 public:
  Unstake() : Move("unstake", "Ask for stake back; --finish takes it once the unbonding time is over") {}
  void options(Line& line) override {
    line.text("amount", amount_, "Tokens, such as 1.25").flag("--finish", finish_, "Take what is unbonded");
    Change::options(line);
  }
  Status check() const override {
    if (finish_ != amount_.empty())
      return base::fail(Code::invalid_argument, "[account unstake] an amount, or --finish, expected");
    return finish_ ? Change::check() : Move::check();
  }
  Status run(Console& console) override { return finish_ ? change(console, "finish-unstake", json::object()) : move(console); }

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
    Change::options(line);
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
    KOINON_CHECK(change(console, "offer", body));
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
  Appoint(std::string call, std::string about)
      : Change({"account " + call, std::move(about),
                fmt::format("koinon account {} 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", call)}),
        call_(std::move(call)) {}
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
    return change(console, call_, {{"address", base::to_hex(address)}});
  }

 private:
  std::string call_, address_;
};

class Accept final : public Change {
 public:
  Accept() : Change({"account accept", "Become the owner, as the former owner asked", "koinon account accept"}) {}
  Status run(Console& console) override { return change(console, "accept", json::object()); }
};

class NewKey final : public Command {
 public:
  NewKey()
      : Command({"account new-key", "Make a key of your own, such as a cold owner", "koinon account new-key owner.json"}) {}
  void options(Line& line) override {
    line.text("keystore", keystore_, "File to write (Web3 secret storage version 3)", Need::required)
        .text("--password-file FILE", password_, "File with the password; KEYSTORE.password with a random one when absent");
  }
  Status run(Console& console) override {
    if (std::filesystem::exists(keystore_))
      return base::fail(Code::conflict, "[account new-key] {} exists: a key is never overwritten", keystore_);
    const auto password = password_.empty() ? keystore_ + ".password" : password_;
    base::SystemRandom random;
    KOINON_TRY(const auto key, ledger::unlock_or_create(keystore_, password, random));
    const auto address = ledger::checksum_address(key.address());
    console.print(
        fmt::format("address   {}\nkeystore  {}\npassword  {}\nKeep both files, and apart: who has them has the key.\n",
                    address, keystore_, password));
    console.object({{"address", address}, {"keystore", keystore_}, {"password_file", password}});
    return {};
  }

 private:
  std::string keystore_, password_;
};

class AddressOf final : public Command {
 public:
  AddressOf() : Command({"account address", "Addresses of keystore files, without opening them", "koinon account address"}) {}
  void options(Line& line) override {
    line.text("keystore", keystore_, "A keystore file or folder; the node's when absent")
        .text("--data DIR", data_, "The node's data folder")
        .environment("--data", "KOINON_DATA");
  }
  Status run(Console& console) override {
    KOINON_TRY(const auto files, keystores());
    auto list = json::array();
    for (const auto& file : files) {
      KOINON_TRY(const auto bytes, base::read_file(file, kMaxKeystore));
      auto address = ledger::keystore_address(base::as_text(bytes));
      if (!address) return base::fail(std::move(address).error().within(file.string()));
      console.print(fmt::format("{}  {}\n", ledger::checksum_address(*address), file.string()));
      list.push_back({{"address", ledger::checksum_address(*address)}, {"keystore", file.string()}});
    }
    console.object({{"keys", list}});
    return {};
  }

 private:
  Result<std::vector<std::filesystem::path>> keystores() const {
    std::filesystem::path at = keystore_;
    if (at.empty()) {
      node::ConfigSources sources{{}, node::process_environment(), {}};
      if (!data_.empty()) sources.flags["data"] = data_;
      KOINON_TRY(const auto config, node::load_config(sources));
      at = config.keystore;
    }
    std::error_code error;
    if (!std::filesystem::is_directory(at, error)) return std::vector{at};
    std::vector<std::filesystem::path> out;
    for (const auto& entry : std::filesystem::directory_iterator(at, error))
      if (entry.path().extension() == ".json") out.push_back(entry.path());
    if (out.empty()) return base::fail(Code::not_found, "[account address] {} holds no keystore", at.string());
    std::ranges::sort(out);
    return out;
  }
  std::string keystore_, data_;
};

}  // namespace

void add_account(Commands& to) {
  to.push_back(std::make_unique<Show>());
  to.push_back(std::make_unique<Move>("deposit", "Move tokens into the account"));
  to.push_back(std::make_unique<Move>("withdraw", "Pay free balance out to the payout address"));
  to.push_back(std::make_unique<Move>("stake", "Stake free balance"));
  to.push_back(std::make_unique<Unstake>());
  to.push_back(std::make_unique<Offer>());
  to.push_back(std::make_unique<Appoint>("operator", "Let another key act for the account"));
  to.push_back(std::make_unique<Appoint>("payout", "Set where withdrawals go"));
  to.push_back(std::make_unique<Appoint>("owner", "Offer the account to another owner, who accepts it"));
  to.push_back(std::make_unique<Accept>());
  to.push_back(std::make_unique<NewKey>());
  to.push_back(std::make_unique<AddressOf>());
}

}  // namespace koinon::cli
