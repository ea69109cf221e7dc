#include "cli/commands/commands.hpp"

#include <nlohmann/json.hpp>

#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "engine/program/program.hpp"

namespace koinon::cli {
namespace {

class Version final : public Command {
 public:
  Version() : Command({"version", "Print the version", "koinon version"}) {}
  void options(Line&) override {}
  base::Status run(Console& console) override {
    console.print("koinon " KOINON_VERSION "\n");
    console.object({{"version", KOINON_VERSION}, {"program_format", engine::program::kFormatVersion}});
    return {};
  }
};

}  // namespace

std::unique_ptr<Command> make_version() { return std::make_unique<Version>(); }

Commands all_commands(const Extensions& extensions) {
  Commands out;
#if KOINON_WITH_NODE
  out.push_back(make_up(extensions));
  out.push_back(make_provide(extensions));
  out.push_back(make_watch(extensions));
#endif
  out.push_back(make_model_build());
  out.push_back(make_model_inspect());
  out.push_back(make_model_publish());
  out.push_back(make_run());
  out.push_back(make_train());
  out.push_back(make_train_compare());
  out.push_back(make_federated());
  add_language(out);
  out.push_back(make_prove());
  out.push_back(make_verify());
  add_private(out);
  out.push_back(make_order(extensions));
  add_listings(out);
  out.push_back(make_receipt_verify(extensions));
  out.push_back(make_receipt_show());
  add_account(out);
  out.push_back(make_status());
  out.push_back(make_simulate());
#if KOINON_WITH_NODE
  out.push_back(make_deploy(extensions));
  out.push_back(make_doctor());
  add_backup(out);
#endif
  out.push_back(make_completion(extensions));
  out.push_back(make_version());
  return out;
}

}  // namespace koinon::cli
