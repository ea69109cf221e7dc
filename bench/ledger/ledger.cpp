// How long one transaction takes from send() to its receipt on the local ledger, and how many a second several lanes manage,
// against a bare anvil that keeps no journal and that is asked by the fewest calls.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include "base/file.hpp"
#include "ledger/contracts/sample.hpp"
#include "ledger/local/anvil.hpp"
#include "ledger/local/local_ledger.hpp"
#include "ledger/tx_sender.hpp"

namespace {

using namespace koinon;
using base::Result;
using base::Status;
using ledger::contracts::Sample;
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

struct Figures {
  double median_ms = 0, p95_ms = 0, per_second = 0;
};

Figures figures(std::vector<double> each, double total_ms) {
  std::ranges::sort(each);
  const auto count = each.size();
  return {each[count / 2], each[count * 95 / 100], static_cast<double>(count) * 1000 / total_ms};
}

/// The work of `lanes` threads, each of which calls `one(lane)` `count` times. Errors: the first.
Result<Figures> measure(std::size_t lanes, std::size_t count, const std::function<Status(std::size_t)>& one) {
  std::vector<std::vector<double>> times(lanes);
  std::vector<Status> outcomes(lanes);
  const auto start = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (std::size_t lane = 0; lane < lanes; ++lane)
      threads.emplace_back([&, lane] {
        for (std::size_t i = 0; i < count && outcomes[lane]; ++i) {
          const auto begun = Clock::now();
          outcomes[lane] = one(lane);
          times[lane].push_back(ms_since(begun));
        }
      });
  }
  const auto total = ms_since(start);
  std::vector<double> all;
  for (const auto& part : times) all.insert(all.end(), part.begin(), part.end());
  for (const auto& outcome : outcomes) KOINON_CHECK(outcome);
  return figures(std::move(all), total);
}

std::vector<ledger::Key> make_keys(std::size_t count, std::uint64_t seed) {
  base::SeededRandom random(seed);
  std::vector<ledger::Key> keys;
  for (std::size_t i = 0; i < count; ++i) keys.push_back(ledger::Key::generate(random));
  return keys;
}

/// The contract must have counted every transaction.
Status check_count(ledger::Rpc& rpc, const base::Address& contract, std::uint64_t expected) {
  KOINON_TRY(const auto count, Sample(rpc, contract).count());
  if (count != expected) return base::fail(base::Code::internal, "[bench] counted {}: {} expected", count, expected);
  return {};
}

/// Our client on our ledger.
Result<Figures> ours(std::size_t lanes, std::size_t count) {
  base::TempFolder folder;
  base::SystemClock clock;
  ledger::MemoryPendingStore store;
  ledger::local::LocalLedgerOptions local;
  local.folder = folder.path();
  KOINON_TRY(const auto chain, ledger::local::LocalLedger::start(local));
  KOINON_TRY(const auto rpc, ledger::Rpc::open(chain->url()));
  ledger::TxOptions options;
  options.poll_ms = 50;  // as a node on a local ledger
  KOINON_TRY(const auto faucet, ledger::TxSender::start(*rpc, chain->faucet(), store, clock, options));
  ledger::TxRequest creation;
  KOINON_TRY(creation.data, Sample::creation_code(base::Wei(1)));
  KOINON_TRY(const auto created, faucet->send(creation));
  const auto keys = make_keys(lanes, 1);
  std::vector<std::unique_ptr<ledger::TxSender>> senders;
  for (const auto& key : keys) {
    ledger::TxRequest coins;
    coins.to = key.address();
    KOINON_TRY(coins.value, base::Wei::parse_tokens("10"));
    KOINON_TRY([[maybe_unused]] const auto funded, faucet->send(coins));
    KOINON_TRY(auto sender, ledger::TxSender::start(*rpc, key, store, clock, options));
    senders.push_back(std::move(sender));
  }
  const Sample sample(*rpc, *created.created);
  auto out = measure(lanes, count, [&](std::size_t lane) -> Status {
    KOINON_TRY(const auto request, sample.increase(1));
    KOINON_TRY([[maybe_unused]] const auto receipt, senders[lane]->send(request));
    return {};
  });
  KOINON_CHECK(check_count(*rpc, *created.created, lanes * count));
  return out;
}

/// The floor: signed raw transactions with known nonces and gas straight to anvil, which mines on demand.
Result<Figures> bare(std::size_t lanes, std::size_t count) {
  using nlohmann::json;
  KOINON_TRY(const auto binary, ledger::local::find_anvil());
  KOINON_TRY(const auto anvil, ledger::local::Anvil::start(binary, 1'700'000'000));
  auto& rpc = anvil->rpc();
  const auto keys = make_keys(lanes, 2);
  for (const auto& key : keys) {
    KOINON_TRY([[maybe_unused]] const auto set,
               rpc.call("anvil_setBalance", json::array({base::to_hex(key.address()), "0x8ac7230489e80000"})));
  }
  std::mutex mining;  // one block at a time, as on our ledger
  const auto send = [&](const ledger::Key& key, std::uint64_t nonce, std::optional<base::Address> to,
                        base::Bytes data) -> Status {
    const auto raw =
        ledger::sign({31'337, nonce, base::Wei(1), base::Wei(100'000'000'000), 3'000'000, to, {}, std::move(data)}, key).raw;
    KOINON_TRY(const auto hash, rpc.send_raw(raw));
    {
      const std::lock_guard lock(mining);
      KOINON_TRY([[maybe_unused]] const auto mined, rpc.call("evm_mine", json::array()));
    }
    KOINON_TRY(const auto receipt, rpc.receipt(hash));
    if (!receipt || !receipt->success) return base::fail(base::Code::internal, "[bench] not mined");
    return {};
  };
  KOINON_TRY(const auto code, Sample::creation_code(base::Wei(1)));
  KOINON_CHECK(send(keys[0], 0, std::nullopt, code));
  const auto contract = ledger::contract_address(keys[0].address(), 0);
  std::vector<std::uint64_t> nonces(lanes);
  nonces[0] = 1;
  const Sample sample(rpc, contract);
  auto out = measure(lanes, count, [&](std::size_t lane) -> Status {
    KOINON_TRY(const auto request, sample.increase(1));
    return send(keys[lane], nonces[lane]++, contract, request.data);
  });
  KOINON_CHECK(check_count(rpc, contract, lanes * count));
  return out;
}

Status run() {
  fmt::print("{:>5} {:<14} {:>10} {:>10} {:>10}\n", "lanes", "what", "median ms", "p95 ms", "per second");
  for (const std::size_t lanes : {1u, 8u}) {
    const std::size_t count = lanes == 1 ? 200 : 60;
    KOINON_TRY(const auto floor, bare(lanes, count));
    KOINON_TRY(const auto mine, ours(lanes, count));
    for (const auto& [name, f] : {std::pair("bare anvil", floor), std::pair("koinon", mine)})
      fmt::print("{:>5} {:<14} {:>10.1f} {:>10.1f} {:>10.0f}\n", lanes, name, f.median_ms, f.p95_ms, f.per_second);
    fmt::print("{:>5} {:<14} {:>10.1f} {:>10.1f} {:>10.2f}\n", lanes, "ratio", mine.median_ms / floor.median_ms,
               mine.p95_ms / floor.p95_ms, mine.per_second / floor.per_second);
  }
  return {};
}

}  // namespace

int main() {
  if (const auto done = run(); !done) {
    fmt::print(stderr, "{}\n", done.error().text);
    return 1;
  }
  return 0;
}
