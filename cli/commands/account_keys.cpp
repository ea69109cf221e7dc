#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "cli/commands/commands.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "ledger/keystore.hpp"
#include "node/config/config.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Result;
using base::Status;
using nlohmann::json;

constexpr std::uint64_t kMaxKeystore = 1u << 16;

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

void add_account_keys(Commands& to) {
  to.push_back(std::make_unique<NewKey>());
  to.push_back(std::make_unique<AddressOf>());
}

}  // namespace koinon::cli
