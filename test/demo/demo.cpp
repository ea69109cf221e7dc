// koinon-demo: a market on this machine in one minute. Competing providers run two models on real input; one of them lies, one
// goes silent; all orders must end rightly.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <future>
#include <thread>

#include "test/demo/report.hpp"

namespace koinon::test::demo {
namespace {

using base::Code;
using base::fail;
using Clock = std::chrono::steady_clock;

constexpr int kFirstOrders = 10;
constexpr int kAlone = 3;       ///< optimistic orders at a time: one provider runs each
constexpr int kMoreOrders = 4;  ///< at a time, while a cheat was never drawn
constexpr int kMostOrders = 30;
constexpr auto kOrderTime = std::chrono::seconds(120);

volatile std::sig_atomic_t interrupted = 0;
void on_signal(int) { interrupted = 1; }

class Story {
 public:
  void tell(const std::string& text) const {
    const auto seconds = std::chrono::duration<double>(Clock::now() - began_).count();
    std::printf("%5.1f s  %s\n", seconds, text.c_str());
    std::fflush(stdout);
  }
  [[nodiscard]] double seconds() const { return std::chrono::duration<double>(Clock::now() - began_).count(); }

 private:
  Clock::time_point began_ = Clock::now();
};

bool is_final(const json& order) {
  const auto state = order.value("state", "");
  return state == "settled" || state == "refunded";
}

bool has_receipt(const json& order) { return order.contains("receipt_url") && order["receipt_url"].is_string(); }

/// Places `count` orders: pictures in turn, both models.
Status place(Network& network, std::vector<Order>& orders, int count, bool optimistic = false) {
  for (int i = 0; i < count; ++i) {
    Order order;
    order.optimistic = optimistic;
    const auto number = static_cast<int>(orders.size());
    order.digit = number % 10;
    order.model = (number + number / 10) % 2 == 0 ? "mlp" : "lenet";
    KOINON_TRY(order.wanted_root, network.run_here(order.model, order.digit));
    KOINON_TRY(order.id, network.place(order.model, order.digit, optimistic));
    orders.push_back(std::move(order));
    if (interrupted != 0) return fail(Code::cancelled, "[demo] interrupted");
  }
  return {};
}

/// Follows the orders until all are over and those that were settled have receipts.
Status follow(Network& network, std::vector<Order>& orders, const Story& story) {
  const auto until = Clock::now() + kOrderTime;
  std::size_t told = 0;
  for (;;) {
    std::size_t over = 0;
    bool complete = true;
    for (auto& order : orders) {
      if (!is_final(order.view) || (order.view.value("state", "") == "settled" && !has_receipt(order.view))) {
        KOINON_TRY(order.view, network.get("/api/v1/orders/" + order.id));
      }
      over += is_final(order.view) ? 1 : 0;
      complete = complete && is_final(order.view) && (order.view.value("state", "") != "settled" || has_receipt(order.view));
    }
    if (over != told) story.tell(fmt::format("{} of {} orders are over", over, orders.size()));
    told = over;
    if (complete) return {};
    if (interrupted != 0) return fail(Code::cancelled, "[demo] interrupted");
    if (Clock::now() > until) return fail(Code::timeout, "[demo] {} of {} orders ended in time", over, orders.size());
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

bool all_cheats_met(const Network& network, const std::vector<Order>& orders) {
  const auto found = judge(network, orders);
  return std::ranges::all_of(network.providers(), [&](const Provider& p) { return !p.cheats || found.met.contains(p.name); });
}

/// The model that was bought is sold: one run of it.
Status sell_trained(Network& network, std::vector<Order>& orders) {
  Order order;
  order.digit = 7;
  order.model = "trained";
  KOINON_TRY(order.wanted_root, network.run_here(order.model, order.digit));
  KOINON_TRY(order.id, network.place(order.model, order.digit, false));
  orders.push_back(std::move(order));
  return {};
}

void verify_receipts(Network& network, std::vector<Order>& orders) {
  for (auto& order : orders) {
    if (order.receipt_good || is_condemned(order)) continue;
    const auto verified = network.verify_receipt(order.id);
    order.receipt_good = verified.has_value();
    if (!verified) std::printf("order %s: %s\n", order.id.c_str(), verified.error().text.c_str());
  }
}

Status play(Network& network, const Settings& settings, const Story& story) {
  auto models = std::async(std::launch::async, [&] { return network.build_models(); });
  KOINON_CHECK(network.start_ledger());
  story.tell(fmt::format("a node with a ledger of its own, and its page at {}", network.url()));
  KOINON_CHECK(network.start_providers());
  KOINON_CHECK(network.start_watcher());
  story.tell(fmt::format("{} providers have staked: {} honest, one that will lie, one that will go silent, and a sly one",
                         settings.honest + 3, settings.honest));
  KOINON_CHECK(models.get());
  story.tell("two models compiled to exact integer programs: an MLP and a LeNet");
  std::vector<Order> orders;
  KOINON_CHECK(place(network, orders, kFirstOrders));
  story.tell(fmt::format("{} orders placed, quorum(3, 2) each: what number is in the picture?", orders.size()));
  KOINON_CHECK(place(network, orders, kAlone, true));
  story.tell(fmt::format("{} optimistic orders placed: one provider runs each, and a watcher runs it again", kAlone));
  auto training = std::async(std::launch::async, [&] { return network.train(); });
  KOINON_CHECK(follow(network, orders, story));
  while (!all_cheats_met(network, orders) && orders.size() < kMostOrders) {
    story.tell("a cheat was never drawn yet; a few more orders");
    KOINON_CHECK(place(network, orders, kMoreOrders - kAlone));
    KOINON_CHECK(place(network, orders, kAlone, true));
    KOINON_CHECK(follow(network, orders, story));
  }
  KOINON_TRY(const auto trained, training.get());
  story.tell(
      fmt::format("a model was trained to order: {} steps, each the same for three providers; {:.0f} % of new digits right",
                  trained.value("steps", 0), 100 * trained.value("program_accuracy", 0.0)));
  KOINON_CHECK(sell_trained(network, orders));
  KOINON_CHECK(follow(network, orders, story));
  verify_receipts(network, orders);
  story.tell("every receipt checked, offline and against the ledger");
  const auto found = judge(network, orders);
  KOINON_TRY(const auto providers, network.get("/api/v1/providers"));
  std::printf("\n%s\n(!) slashed   as here: the output is that of our own run, bit for bit\n\n%s\n",
              orders_table(network, orders).c_str(), providers_table(network, providers).c_str());
  for (const auto& complaint : found.complaints) std::printf("NOT RIGHT: %s\n", complaint.c_str());
  KOINON_TRY(const auto watched, network.watched());
  for (const auto& claim : watched.value("claims", json::array()))
    if (claim.value("found", "") == "found")
      std::printf("order %s: %s was beaten by the watcher (%s): %s\n", claim.value("order", "?").c_str(),
                  network.name_of(claim.value("provider", 0U)).c_str(), claim.value("outcome", "?").c_str(),
                  claim.value("text", "?").c_str());
  std::printf("%zu of %zu orders right, %zu of %zu receipts good, %zu of %zu cheats caught, %.0f s\n", found.right,
              orders.size(), found.receipts, orders.size() - found.beaten, found.caught.size(), std::size_t{3},
              story.seconds());
  if (!found.good()) return fail(Code::rejected, "[demo] not everything is as it should be");
  return {};
}

int run(const Settings& settings) {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  std::printf(
      "Koinon: an open market of checked AI work. This demo runs on this machine alone; its money is worth nothing.\n\n");
  const Story story;
  Network network(settings);
  const auto played = play(network, settings, story);
  std::fflush(stdout);
  if (!played) std::fprintf(stderr, "koinon-demo: %s\n", played.error().text.c_str());
  if (settings.keep && !network.pids().empty()) {
    std::string pids;
    for (const auto pid : network.pids()) pids += fmt::format(" {}", pid);
    std::printf("\nStill up: %s\nLook at it with a browser. Stop it with:\n  kill%s && rm -rf %s\n", network.url().c_str(),
                pids.c_str(), settings.data.c_str());
    network.let_go();
  } else {
    network.stop();
  }
  return played ? 0 : 1;
}

}  // namespace
}  // namespace koinon::test::demo

int main(int argc, char** argv) {
  koinon::test::demo::Settings settings;
  CLI::App app("The market on this machine: two models, honest providers, a liar and one that goes silent");
  app.add_option("--programs", settings.programs, "Folder of koinon and koinon-adversary")->required();
  app.add_option("--digits", settings.digits, "examples/digits")->required();
  app.add_option("--data", settings.data, "An empty folder")->required();
  app.add_option("--port", settings.port, "Of the page");
  app.add_option("--honest", settings.honest, "Honest providers")->check(CLI::Range(7, 20));
  app.add_flag("--keep", settings.keep, "Leave everything running");
  CLI11_PARSE(app, argc, argv);
  return koinon::test::demo::run(settings);
}
