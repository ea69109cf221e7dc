#pragma once
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "net/http_client.hpp"
#include "test/process/process.hpp"

namespace koinon::test::demo {

using base::Result;
using base::Status;
using nlohmann::json;

/// Where the demo finds what it runs, and how much of it.
struct Settings {
  std::filesystem::path programs;  ///< folder of koinon and koinon-adversary
  std::filesystem::path digits;    ///< examples/digits
  std::filesystem::path data;      ///< an empty folder for all that is kept
  std::uint16_t port = 7070;       ///< of the buyer's node and the page; a free one when taken
  int honest = 7;                  ///< enough for a jury that outnumbers the quorum, after two audits that went to the cheats
  bool keep = false;               ///< leaves everything running
};

/// A provider process of the demo.
struct Provider {
  std::string name;
  std::uint32_t account = 0;
  bool cheats = false;
  bool only_alone = false;  ///< in optimistic orders alone
};

/// A run that is bought: one picture through one model.
struct Order {
  std::string id;
  std::string model;  ///< "mlp", "lenet" or "trained"
  int digit = 0;
  bool optimistic = false;
  std::string wanted_root;     ///< output root of our own run
  json view = json::object();  ///< the newest answer of the API
  bool receipt_good = false;
};

/// The processes of the demo: a node with the ledger, honest providers, a liar, one that goes silent, one that cheats in one
/// element where nobody else runs the same, and a watcher.
class Network {
 public:
  explicit Network(Settings settings) : settings_(std::move(settings)) {}

  Status start_ledger();
  Status start_providers();
  /// `koinon watch`.
  Status start_watcher();
  /// Compiles examples/digits/digits-*.onnx with `koinon model build`. Errors: those of run().
  Status build_models();
  /// `koinon run` of one picture here. Returns the output root.
  Result<std::string> run_here(const std::string& model, int digit);
  /// `koinon order --no-wait`, by quorum or optimistic. Returns the order's id.
  Result<std::string> place(const std::string& model, int digit, bool optimistic);
  /// `koinon order --train`: a small net learns to read digits; three providers train it, and it becomes the model "trained".
  /// Returns what the command says. Errors: those of run().
  Result<json> train();
  /// What the watcher has checked and found: its /api/v1/watch.
  Result<json> watched();
  Result<json> get(const std::string& path);
  /// Fetches an order's receipt and has `koinon receipt verify` check it, offline and against the ledger.
  Status verify_receipt(const std::string& order);

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] const std::vector<Provider>& providers() const { return providers_; }
  [[nodiscard]] std::string name_of(std::uint32_t account) const;
  /// Process ids, the buyer's node first.
  [[nodiscard]] std::vector<pid_t> pids() const;
  void let_go();
  /// Ends every process: providers first, the ledger last.
  void stop();

 private:
  process::Start program(const std::string& name, std::vector<std::string> arguments) const;
  Result<std::string> koinon(std::vector<std::string> arguments, std::int64_t timeout_ms = 120'000) const;
  [[nodiscard]] std::string picture(int digit) const;
  [[nodiscard]] std::string model_file(const std::string& model) const;

  Settings settings_;
  std::string url_, watcher_url_;
  std::uint32_t watcher_ = 0;  ///< account
  net::HttpClient http_;
  std::vector<Provider> providers_;
  std::vector<process::Process> processes_;
};

}  // namespace koinon::test::demo
