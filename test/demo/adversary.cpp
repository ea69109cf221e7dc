// koinon-adversary: a provider that cheats, for the demo. All of it is the node that everybody runs; only its seller differs.
#include <pthread.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "base/log.hpp"
#include "node/api/api.hpp"
#include "node/node.hpp"
#include "test/cast/cast.hpp"
#include "work/inference/inference.hpp"

namespace koinon::test::demo {
namespace {

struct Wanted {
  std::string cheat = "lies";
  std::string ledger, data, price, stake;
};

base::Result<node::NodeOptions> options_of(const Wanted& wanted) {
  node::NodeOptions out;
  KOINON_TRY(out.config, node::load_config({{},
                                            node::process_environment(),
                                            {{"ledger.url", wanted.ledger},
                                             {"data", wanted.data},
                                             {"http.listen", "127.0.0.1:0"},
                                             {"provider.price", wanted.price},
                                             {"provider.stake", wanted.stake}}}));
  out.provide = true;
  KOINON_CHECK(out.kinds.add(std::make_unique<work::Inference>()));
  auto conduct = std::make_shared<cast::Conduct>();
  conduct->seller = wanted.cheat == "lies" ? cast::Mood::lies : wanted.cheat == "errs" ? cast::Mood::errs : cast::Mood::mute;
  out.make_seller = [conduct](const market::Services& services) {
    return std::make_unique<cast::ActingSeller>(services, conduct);
  };
  out.make_router = [](node::Node& node) { return node::make_api(node); };
  return out;
}

int serve(const Wanted& wanted) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  auto options = options_of(wanted);
  auto node =
      options ? node::Node::start(*std::move(options)) : base::Result<std::unique_ptr<node::Node>>(base::fail(options.error()));
  if (!node) {
    std::fprintf(stderr, "koinon-adversary: %s\n", node.error().text.c_str());
    return 1;
  }
  std::printf("{\"url\": \"%s\", \"account\": %u}\n", (*node)->url().c_str(), (*node)->account());
  std::fflush(stdout);
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) continue;
  return 0;
}

}  // namespace
}  // namespace koinon::test::demo

int main(int argc, char** argv) {
  koinon::test::demo::Wanted wanted;
  CLI::App app("A provider that cheats, for the demo");
  app.add_option("--cheat", wanted.cheat,
                 "lies: sells made-up results. silent: takes work and is never heard of again. errs: where its claim stands "
                 "alone, a run with one wrong element deep inside")
      ->check(CLI::IsMember({"lies", "silent", "errs"}));
  app.add_option("--ledger", wanted.ledger, "The node that runs the ledger")->required();
  app.add_option("--data", wanted.data, "Folder of the node")->required();
  app.add_option("--price", wanted.price, "Tokens an order")->required();
  app.add_option("--stake", wanted.stake, "Tokens")->required();
  CLI11_PARSE(app, argc, argv);
  return koinon::test::demo::serve(wanted);
}
