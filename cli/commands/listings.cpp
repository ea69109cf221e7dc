#include <charconv>
#include <nlohmann/json.hpp>

#include "cli/commands/commands.hpp"
#include "cli/remote/describe.hpp"
#include "cli/remote/node_client.hpp"
#include "cli/remote/order_progress.hpp"
#include "cli/terminal/console.hpp"
#include "net/url.hpp"

namespace koinon::cli {
namespace {

using base::Status;
using nlohmann::json;

/// Asks a node one thing and shows the answer. Arrays are wrapped under --json: {"models": [...]}.
class Listing : public Command {
 public:
  using Describe = std::string (*)(const json&);
  Listing(Info info, std::string path, Describe describe, std::string wrap = "")
      : Command(std::move(info)), path_(std::move(path)), describe_(describe), wrap_(std::move(wrap)) {}

  void options(Line& line) override { access_.options(line); }
  Status check() const override { return access_.check(); }
  Status run(Console& console) override { return show(console, path_); }

 protected:
  Status show(Console& console, const std::string& path) const {
    KOINON_TRY(auto node, NodeClient::open(access_));
    KOINON_TRY(const auto answer, node.get(path));
    console.print(describe_(answer));
    console.object(wrap_.empty() ? answer : json{{wrap_, answer}});
    return {};
  }
  NodeAccess access_;

 private:
  std::string path_;
  Describe describe_;
  std::string wrap_;
};

/// Errors: invalid_argument unless `id` is the number of an order.
Status check_order_id(const std::string& id, std::string_view where) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error == std::errc{} && end == id.data() + id.size()) return {};
  return base::fail(base::Code::invalid_argument, "[{}] '{}': the number of an order expected, as koinon orders lists them",
                    where, clean(id, 60));
}

class Orders final : public Listing {
 public:
  Orders() : Listing({"orders", "List orders, newest first", "koinon orders --mine"}, "", describe_orders) {}
  void options(Line& line) override {
    line.number("--limit N", limit_, 1, 200, "How many at most")
        .text("--before ID", before_, "Only orders placed before this one")
        .flag("--mine", mine_, "Only orders of the node's account");
    Listing::options(line);
  }
  Status check() const override {
    if (!before_.empty()) KOINON_CHECK(check_order_id(before_, "orders --before"));
    return Listing::check();
  }
  Status run(Console& console) override {
    auto path = fmt::format("/api/v1/orders?limit={}", limit_);
    if (!before_.empty()) path += "&before=" + net::percent_encode(before_);
    if (mine_) path += "&mine=true";
    return show(console, path);
  }

 private:
  std::int64_t limit_ = 50;
  std::string before_;
  bool mine_ = false;
};

/// One order; with --watch as it goes on, until it is final.
class OrderShow final : public Listing {
 public:
  explicit OrderShow(const std::string& path)
      : Listing({path, "One order's whole story", fmt::format("koinon {} 7", path)}, "", describe_order) {}
  void options(Line& line) override {
    line.text("id", id_, "The order", Need::required).flag("--watch", watch_, "Follow it until it is final");
    Listing::options(line);
  }
  Status check() const override {
    KOINON_CHECK(check_order_id(id_, info().path));
    return Listing::check();
  }
  Status run(Console& console) override {
    if (!watch_) return show(console, "/api/v1/orders/" + id_);
    KOINON_TRY(auto node, NodeClient::open(access_));
    auto progress = console.progress();
    KOINON_TRY(const auto order, follow_order(node, id_, progress));
    progress.finish();
    console.print(describe_order(order));
    console.object(order);
    return {};
  }

 private:
  std::string id_;
  bool watch_ = false;
};

std::unique_ptr<Command> models(const std::string& path) {
  return std::make_unique<Listing>(Command::Info{path, "List the models that the node knows", "koinon " + path},
                                   "/api/v1/models", describe_models, "models");
}

}  // namespace

std::unique_ptr<Command> make_status() {
  return std::make_unique<Listing>(Command::Info{"status", "The node, its account and its ledger", "koinon status"},
                                   "/api/v1/status", describe_status);
}

void add_listings(Commands& to) {
  to.push_back(std::make_unique<Orders>());
  to.push_back(std::make_unique<OrderShow>("orders show"));
  to.push_back(std::make_unique<OrderShow>("order-show"));
  to.push_back(std::make_unique<Listing>(Command::Info{"providers", "List who sells work, heaviest first", "koinon providers"},
                                         "/api/v1/providers", describe_providers, "providers"));
  to.push_back(std::make_unique<Listing>(
      Command::Info{"watch list", "List the claims that the node has run again, and what came of them", "koinon watch list"},
      "/api/v1/watch", describe_watch));
  to.push_back(models("models"));
  to.push_back(models("models list"));
}

}  // namespace koinon::cli
