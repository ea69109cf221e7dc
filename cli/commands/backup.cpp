#include "node/backup/backup.hpp"

#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "cli/commands/commands.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "node/config/config.hpp"

namespace koinon::cli {
namespace {

using base::Result;
using base::Status;
using node::BackupManifest;

Result<std::filesystem::path> data_folder(const std::string& given) {
  std::map<std::string, std::string> flags;
  if (!given.empty()) flags["data"] = given;
  KOINON_TRY(const auto config, node::load_config({{}, node::process_environment(), flags}));
  return config.data;
}

/// Shows files as they are done.
node::BackupProgress shown(Progress& progress) {
  return [&progress](const std::string& path, std::uint64_t done, std::uint64_t all) {
    progress.detail(path);
    progress.update(done, all);
  };
}

void report(const Console& console, const BackupManifest& manifest, const std::string& text,
            const std::filesystem::path& where) {
  console.print(fmt::format("{}: {} files, {}\n", text, manifest.files.size(), size_text(manifest.bytes())));
  console.object({{"folder", where.string()},
                  {"files", manifest.files.size()},
                  {"bytes", manifest.bytes()},
                  {"made_ms", manifest.made_ms}});
}

class Backup final : public Command {
 public:
  Backup()
      : Command({"backup", "Copy a stopped node's folder, keys included, so that it can be restored",
                 "koinon backup koinon-backup --data node"}) {}
  void options(Line& line) override {
    line.text("folder", to_, "Folder to make, new or empty; it holds secrets", Need::required)
        .text("--data DIR", data_, "Folder of the node; ~/.koinon when absent")
        .flag("--without-artifacts", lean_, "Leave out programs, inputs and results, which peers may still have");
  }
  Status run(Console& console) override {
    KOINON_TRY(const auto data, data_folder(data_));
    auto progress = console.progress();
    progress.stage("copying");
    auto made = node::make_backup(data, to_, base::SystemClock().now_ms(), {.artifacts = !lean_}, shown(progress));
    progress.finish();
    if (!made) return base::fail(std::move(made).error());
    report(console, *made, fmt::format("{} is saved in {}", data.string(), to_), to_);
    console.note("Keep it as safe as the keys that it holds. Put back with: koinon restore " + to_ + " --data NEW-FOLDER");
    return {};
  }

 private:
  std::string to_, data_;
  bool lean_ = false;
};

class Restore final : public Command {
 public:
  Restore()
      : Command({"restore", "Put a backup in place, after a check of every file", "koinon restore koinon-backup --data node"}) {
  }
  void options(Line& line) override {
    line.text("folder", from_, "The backup", Need::required)
        .text("--data DIR", data_, "Folder to make, new or empty; ~/.koinon when absent")
        .flag("--check", check_, "Only check the backup");
  }
  Status run(Console& console) override {
    auto progress = console.progress();
    progress.stage("checking");
    if (check_) {
      auto good = node::check_backup(from_, shown(progress));
      progress.finish();
      if (!good) return base::fail(std::move(good).error());
      report(console, *good, from_ + " is whole", from_);
      return {};
    }
    KOINON_TRY(const auto data, data_folder(data_));
    auto put = node::restore_backup(from_, data, shown(progress));
    progress.finish();
    if (!put) return base::fail(std::move(put).error());
    report(console, *put, fmt::format("{} is restored to {}", from_, data.string()), data);
    console.note(
        "Start one node from it, and none of the folder that it was made of: two with one key send transactions against each "
        "other.\n"
        "What happened since is read from the ledger; only secrets of jobs begun since are lost.");
    return {};
  }

 private:
  std::string from_, data_;
  bool check_ = false;
};

}  // namespace

void add_backup(Commands& to) {
  to.push_back(std::make_unique<Backup>());
  to.push_back(std::make_unique<Restore>());
}

}  // namespace koinon::cli
