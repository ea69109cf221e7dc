// A network of LeNet's shape whose client helps: the provider's part of all five layers, and the client's. The outputs are
// compared with the plain run's before the time counts.
#include "trust/private/models/aided.hpp"

#include <benchmark/benchmark.h>

#include "engine/run/execute.hpp"
#include "trust/private/models/lenet_test.hpp"
#include "trust/private/serial.hpp"

namespace koinon::trust::fhe {
namespace {

using engine::tensor::IntTensor;

struct Layer {
  std::unique_ptr<const Context> context;
  SecretKey key;
  SharedModel model;
};

/// Everything of one run, made before.
struct Aided {
  AidedProgram program = *compile_aided(lenet());
  base::SeededRandom random{1};
  std::vector<Layer> layers;
  IntTensor input = IntTensor::zeros(engine::tensor::DType::i8, {1, 28, 28, 1});
  std::vector<Ciphertext> sent;
  std::vector<std::vector<Ciphertext>> results;
  std::vector<std::vector<std::int64_t>> sums;

  Aided() {
    std::mt19937_64 rng(2);
    for (std::int64_t i = 0; i < input.size(); ++i) input.set(i, static_cast<std::int64_t>(rng() % 128));
    for (const auto& one : program.layers) {
      auto context = *Context::create(one.plan.parameters);
      auto key = make_secret_key(*context, random);
      auto model = *pack_shared(*context, one.plan, one.weights);
      sent.push_back(*encrypt_shared(*context, one.plan, key, *aided_input(program, input, sums), random));
      results.push_back(*evaluate_shared(*context, model, sent.back()));
      sums.push_back(*decrypt_shared(*context, one.plan, key, results.back()));
      layers.push_back({std::move(context), std::move(key), std::move(model)});
    }
  }
  [[nodiscard]] bool right() const {
    return *aided_outputs(program, input, sums) == engine::run::execute(lenet(), std::vector{input}, {})->outputs;
  }
};

void count_bytes(benchmark::State& state, const Aided& s) {
  std::size_t up = 0, down = 0;
  for (std::size_t i = 0; i < s.layers.size(); ++i) {
    up += encode(*s.layers[i].context, s.sent[i]).size();
    for (const auto& c : s.results[i]) down += encode(*s.layers[i].context, c).size();
  }
  state.counters["kB_up"] = static_cast<double>(up) / 1e3;
  state.counters["kB_down"] = static_cast<double>(down) / 1e3;
}

void aided_lenet_provider(benchmark::State& state) {
  const Aided s;
  if (!s.right()) return state.SkipWithError("another result");
  for (auto _ : state)
    for (std::size_t i = 0; i < s.layers.size(); ++i)
      benchmark::DoNotOptimize(evaluate_shared(*s.layers[i].context, s.layers[i].model, s.sent[i]));
  count_bytes(state, s);
}
void aided_lenet_client(benchmark::State& state) {
  Aided s;
  if (!s.right()) return state.SkipWithError("another result");
  for (auto _ : state) {
    std::vector<std::vector<std::int64_t>> sums;
    for (std::size_t i = 0; i < s.layers.size(); ++i) {
      const auto& layer = s.layers[i];
      const auto x = *aided_input(s.program, s.input, sums);
      benchmark::DoNotOptimize(encrypt_shared(*layer.context, layer.model.plan, layer.key, x, s.random));
      sums.push_back(*decrypt_shared(*layer.context, layer.model.plan, layer.key, s.results[i]));
    }
    benchmark::DoNotOptimize(aided_outputs(s.program, s.input, sums));
  }
}
BENCHMARK(aided_lenet_provider)->Unit(benchmark::kMillisecond);
BENCHMARK(aided_lenet_client)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace koinon::trust::fhe
