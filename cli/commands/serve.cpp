#include <pthread.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "cli/commands/commands.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "ledger/key.hpp"
#include "net/url.hpp"
#include "node/api/api.hpp"
#include "node/node.hpp"
#include "work/inference/inference.hpp"

namespace koinon::cli {
namespace {

using base::Status;
using nlohmann::json;

/// SIGINT and SIGTERM, held back from every thread of the process and waited for by one.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~StopSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// Returns when one came.
  void wait() const {
    int signal = 0;
    while (sigwait(&set_, &signal) != 0) continue;
  }
  /// From now on a signal ends the process at once: for whoever does not want to wait for the end.
  void release() const { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t set_{};
  sigset_t before_{};
};

/// The built web page: share/koinon/page beside an installed program, web/dist above one that was built here. Empty: none.
std::filesystem::path page_folder() {
  namespace fs = std::filesystem;
  std::error_code error;
  for (auto at = fs::read_symlink("/proc/self/exe", error).parent_path(); !error && at.has_relative_path();
       at = at.parent_path())
    for (const auto* folder : {"share/koinon/page", "web/dist"})
      if (fs::exists(at / folder / "index.html", error)) return at / folder;
  return {};
}

std::string balance_text(node::Node& node) {
  std::string out = "opening";
  node.sync().read([&](const market::Book& book, std::uint64_t) {
    if (const auto* account = book.account(node.account()))
      out = fmt::format("{} tokens free, {} staked", account->free.tokens(), account->stake.tokens());
  });
  return out;
}

/// True for a ledger on another machine.
bool is_elsewhere(const std::string& ledger) {
  if (ledger.empty()) return false;
  const auto url = net::Url::parse(ledger);
  return url && url->host != "localhost" && url->host != "::1" && !url->host.starts_with("127.");
}

/// up and provide: a node in this process until a signal ends it.
class Serve : public Command {
 public:
  Serve(Info info, bool provide, const Extensions& extensions)
      : Command(std::move(info)), provide_(provide), extensions_(extensions) {}

  void options(Line& line) override {
    line.text("--ledger URL", ledger_,
              "The ledger: another node, or a JSON-RPC server with --deployment; a local one when absent")
        .text("--deployment FILE", deployment_, "Addresses of the contracts, for a JSON-RPC server")
        .text("--share-ledger ADDR", share_ledger_,
              "Where a local ledger listens, such as 0.0.0.0, so that other machines join it; 127.0.0.1 when absent")
        .text("--data DIR", data_, "Folder of everything that the node keeps; ~/.koinon when absent")
        .text("--http ADDR:PORT", http_,
              "Where the API and the page are served; 127.0.0.1:7070 when absent, port 0: a free one")
        .text("--public URL", public_, "URL under which others reach this node")
        .text("--config FILE", config_, "Configuration (toml); DATA/koinon.toml when absent")
        .flag("--no-page", no_page_, "Serve no web page");
  }

  Status run(Console& console) override {
    const StopSignals signals;
    KOINON_TRY(auto options, node_options());
    KOINON_TRY(auto node, node::Node::start(std::move(options)));
    announce(console, *node);
    signals.wait();
    signals.release();
    console.note("koinon: stopping; once more to stop at once");
    node.reset();
    console.note("koinon: stopped");
    return {};
  }

 protected:
  void set(const std::string& key, const std::string& value) {
    if (!value.empty()) flags_[key] = value;
  }
  virtual void more_flags() {}

 private:
  base::Result<node::NodeOptions> node_options() {
    set("ledger.url", ledger_);
    set("ledger.deployment", deployment_);
    set("ledger.listen", share_ledger_);
    set("data", data_);
    set("http.listen", http_);
    set("http.public", public_);
    more_flags();
    node::NodeOptions out;
    KOINON_TRY(out.config, node::load_config({config_, node::process_environment(), flags_}));
    base::set_log_level(out.config.log_level);
    out.provide = provide_;
    KOINON_CHECK(out.kinds.add(std::make_unique<work::Inference>()));
    if (extensions_.kinds) KOINON_CHECK(extensions_.kinds(out.kinds));
    KOINON_TRY(out.rules, rules_with(extensions_));
    out.checks = extensions_.checks;
    for (const auto& kind : out.config.provider.kinds)
      if (auto known = out.kinds.find(kind); !known && provide_)
        return base::fail(std::move(known).error().within("[provide] --kinds"));
    if (!no_page_) out.page = page_folder();
    out.make_router = [page = out.page](node::Node& node) { return node::make_api(node, {.page = page}); };
    return out;
  }

  void announce(Console& console, node::Node& node) const {
    const auto& config = node.config();
    console.print(fmt::format("koinon " KOINON_VERSION " is up\n"
                              "  page      {}\n  account   {}, operator {}\n  balance   {}\n  ledger    {}{}\n  data      {}\n",
                              node.url(), node.account(), ledger::checksum_address(node.operator_address()), balance_text(node),
                              node.ledger_url(), node.runs_ledger() ? ", local: its money is worth nothing" : "",
                              config.data.string()));
    const auto price = price_of(config);
    if (provide_)
      console.print(fmt::format("  sells     {} for {} tokens an order{}\n", kinds_text(config), price.tokens(),
                                price == config.provider.price
                                    ? ""
                                    : fmt::format(": the price of the ladder above {}", config.provider.price.tokens())));
    if (config.public_endpoint.empty() && is_elsewhere(config.ledger_url))
      console.note(
          "koinon: others cannot fetch from this node: what it orders must be a model that they hold, and what it sells cannot "
          "be\n"
          "        collected. Give the address under which they reach it: --http 0.0.0.0:7070 --public "
          "http://THIS-MACHINE:7070");
    if (provide_)
      console.print("Its offer stays when it stops, and silence is slashed: koinon account offer --stop ends the offer.\n");
    console.print("Stop it with Ctrl-C.\n");
    console.object({{"url", node.url()},
                    {"account", node.account()},
                    {"operator", base::to_hex(node.operator_address())},
                    {"ledger", node.ledger_url()},
                    {"runs_ledger", node.runs_ledger()},
                    {"data", config.data.string()}});
    std::fflush(stdout);
  }

  /// What it sells for: prices stand on a ladder.
  static base::Wei price_of(const node::Config& config) {
    const auto tier = market::tier_from(config.provider.price);
    return tier ? market::tier_price(*tier) : config.provider.price;
  }

  static std::string kinds_text(const node::Config& config) {
    std::string out;
    for (const auto& kind : config.provider.kinds) out += (out.empty() ? "" : ", ") + kind;
    return out;
  }

  bool provide_;
  const Extensions& extensions_;
  bool no_page_ = false;
  std::string ledger_, deployment_, share_ledger_, data_, http_, public_, config_;
  std::map<std::string, std::string> flags_;
};

class Up final : public Serve {
 public:
  explicit Up(const Extensions& extensions)
      : Serve({"up", "Run a node, with a local ledger of its own unless --ledger names one", "koinon up"}, false, extensions) {}
};

class Provide final : public Serve {
 public:
  explicit Provide(const Extensions& extensions)
      : Serve({"provide", "Run a node that sells work",
               "koinon provide --ledger http://127.0.0.1:7070 --data p1 --http 127.0.0.1:0 --price 0.002"},
              true, extensions) {}
  void options(Line& line) override {
    line.text("--kinds LIST", kinds_, "Kinds of work that are sold, such as inference")
        .text("--price TOKENS", price_, "Standing price of one order; raised to the next price of the ladder")
        .text("--stake TOKENS", stake_, "Stake; what the market asks at least when absent")
        .text("--parallel N", parallel_, "Orders worked on at once");
    Serve::options(line);
  }

 private:
  void more_flags() override {
    set("provider.kinds", kinds_);
    set("provider.price", price_);
    set("provider.stake", stake_);
    set("provider.parallel", parallel_);
  }
  std::string kinds_, price_, stake_, parallel_;
};

}  // namespace

std::unique_ptr<Command> make_up(const Extensions& extensions) { return std::make_unique<Up>(extensions); }
std::unique_ptr<Command> make_provide(const Extensions& extensions) { return std::make_unique<Provide>(extensions); }

}  // namespace koinon::cli
