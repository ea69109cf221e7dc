// What tracing costs, how long a watcher takes to find a lie and to prove it, and what the proof costs on a chain. Every proof
// is checked by the contract and by its twin before its figures count.
//
//   bench_dispute [NAME...]   # digits-mlp, digits-lenet, or .koinon files; the first two by default
#include "trust/optimistic/dispute.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/file.hpp"
#include "engine/program/inner.hpp"
#include "engine/quantise/build.hpp"
#include "engine/run/prepared.hpp"
#include "ledger/contracts/fraud_check.hpp"
#include "ledger/deployment.hpp"
#include "ledger/local/local_ledger.hpp"
#include "ledger/pending_store.hpp"
#include "trust/optimistic/disputable.hpp"
#include "trust/optimistic/evidence.hpp"
#include "trust/optimistic/trace_server.hpp"

namespace {

using namespace koinon;
using namespace koinon::trust::optimistic;
using base::Result;
using engine::program::Program;
using engine::tensor::IntTensor;
using ledger::contracts::FraudCheck;

constexpr int kLies = 24;  ///< of each model

template <class T>
T must(Result<T> result) {
  if (result) return *std::move(result);
  fmt::print(stderr, "{}\n", result.error().text);
  std::exit(1);
}

template <class F>
double seconds(F&& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// A local chain with the contract that judges proofs.
struct Chain {
  base::TempFolder folder;
  base::SystemClock clock;
  ledger::MemoryPendingStore store;
  std::unique_ptr<ledger::local::LocalLedger> ledger;
  std::unique_ptr<ledger::Rpc> rpc;
  std::unique_ptr<ledger::TxSender> sender;
  base::Address judge;

  Chain() {
    ledger::local::LocalLedgerOptions options;
    options.folder = folder.path();
    options.block_ms = 0;
    ledger = must(ledger::local::LocalLedger::start(options));
    rpc = must(ledger::Rpc::open(ledger->url()));
    sender = must(ledger::TxSender::start(*rpc, ledger->faucet(), store, clock, {}));
    const auto none = [](const std::map<std::string, base::Address>&) -> Result<ledger::abi::Value> {
      return ledger::abi::Value{};
    };
    const auto made =
        must(ledger::deploy(*rpc, *sender, {{{"FraudCheck", FraudCheck::bytecode(), FraudCheck::entries()}, none}}, "bench"));
    judge = must(made.address("FraudCheck"));
  }

  /// Gas of a transaction that shows this proof, calldata included.
  std::uint64_t gas(const ClaimRoots& claim, const Fraud& fraud) {
    const FraudCheck contract(*rpc, judge);
    const auto kind = static_cast<std::uint8_t>(fraud.index());
    const FraudCheck::ClaimRoots roots{claim.program, claim.inputs, claim.outputs, claim.trace};
    const auto proof = encode(fraud);
    if (!must(contract.refutes(roots, kind, proof))) {
      fmt::print(stderr, "the contract does not see the lie\n");
      std::exit(1);
    }
    const auto request =
        must(ledger::call_request(judge, FraudCheck::entries().at(0),
                                  {roots.value(), ledger::abi::value_of(std::uint64_t{kind}), ledger::abi::value_of(proof)}));
    return must(rpc->estimate_gas({sender->address(), request.to, request.data, {}}));
  }
};

Result<Program> model(const std::string& name) {
  if (name.ends_with(".koinon")) {
    KOINON_TRY(const auto bytes, base::read_file(name, std::uint64_t{1} << 32));
    return engine::program::decode(bytes);
  }
  const bool file = name.ends_with(".onnx");
  KOINON_TRY(const auto bytes, base::read_file(file ? name : "examples/digits/" + name + ".onnx", 256 << 20));
  KOINON_TRY(auto built, engine::quantise::build(bytes, {}, {}));
  return std::move(built.program);
}

std::vector<IntTensor> random_inputs(const Program& program, base::Random& random) {
  std::vector<IntTensor> out;
  for (const auto& input : program.inputs) {
    out.push_back(IntTensor::zeros(input.info.dtype, input.info.shape));
    const auto span = static_cast<std::uint64_t>(input.high - input.low + 1);
    for (std::int64_t i = 0; i < out.back().size(); ++i)
      out.back().set(i, input.low + static_cast<std::int64_t>(random.u64() % span));
  }
  return out;
}

/// Milliseconds of one run, the median of some.
double run_ms(const Program& program, const std::vector<IntTensor>& inputs, bool trace) {
  engine::run::Prepared::Options how;
  how.trace = trace;
  const auto prepared = must(engine::run::Prepared::make(program, how));
  engine::run::RunOptions options;
  options.trace = trace;
  std::vector<double> times;
  for (int i = 0; i < 15; ++i) times.push_back(seconds([&] { must(prepared.run(inputs, options)); }) * 1e3);
  std::ranges::sort(times);
  return times[times.size() / 2];
}

/// What a provider claims whose run is false in one element.
struct Lie {
  std::vector<base::Hash> roots;
  std::size_t value;
  IntTensor tensor;
  ClaimRoots claim;
};

Lie lie_about(const ProgramTrees& trees, const KeptRun& own, const std::vector<IntTensor>& inputs, base::Random& random) {
  const auto& program = trees.program();
  Lie out{own.roots(), 0, {}, {}};
  do {  // nothing is claimed about an inner value
    out.value = program.inputs.size() + random.u64() % (out.roots.size() - program.inputs.size());
  } while (out.roots[out.value] == engine::program::kInnerRoot);
  out.tensor = must(own.values({out.value})).at(out.value);
  out.tensor.bytes[random.u64() % out.tensor.bytes.size()] ^= static_cast<std::uint8_t>(1 + random.u64() % 255);
  out.roots[out.value] = engine::tensor::tensor_root(out.tensor);
  std::vector<base::Hash> outputs;
  for (const auto& output : program.outputs) outputs.push_back(out.roots[output.ref.index()]);
  out.claim = {trees.id(), engine::run::input_root(inputs), base::list_root(base::Domain::outputs, outputs),
               engine::run::trace_root(out.roots)};
  return out;
}

struct Seen {
  std::vector<double> find_ms, bytes, gas, demands;
};

void dispute(Chain& chain, const ProgramTrees& trees, const KeptRun& own, const Lie& lie, Seen& seen) {
  std::vector<std::size_t> outputs;
  for (const auto& output : trees.program().outputs) outputs.push_back(output.ref.index());
  TraceServer server(lie.roots, outputs, [&](std::size_t value) -> Result<IntTensor> {
    if (value == lie.value) return lie.tensor;
    KOINON_TRY(auto one, own.values({value}));
    return std::move(one.at(value));
  });
  Dispute game(trees, own, lie.claim);
  std::optional<Fraud> fraud;
  double demands = 0, took = 0;
  while (!fraud) {
    Result<Finding> found = base::fail(base::Code::internal, "not asked");
    took += seconds([&] { found = game.next(); });
    auto finding = must(std::move(found));
    if (auto* shown = std::get_if<Fraud>(&finding)) {
      fraud = std::move(*shown);
    } else {
      const auto& demand = std::get<Demand>(finding);
      const auto answer = must(server.answer(demand));
      if (!game.give(demand, answer)) std::exit(1);
      ++demands;
    }
  }
  if (!must(refutes(trees, lie.claim, *fraud))) {
    fmt::print(stderr, "the twin does not see the lie\n");
    std::exit(1);
  }
  seen.gas.push_back(static_cast<double>(chain.gas(lie.claim, *fraud)));
  seen.find_ms.push_back(took * 1e3);
  seen.bytes.push_back(static_cast<double>(encode(*fraud).size()));
  seen.demands.push_back(demands);
}

std::string median_most(std::vector<double> all, double unit, int digits) {
  std::ranges::sort(all);
  return fmt::format("{:.{}f} / {:.{}f}", all[all.size() / 2] / unit, digits, all.back() / unit, digits);
}

void measure(Chain& chain, const std::string& name) {
  const auto program = must(model(name));
  if (const auto fit = disputable(program); !fit) {
    fmt::print("{}: {}\n", name, fit.error().text);
    return;
  }
  base::SeededRandom random(3);
  const auto inputs = random_inputs(program, random);
  const double plain = run_ms(program, inputs, false), traced = run_ms(program, inputs, true);
  const ProgramTrees trees(program);
  const auto own = must(KeptRun::make(program, inputs, {}));
  Seen seen;
  for (int i = 0; i < kLies; ++i) dispute(chain, trees, own, lie_about(trees, own, inputs, random), seen);
  fmt::print("| {} | {} | {:.3f} | {:.3f} ({:.1f}) | {} | {} | {} | {} |\n", name, program.steps.size(), plain, traced,
             traced / plain, median_most(seen.find_ms, 1, 1), median_most(seen.bytes, 1'024, 1),
             median_most(seen.gas, 1'000, 0), median_most(seen.demands, 1, 0));
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> names(argv + 1, argv + argc);
  if (names.empty()) names = {"digits-mlp", "digits-lenet"};
  Chain chain;
  fmt::print(
      "| model | steps | run ms | traced ms (times) | find and prove ms | proof KiB | thousand gas | demands, all withheld "
      "|\n");
  fmt::print("|---|---|---|---|---|---|---|---|\n");
  for (const auto& name : names) measure(chain, name);
  return 0;
}
