#include "node/doctor/doctor.hpp"

#include <nlohmann/json.hpp>

#include "cli/commands/commands.hpp"
#include "cli/commands/page_folder.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "cli/terminal/table.hpp"

namespace koinon::cli {
namespace {

using base::Status;
using nlohmann::json;

class Doctor final : public Command {
 public:
  Doctor()
      : Command({"doctor", "Look at this machine, the node's folder, its ledger and its clock, and say what to do",
                 "koinon doctor"}) {}

  void options(Line& line) override {
    line.text("--ledger URL", ledger_, "The ledger that is meant; the configured one when absent")
        .text("--deployment FILE", deployment_, "Addresses of the contracts, for a JSON-RPC server")
        .text("--data DIR", data_, "Folder of the node; ~/.koinon when absent")
        .text("--http ADDR:PORT", http_, "Where the node is to listen")
        .text("--public URL", public_, "URL under which others reach this node")
        .text("--config FILE", config_, "Configuration (toml); DATA/koinon.toml when absent")
        .flag("--provide", provides_, "Also what selling needs: that others reach this machine");
  }

  Status run(Console& console) override {
    std::map<std::string, std::string> flags = {{"ledger.url", ledger_},
                                                {"ledger.deployment", deployment_},
                                                {"data", data_},
                                                {"http.listen", http_},
                                                {"http.public", public_}};
    std::erase_if(flags, [](const auto& one) { return one.second.empty(); });
    KOINON_TRY(const auto config, node::load_config({config_, node::process_environment(), flags}));
    const auto findings = node::examine(config, {.page = page_folder(), .provides = provides_});
    std::string text;
    json list = json::array();
    std::size_t bad = 0;
    for (const auto& one : findings) {
      if (one.health == node::Health::bad) ++bad;
      text += fmt::format("{:<8} {:<12} {}\n", one.health == node::Health::good ? "ok" : node::health_name(one.health),
                          one.name, clean(one.found));
      if (!one.next.empty()) text += fmt::format("{:<8} {:<12} -> {}\n", "", "", clean(one.next));
      list.push_back({{"name", one.name}, {"health", node::health_name(one.health)}, {"found", one.found}, {"next", one.next}});
    }
    console.print(text);
    console.object({{"health", node::health_name(node::worst(findings))}, {"findings", list}});
    if (bad != 0)
      return base::fail(base::Code::conflict, "[doctor] {} of {} findings will keep a node from working", bad, findings.size());
    return {};
  }

 private:
  std::string ledger_, deployment_, data_, http_, public_, config_;
  bool provides_ = false;
};

}  // namespace

std::unique_ptr<Command> make_doctor() { return std::make_unique<Doctor>(); }

}  // namespace koinon::cli
