#include "test/demo/network.hpp"

#include <fmt/format.h>

#include <future>

#include "base/file.hpp"

namespace koinon::test::demo {
namespace {

using base::Code;
using base::fail;

constexpr std::int64_t kStartMs = 60'000;
constexpr auto kPrice = "0.001";     ///< tokens that a provider asks for a run
constexpr auto kOffer = "0.002";     ///< most that the buyer pays for one
constexpr auto kHonestStake = "10";  ///< tokens
constexpr auto kCheatStake = "25";   ///< more stake is drawn more often, and there is more to lose
constexpr auto kSlyStake = "90";     ///< so that an order of one provider often meets it
constexpr auto kCommitWindow = "8";  ///< seconds to run a digit: who is silent so long is replaced or left behind

constexpr int kTrainers = 4;  ///< honest providers that sell training too

/// An MLP that learns to read digits in a second.
constexpr auto kRecipe = R"(seed = 1
batch = 32
steps = 150
[data]
format = "idx"
train = ["DIGITS/test-images.idx3.gz", "DIGITS/test-labels.idx1.gz"]
holdout = 0.2
[model]
layers = ["flatten", "linear 48", "relu", "linear 10"]
[optimiser]
rate = 0.1
momentum = 0.9
)";

Result<json> parse(const std::string& text) {
  auto parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object() && !parsed.is_array()) return fail(Code::malformed, "[demo] no JSON: {}", text.substr(0, 200));
  return parsed;
}

}  // namespace

process::Start Network::program(const std::string& name, std::vector<std::string> arguments) const {
  process::Start out;
  out.program = settings_.programs / name;
  out.arguments = std::move(arguments);
  out.log = settings_.data / "log";
  out.survives = settings_.keep;
  return out;
}

Result<std::string> Network::koinon(std::vector<std::string> arguments, std::int64_t timeout_ms) const {
  arguments.emplace_back("--json");
  return process::run(program("koinon", std::move(arguments)), timeout_ms);
}

std::string Network::picture(int digit) const { return (settings_.digits / fmt::format("digit-{}.png", digit)).string(); }
std::string Network::model_file(const std::string& model) const { return (settings_.data / (model + ".koinon")).string(); }

Status Network::start_ledger() {
  base::Error last;
  for (const auto port : {settings_.port, std::uint16_t{0}}) {
    auto start = program(
        "koinon", {"up", "--json", "--data", (settings_.data / "buyer").string(), "--http", fmt::format("127.0.0.1:{}", port)});
    start.log = settings_.data / "buyer.log";
    KOINON_TRY(auto process, process::Process::start(start));
    const auto said = process.read_object(kStartMs);
    if (said) {
      KOINON_TRY(const auto object, parse(*said));
      url_ = object.value("url", "");
      if (url_.empty()) return fail(Code::internal, "the node did not start: {}", *said);
      processes_.push_back(std::move(process));
      return {};
    }
    last = said.error();
  }
  return fail(std::move(last).within(fmt::format("the node did not start, see {}", (settings_.data / "buyer.log").string())));
}

Status Network::start_providers() {
  struct Wanted {
    std::string name;
    process::Start start;
    bool cheats = false;
  };
  std::vector<Wanted> wanted;
  const auto add = [&](const std::string& name, const std::string& file, std::vector<std::string> arguments, bool cheats,
                       const char* stake) {
    const auto folder = (settings_.data / name).string();
    for (const auto& one : {"--ledger", url_.c_str(), "--data", folder.c_str(), "--price", kPrice, "--stake", stake})
      arguments.emplace_back(one);
    Wanted out{name, program(file, std::move(arguments)), cheats};
    out.start.log = settings_.data / (name + ".log");
    wanted.push_back(std::move(out));
  };
  for (int i = 1; i <= settings_.honest; ++i)
    add(fmt::format("honest-{}", i), "koinon",
        {"provide", "--json", "--http", "127.0.0.1:0", "--kinds", i <= kTrainers ? "inference,training" : "inference"}, false,
        kHonestStake);
  add("liar", "koinon-adversary", {"--cheat", "lies"}, true, kCheatStake);
  add("silent", "koinon-adversary", {"--cheat", "silent"}, true, kCheatStake);
  add("sly", "koinon-adversary", {"--cheat", "errs"}, true, kSlyStake);
  const auto first = processes_.size();
  for (const auto& one : wanted) {
    KOINON_TRY(auto process, process::Process::start(one.start));
    processes_.push_back(std::move(process));
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    auto said = processes_[first + i].read_object(kStartMs);
    if (!said) return fail(std::move(said).error().within(wanted[i].name));
    KOINON_TRY(const auto object, parse(*said));
    providers_.push_back({wanted[i].name, object.value("account", 0U), wanted[i].cheats, wanted[i].name == "sly"});
  }
  return {};
}

Status Network::start_watcher() {
  auto start = program("koinon", {"watch", "--json", "--ledger", url_, "--http", "127.0.0.1:0", "--data",
                                  (settings_.data / "watcher").string()});
  start.log = settings_.data / "watcher.log";
  KOINON_TRY(auto process, process::Process::start(start));
  auto said = process.read_object(kStartMs);
  if (!said) return fail(std::move(said).error().within("watcher"));
  KOINON_TRY(const auto object, parse(*said));
  watcher_url_ = object.value("url", "");
  watcher_ = object.value("account", 0U);
  processes_.push_back(std::move(process));
  return {};
}

Status Network::build_models() {
  for (const std::string model : {"mlp", "lenet"}) {
    const auto source = (settings_.digits / fmt::format("digits-{}.onnx", model)).string();
    std::vector<std::string> arguments{"model", "build", source, "--name", "digits-" + model, "-o", model_file(model)};
    for (int digit = 0; digit < 10; ++digit) {
      arguments.emplace_back("--calibrate");
      arguments.push_back(picture(digit));
    }
    KOINON_TRY([[maybe_unused]] const auto report, koinon(std::move(arguments)));
  }
  return {};
}

Result<std::string> Network::run_here(const std::string& model, int digit) {
  KOINON_TRY(const auto text, koinon({"run", model_file(model), "--input", picture(digit)}));
  KOINON_TRY(const auto run, parse(text));
  return run.value("output_root", "");
}

Result<std::string> Network::place(const std::string& model, int digit, bool optimistic) {
  std::vector<std::string> arguments{"order",           model_file(model),
                                     "--input",         picture(digit),
                                     "--price",         kOffer,
                                     "--commit-window", kCommitWindow,
                                     "--node",          url_,
                                     "--token-file",    (settings_.data / "buyer" / "token").string(),
                                     "--no-wait"};
  if (optimistic)
    arguments.insert(arguments.end(), {"--check", "optimistic"});
  else
    arguments.insert(arguments.end(), {"--n", "3", "--k", "2"});
  KOINON_TRY(const auto text, koinon(std::move(arguments)));
  KOINON_TRY(const auto placed, parse(text));
  return placed.value("order", "");
}

Result<json> Network::train() {
  std::string recipe = kRecipe;
  const std::string place = "DIGITS", digits = std::filesystem::absolute(settings_.digits).string();
  for (auto at = recipe.find(place); at != std::string::npos; at = recipe.find(place, at + digits.size()))
    recipe.replace(at, place.size(), digits);
  const auto file = settings_.data / "digits-recipe.toml";
  KOINON_CHECK(base::write_file(file, base::as_bytes(recipe)));
  KOINON_TRY(const auto text, koinon({"order", "--train", file.string(), "-o", (settings_.data / "trained").string(), "--price",
                                      kOffer, "--receipt", (settings_.data / "receipt-training.json").string(), "--node", url_,
                                      "--token-file", (settings_.data / "buyer" / "token").string()}));
  return parse(text);
}

Result<json> Network::watched() {
  KOINON_TRY(const auto answer, http_.get(watcher_url_ + "/api/v1/watch"));
  if (answer.status != 200) return fail(Code::network, "[demo] the watcher answered {}", answer.status);
  return parse(answer.body_text());
}

Result<json> Network::get(const std::string& path) {
  KOINON_TRY(const auto answer, http_.get(url_ + path));
  if (answer.status != 200) return fail(Code::network, "[demo] GET {}: status {}: {}", path, answer.status, answer.body_text());
  return parse(answer.body_text());
}

Status Network::verify_receipt(const std::string& order) {
  KOINON_TRY(const auto answer, http_.get(url_ + "/api/v1/receipts/" + order));
  if (answer.status != 200) return fail(Code::not_found, "[demo] order {} has no receipt", order);
  const auto file = settings_.data / fmt::format("receipt-{}.json", order);
  KOINON_CHECK(base::write_file(file, base::as_bytes(answer.body_text())));
  KOINON_TRY([[maybe_unused]] const auto report, koinon({"receipt", "verify", file.string(), "--ledger", url_}));
  return {};
}

std::string Network::name_of(std::uint32_t account) const {
  for (const auto& provider : providers_)
    if (provider.account == account) return provider.name;
  if (account == watcher_ && account != 0) return "watcher";
  return account == 0 ? "nobody" : fmt::format("account {}", account);
}

std::vector<pid_t> Network::pids() const {
  std::vector<pid_t> out;
  for (const auto& process : processes_) out.push_back(process.pid());
  return out;
}

void Network::let_go() {
  for (auto& process : processes_) process.let_go();
}

void Network::stop() {
  if (processes_.empty()) return;
  std::vector<std::future<void>> ends;
  for (std::size_t i = 1; i < processes_.size(); ++i)
    ends.push_back(std::async(std::launch::async, [&process = processes_[i]] { process.stop(); }));
  for (auto& end : ends) end.get();
  processes_.front().stop();
}

}  // namespace koinon::test::demo
