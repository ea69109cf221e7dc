#include <pthread.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/commands/commands.hpp"
#include "cli/commands/page_folder.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "ledger/key.hpp"
#include "net/url.hpp"
#include "node/api/api.hpp"
#include "node/config/fields.hpp"
#include "node/node.hpp"
#include "work/encrypted/encrypted.hpp"
#include "work/inference/inference.hpp"
#include "work/training/training.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Status;
using nlohmann::json;

/// SIGINT, SIGTERM and the SIGHUP of a terminal that closes (not under nohup), held back from every thread of the process and
/// waited for by one: the first asks for a stop, the second ends the process at once.
class StopSignals {
 public:
  explicit StopSignals(std::function<void()> first) : first_(std::move(first)) {
    sigemptyset(&set_);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGTERM);
    struct sigaction hangup{};
    if (sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN) sigaddset(&set_, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
    thread_ = std::jthread([this](const std::stop_token& end) { watch(end); });
  }
  ~StopSignals() {
    thread_.request_stop();
    thread_.join();
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// Asked for when a signal came.
  [[nodiscard]] std::stop_token token() const { return asked_.get_token(); }
  /// Returns when one came.
  void wait() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return asked_.stop_requested(); });
  }

 private:
  void watch(const std::stop_token& end) {
    const timespec look{0, 100'000'000};
    while (sigtimedwait(&set_, nullptr, &look) < 0)
      if (end.stop_requested()) return;
    {
      const std::lock_guard lock(mutex_);
      asked_.request_stop();
    }
    came_.notify_all();
    first_();
    // This thread takes the next one, as the system has it: for whoever does not want to wait for the end.
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    while (!end.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }

  const std::function<void()> first_;
  sigset_t set_{};
  sigset_t before_{};
  std::mutex mutex_;
  std::condition_variable came_;
  std::stop_source asked_;
  std::jthread thread_;  // last: it uses the others
};

/// A watcher that cannot pay for a dispute sees false claims paid.
void warn_of_means(Console& console, node::Node& node) {
  if (node.disputes() == nullptr) return;
  const auto terms = node.disputes()->dispute_terms();
  const auto fees = terms ? terms->demand_fee.times(terms->max_demands) : base::Result<base::Wei>(base::fail(terms.error()));
  base::Wei free;
  node.sync().read([&](const market::Book& book, std::uint64_t) {
    if (const auto* account = book.account(node.account())) free = account->free;
  });
  if (!fees || free >= *fees) return;
  console.note(fmt::format(
      "koinon: {} tokens are free. To dispute a claim whose provider shows nothing holds {} until it is over, and a "
      "challenge one price\n        of its order: until the account has them such claims are paid. Deposit with: "
      "koinon account deposit",
      free.tokens(), fees->tokens()));
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
              "Where a local ledger listens, such as 0.0.0.0 or 0.0.0.0:8545, so that other machines join it; 127.0.0.1 when "
              "absent")
        .text("--data DIR", data_, "Folder of everything that the node keeps; ~/.koinon when absent")
        .text(
            "--http ADDR:PORT", http_,
            "Where the API and the page are served, or a port of this machine; 127.0.0.1:7070 when absent, port 0: a free one")
        .text("--public URL", public_, "URL under which others reach this node")
        .text("--config FILE", config_, "Configuration (toml); DATA/koinon.toml when absent")
        .flag("--no-page", no_page_, "Serve no web page");
  }

  Status check() const override {
    for (const auto& [key, flag] : given()) {
      node::Config scratch;
      if (auto set = node::find_config_field(key)->set(scratch, flag.value); !set)
        return base::fail(Code::invalid_argument, "[{}] {} {}", info().path, flag.option, set.error().text);
    }
    if (!deployment_.empty() && ledger_.empty())
      return base::fail(Code::invalid_argument,
                        "[{}] --deployment names the contracts of a JSON-RPC server: --ledger URL expected", info().path);
    if (!share_ledger_.empty() && !ledger_.empty())
      return base::fail(Code::invalid_argument,
                        "[{}] --share-ledger shares a ledger of one's own, and --ledger names another's", info().path);
    return {};
  }

  Status run(Console& console) override {
    StopSignals signals([&console] { console.note("koinon: stopping; once more to stop at once"); });
    KOINON_TRY(auto options, node_options());
    options.stop = signals.token();
    auto started = node::Node::start(std::move(options));
    if (!started && signals.token().stop_requested()) return {};
    if (!started) return base::fail(std::move(started).error());
    auto node = *std::move(started);
    announce(console, *node);
    signals.wait();
    node->drain([&console](const std::string& line) { console.note("koinon: " + line); });
    node.reset();
    console.note("koinon: stopped");
    return {};
  }

 protected:
  /// What an option says about a field of the configuration.
  struct Flag {
    std::string option, value;
  };
  using Flags = std::map<std::string, Flag>;  ///< by field
  /// The kinds of work that this program knows.
  Status add_kinds(work::KindSet& to) const {
    KOINON_CHECK(to.add(std::make_unique<work::Inference>()));
    KOINON_CHECK(to.add(std::make_unique<work::Encrypted>()));
    KOINON_CHECK(to.add(std::make_unique<work::Training>()));
    return extensions_.kinds ? extensions_.kinds(to) : Status{};
  }
  /// The options of the command beyond those of every node.
  virtual void more_flags(Flags&) const {}

 private:
  [[nodiscard]] Flags given() const {
    Flags out = {{"ledger.url", {"--ledger", ledger_}},
                 {"ledger.deployment", {"--deployment", deployment_}},
                 {"ledger.listen", {"--share-ledger", share_ledger_}},
                 {"data", {"--data", data_}},
                 {"http.listen", {"--http", with_address(http_)}},
                 {"http.public", {"--public", public_}}};
    more_flags(out);
    std::erase_if(out, [](const auto& one) { return one.second.value.empty(); });
    return out;
  }
  /// A port alone means this machine.
  static std::string with_address(const std::string& listen) {
    const bool port = !listen.empty() && listen.find_first_not_of("0123456789") == std::string::npos;
    return port ? "127.0.0.1:" + listen : listen;
  }

  base::Result<node::NodeOptions> node_options() {
    std::map<std::string, std::string> flags;
    for (const auto& [key, flag] : given()) flags[key] = flag.value;
    node::NodeOptions out;
    KOINON_TRY(out.config, node::load_config({config_, node::process_environment(), flags}));
    base::set_log_level(out.config.log_level);
    out.provide = provide_;
    KOINON_CHECK(add_kinds(out.kinds));
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
    console.print(
        fmt::format("koinon " KOINON_VERSION " is up\n"
                    "  page      {}{}\n  account   {}, operator {}\n  balance   {}\n  ledger    {}{}\n  data      {}\n",
                    page_url(node), config.public_endpoint.empty() ? "" : ", for others " + config.public_endpoint,
                    node.account(), ledger::checksum_address(node.operator_address()), balance_text(node), node.ledger_url(),
                    node.runs_ledger() ? ", local: its money is worth nothing" : "", config.data.string()));
    const auto price = price_of(config);
    if (provide_)
      console.print(fmt::format("  sells     {} for {} tokens an order{}\n", kinds_text(config), price.tokens(),
                                price == config.provider.price
                                    ? ""
                                    : fmt::format(": the price of the ladder above {}", config.provider.price.tokens())));
    if (config.watch.others)
      console.print(fmt::format("  watches   {}\n", config.watch.full_price.is_zero()
                                                        ? "every claim of optimistic orders"
                                                        : fmt::format("claims of optimistic orders, all from {} tokens on",
                                                                      config.watch.full_price.tokens())));
    if (config.watch.others) warn_of_means(console, node);
    if (config.public_endpoint.empty() && is_elsewhere(config.ledger_url))
      console.note(
          "koinon: others cannot fetch from this node: what it orders must be a model that they hold, and what it sells cannot "
          "be\n"
          "        collected. Give the address under which they reach it: --http 0.0.0.0:7070 --public "
          "http://THIS-MACHINE:7070");
    if (provide_)
      console.print(
          "Ctrl-C withdraws its offer and ends the orders that it is drawn for; killed, it is drawn on and slashed.\n");
    console.print("Stop it with Ctrl-C.\n");
    console.object({{"url", node.url()},
                    {"account", node.account()},
                    {"operator", base::to_hex(node.operator_address())},
                    {"ledger", node.ledger_url()},
                    {"runs_ledger", node.runs_ledger()},
                    {"data", config.data.string()}});
    std::fflush(stdout);
  }

  /// Where a person opens the page. On a terminal with the token behind it, which the page takes from there: what it then shows
  /// and does is the owner's. The part behind # is never sent anywhere. A log gets none.
  static std::string page_url(const node::Node& node) {
    return ::isatty(STDOUT_FILENO) == 1 ? fmt::format("{}/#token={}", node.url(), node.token()) : node.url();
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
};

class Up final : public Serve {
 public:
  explicit Up(const Extensions& extensions)
      : Serve({"up", "Run a node, with a local ledger of its own unless --ledger names one", "koinon up"}, false, extensions) {}
  void options(Line& line) override {
    line.flag("--watch", watch_, "Run claims of optimistic orders again, and dispute wrong ones (koinon watch)");
    Serve::options(line);
  }

 private:
  void more_flags(Flags& to) const override {
    if (watch_) to["watch.others"] = {"--watch", "yes"};
  }
  bool watch_ = false;
};

/// A node that watches: it sells nothing.
class Watch final : public Serve {
 public:
  explicit Watch(const Extensions& extensions)
      : Serve({"watch", "Run a node that re-runs claims of optimistic orders, and disputes wrong ones for the reward",
               "koinon watch --ledger http://127.0.0.1:7070 --data w1 --http 127.0.0.1:0"},
              false, extensions) {}
  void options(Line& line) override {
    line.text("--full-price TOKENS", full_price_,
              "Check every claim of orders of this price, cheaper ones in proportion; every claim when absent");
    Serve::options(line);
  }

 private:
  void more_flags(Flags& to) const override {
    to["watch.others"] = {"watch", "yes"};
    to["watch.full_price"] = {"--full-price", full_price_};
  }
  std::string full_price_;
};

class Provide final : public Serve {
 public:
  explicit Provide(const Extensions& extensions)
      : Serve({"provide", "Run a node that sells work",
               "koinon provide --ledger http://127.0.0.1:7070 --data p1 --http 127.0.0.1:0 --price 0.002"},
              true, extensions) {}
  Status check() const override {
    KOINON_CHECK(Serve::check());
    KOINON_CHECK(check_kinds());
    if (price_.empty()) return {};
    KOINON_TRY(const auto price, base::Wei::parse_tokens(price_));
    if (const auto tier = market::tier_from(price); !tier) return base::fail(tier.error());
    return {};
  }
  void options(Line& line) override {
    line.text("--kinds LIST", kinds_, "Kinds of work that are sold, such as inference")
        .text("--price TOKENS", price_, "Standing price of one order; raised to the next price of the ladder")
        .text("--stake TOKENS", stake_, "Stake; what the market asks at least when absent")
        .text("--parallel N", parallel_, "Orders worked on at once");
    Serve::options(line);
  }

 private:
  Status check_kinds() const {
    if (kinds_.empty()) return {};
    node::Config scratch;
    KOINON_CHECK(node::find_config_field("provider.kinds")->set(scratch, kinds_));
    work::KindSet known;
    KOINON_CHECK(add_kinds(known));
    for (const auto& kind : scratch.provider.kinds)
      if (auto found = known.find(kind); !found) return base::fail(std::move(found).error().within("[provide] --kinds"));
    return {};
  }
  void more_flags(Flags& to) const override {
    to["provider.kinds"] = {"--kinds", kinds_};
    to["provider.price"] = {"--price", price_};
    to["provider.stake"] = {"--stake", stake_};
    to["provider.parallel"] = {"--parallel", parallel_};
  }
  std::string kinds_, price_, stake_, parallel_;
};

}  // namespace

std::filesystem::path page_folder() {
  namespace fs = std::filesystem;
  std::error_code error;
  for (auto at = fs::read_symlink("/proc/self/exe", error).parent_path(); !error && at.has_relative_path();
       at = at.parent_path())
    for (const auto* folder : {"share/koinon/page", "web/dist"})
      if (fs::exists(at / folder / "index.html", error)) return at / folder;
  return {};
}

std::unique_ptr<Command> make_up(const Extensions& extensions) { return std::make_unique<Up>(extensions); }
std::unique_ptr<Command> make_watch(const Extensions& extensions) { return std::make_unique<Watch>(extensions); }
std::unique_ptr<Command> make_provide(const Extensions& extensions) { return std::make_unique<Provide>(extensions); }

}  // namespace koinon::cli
