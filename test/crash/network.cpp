#include "test/crash/network.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.hpp"
#include "engine/io/quantise.hpp"
#include "market/onchain/onchain.hpp"
#include "market/sync/sync.hpp"
#include "test/e2e/world.hpp"
#include "work/inference/inference.hpp"

namespace koinon::test::crash {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using nlohmann::json;
using std::chrono::milliseconds;

constexpr std::int64_t kStartMs = 120'000;
constexpr std::int64_t kCallMs = 20'000;

}  // namespace

Network::Network(std::uint64_t seed) : random_(seed), http_({.timeout_ms = kCallMs}) {}

Status Network::launch(Host& host) {
  process::Start start;
  start.program = KOINON_PROGRAM;
  start.log = folder_.path() / (host.name + ".log");
  const bool buys = host.name == "buyer";
  start.arguments = {buys ? "up" : "provide",
                     "--json",
                     "--data",
                     (folder_.path() / host.name).string(),
                     "--http",
                     fmt::format("127.0.0.1:{}", host.port)};
  if (!buys)
    for (const auto& one : {std::string("--ledger"), url_, std::string("--price"), std::string("0.001"), std::string("--stake"),
                            std::string("10")})
      start.arguments.push_back(one);
  KOINON_TRY(host.process, process::Process::start(start));
  auto said = host.process->read_object(kStartMs);
  if (!said) {
    const auto log = base::read_file(start.log);
    const std::string text = log ? std::string(base::as_text(*log)) : "";
    return fail(std::move(said).error().within(
        host.name + " did not start: " + text.substr(text.size() - std::min<std::size_t>(text.size(), 600))));
  }
  const auto object = json::parse(*said, nullptr, false);
  if (!object.is_object() || !object.contains("url")) return fail(Code::malformed, "[{}] said {}", host.name, *said);
  const auto where = object["url"].get<std::string>();
  host.port = static_cast<std::uint16_t>(std::stoul(where.substr(where.rfind(':') + 1)));
  return {};
}

Status Network::start(int providers) {
  buyer_.name = "buyer";
  KOINON_CHECK(launch(buyer_));
  url_ = fmt::format("http://127.0.0.1:{}", buyer_.port);
  providers_.resize(static_cast<std::size_t>(providers));
  for (std::size_t i = 0; i < providers_.size(); ++i) {
    providers_[i].name = fmt::format("provider-{}", i);
    KOINON_CHECK(launch(providers_[i]));
  }
  KOINON_TRY([[maybe_unused]] const auto added,
             post("/api/v1/models", std::string(base::as_text(model_.file)), "application/octet-stream"));
  return {};
}

Result<std::string> Network::post(const std::string& path, std::string body, const std::string& type) {
  KOINON_TRY(const auto token, base::read_file(folder_.path() / "buyer" / "token"));
  net::ClientRequest request;
  request.method = net::Method::post;
  request.url = url_ + path;
  request.body = std::move(body);
  std::string bearer(base::as_text(token));
  while (!bearer.empty() && bearer.back() == '\n') bearer.pop_back();
  request.headers.set("authorization", "Bearer " + bearer);
  request.headers.set("content-type", type);
  KOINON_TRY(const auto answer, http_.send(request));
  if (!answer.ok()) return fail(Code::network, "[{}] status {}: {}", path, answer.status, answer.body_text());
  return answer.body_text();
}

Result<std::string> Network::place(std::uint64_t input) {
  const auto parts = model_.input(input);
  const auto tensors = work::input_tensors(model_.program, parts).value();
  json body = {{"program", base::to_hex(model_.id)},
               {"input", {{"input_data", json::array({engine::io::dequantise(tensors[0], model_.program.inputs[0].scale)})}}},
               {"max_price", "2000000000000000"},
               {"audit_bps", 0}};
  KOINON_TRY(const auto text, post("/api/v1/orders", body.dump(), "application/json"));
  const auto answer = json::parse(text, nullptr, false);
  if (!answer.is_object() || !answer.contains("id")) return fail(Code::malformed, "[place] {}", text);
  return answer["id"].is_string() ? answer["id"].get<std::string>() : answer["id"].dump();
}

pid_t Network::chain_pid() const {
  const auto tasks = fmt::format("/proc/{}/task", buyer_.process->pid());
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator(tasks, error)) {
    std::ifstream children(task.path() / "children");
    if (pid_t pid = 0; children >> pid) return pid;
  }
  return -1;
}

Status Network::torment(int times) {
  std::jthread customer([this](std::stop_token stop) {
    for (std::uint64_t input = 1; !stop.stop_requested(); ++input) {
      // What fails was never acknowledged: the node is down, or it was killed before it could answer.
      if (const auto id = place(input)) acknowledged_[*id] = input;
      std::this_thread::sleep_for(milliseconds(700));
    }
  });
  for (int i = 0; i < times; ++i) {
    std::this_thread::sleep_for(milliseconds(200 + dice(3'000)));
    const auto victim = dice(6);
    if (victim == 0) {
      if (const auto chain = chain_pid(); chain > 0) ::kill(chain, SIGKILL);
      continue;  // its node starts it again
    }
    auto& host = victim <= 2 ? buyer_ : providers_[dice(providers_.size())];
    host.process->kill();
    KOINON_CHECK(launch(host));
  }
  std::this_thread::sleep_for(milliseconds(1'000));
  return {};
}

Status Network::settle(std::int64_t timeout_ms) {
  std::string open;
  const bool over = e2e::eventually(
      [&] {
        open = "no answer";
        const auto answer = http_.get(url_ + "/api/v1/status");
        if (!answer || answer->status != 200) return false;
        const auto status = json::parse(answer->body_text(), nullptr, false);
        open = status["counts"].dump();
        return status["counts"]["orders"].get<std::uint64_t>() >= acknowledged_.size() &&
               status["counts"]["open"].get<std::uint64_t>() == 0;
      },
      timeout_ms);
  if (!over) return fail(Code::timeout, "[settle] orders are still open: {}", open);
  return {};
}

void Network::expect_nothing_lost() {
  const auto answer = http_.get(url_ + "/api/v1/deployment");
  ASSERT_TRUE(answer && answer->status == 200);
  const auto where = json::parse(answer->body_text());
  const auto deployment = ledger::Deployment::from_json(where["deployment"].dump()).value();
  const auto addresses = market::MarketAddresses::of(deployment).value();
  auto rpc = ledger::Rpc::open(where["rpc_url"].get<std::string>()).value();
  // An observer of its own, that reads everything from the first block.
  market::MemoryEventStore events;
  market::SyncOptions options;
  options.first_block = deployment.block;
  options.market = addresses.market;
  options.registry = addresses.registry;
  auto sync = market::Sync::start(*rpc, events, options).value();
  ASSERT_TRUE(sync->catch_up());
  sync->read([&](const market::Book& book, std::uint64_t) {
    EXPECT_GT(acknowledged_.size(), 0U);
    for (const auto& [text, input] : acknowledged_) {
      const auto* order = book.order(std::stoull(text));
      ASSERT_NE(order, nullptr) << "order " << text << " was acknowledged and is lost";
      ASSERT_EQ(order->phase, market::Phase::settled) << "order " << text;
      EXPECT_EQ(order->verdict->output_root, model_.run(model_.input(input)).roots.output) << "order " << text;
    }
    for (const auto& [id, order] : book.orders()) {
      EXPECT_TRUE(market::is_final(order.phase)) << "order " << id;
      EXPECT_TRUE(order.slashed.is_zero()) << "somebody was slashed in order " << id << " for having been killed";
      e2e::expect_conserved(order);
    }
    e2e::expect_book_matches(*rpc, deployment, book);
  });
  for (const auto& [text, input] : acknowledged_)
    EXPECT_TRUE(e2e::eventually([&] {
      const auto receipt = http_.get(url_ + "/api/v1/receipts/" + text);
      return receipt && receipt->status == 200;
    })) << "order "
        << text << " has no receipt";
}

}  // namespace koinon::test::crash
