// One thread. The transforms, and the operations of the scheme at the parameters of the peers' tables.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>

#include "trust/private/evaluate.hpp"
#include "trust/private/models/linear.hpp"
#include "trust/private/models/random_network_test.hpp"
#include "trust/private/serial.hpp"

namespace koinon::trust::fhe {
namespace {

enum class Direction { forward, inverse };

void transform(benchmark::State& state, const Kernels* k, Direction direction) {
  const auto n = static_cast<std::size_t>(state.range(0));
  if (k == nullptr) return state.SkipWithError("not on this processor");
  const Ntt ntt(n, Modulus((*primes_below(50, 2 * n, 1, {}))[0]));
  std::vector<double, Aligned<double>> a(n);
  for (std::size_t i = 0; i < n; ++i) a[i] = static_cast<double>(i * 12345677);
  for (auto _ : state) {
    direction == Direction::forward ? ntt.forward(a.data(), *k) : ntt.inverse(a.data(), *k);
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(transform, forward, &kernels(), Direction::forward)
    ->RangeMultiplier(2)
    ->Range(4096, 65536)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(transform, inverse, &kernels(), Direction::inverse)
    ->RangeMultiplier(2)
    ->Range(4096, 65536)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(transform, forward_portable, &portable_kernels(), Direction::forward)
    ->RangeMultiplier(2)
    ->Range(4096, 65536)
    ->Unit(benchmark::kMicrosecond);

/// About the modulus that SEAL's defaults use at each degree (218, 438, 881 bits), within the security table.
Wish wish_of(std::int64_t degree) {
  if (degree == 8192)
    return {.degree = 8192,
            .plain = 65537,
            .base_bits = 43,
            .level_bits = 43,
            .levels = 4,
            .special_bits = 44,
            .specials = 1,
            .digit = 1};
  if (degree == 16384)
    return {.degree = 16384,
            .plain = 65537,
            .base_bits = 48,
            .level_bits = 48,
            .levels = 7,
            .special_bits = 49,
            .specials = 2,
            .digit = 2};
  return {.degree = 32768,
          .plain = 65537,
          .base_bits = 48,
          .level_bits = 48,
          .levels = 15,
          .special_bits = 49,
          .specials = 3,
          .digit = 3};
}

struct Setup {
  std::unique_ptr<const Context> context;
  base::SeededRandom random{1};
  SecretKey secret;
  PublicKey open;
  EvaluationKeys keys;
  Plain plain;
  Ciphertext a, b;
  PreparedPlain prepared;

  explicit Setup(std::int64_t degree)
      : context(*Context::create(*choose(wish_of(degree)))),
        secret(make_secret_key(*context, random)),
        open(make_public_key(*context, secret, random)) {
    const auto top = context->levels();
    keys.relinearise = *make_relinearisation_key(*context, secret, top, random);
    for (int i = 0; i < 8; ++i)
      keys.galois.emplace(context->rotation(1 << i),
                          *make_galois_key(*context, secret, context->rotation(1 << i), top, random));
    std::mt19937_64 rng(1);
    std::vector<std::int64_t> slots(context->degree());
    for (auto& x : slots) x = static_cast<std::int64_t>(rng() % 65537) - 32768;
    plain = *encode_slots(*context, slots);
    a = *encrypt(*context, secret, plain, top, random);
    b = *encrypt(*context, secret, plain, top, random);
    prepared = *prepare(*context, plain, top);
  }
};

/// One setup alive at a time: keys at degree 32768 are some hundred MB.
const Setup& setup(std::int64_t degree) {
  static std::unique_ptr<Setup> held;
  if (!held || static_cast<std::int64_t>(held->context->degree()) != degree)
    held.reset(), held = std::make_unique<Setup>(degree);
  return *held;
}

/// Whether a result is what it should be, before its time counts: ciphertexts by decryption against `expected` slots.
bool right(const Setup& s, const Ciphertext& c, const std::vector<std::int64_t>& expected) {
  const auto plain = decrypt(*s.context, s.secret, c);
  return plain && decode_slots(*s.context, *plain) == expected;
}
bool right(const Setup& s, const std::vector<Ciphertext>& c, const std::vector<std::int64_t>& expected) {
  return right(s, c.front(), expected);
}
bool right(const Setup& s, const Plain& p, const std::vector<std::int64_t>& expected) {
  return decode_slots(*s.context, p) == expected;
}

/// What f makes of each slot, centred.
template <class F>
std::vector<std::int64_t> slots_of(const Setup& s, F f) {
  auto out = decode_slots(*s.context, s.plain);
  for (auto& x : out) {
    x = f(x) % 65537;
    if (x > 32768) x -= 65537;
    if (x < -32768) x += 65537;
  }
  return out;
}
std::vector<std::int64_t> same(const Setup& s) {
  return slots_of(s, [](std::int64_t x) { return x; });
}
std::vector<std::int64_t> turned(const Setup& s) {
  auto out = same(s);
  const auto half = static_cast<std::ptrdiff_t>(out.size() / 2);
  std::rotate(out.begin(), out.begin() + 1, out.begin() + half);
  std::rotate(out.begin() + half, out.begin() + half + 1, out.end());
  return out;
}
std::vector<std::int64_t> doubled(const Setup& s) {
  return slots_of(s, [](std::int64_t x) { return 2 * x; });
}
std::vector<std::int64_t> squared(const Setup& s) {
  return slots_of(s, [](std::int64_t x) { return x * x; });
}

/// Runs body(setup, evaluator) and counts; a failed or wrong result stops the bench.
template <class Body>
void measure(benchmark::State& state, std::vector<std::int64_t> (*expected)(const Setup&), Body body) {
  const auto& s = setup(state.range(0));
  const Evaluator e(*s.context, &s.keys);
  const auto first = body(s, e);
  if (!first || !right(s, *first, expected(s))) return state.SkipWithError("a wrong result");
  for (auto _ : state) {
    const auto result = body(s, e);
    if (!result) return state.SkipWithError(result.error().text.c_str());
    benchmark::DoNotOptimize(&*result);
  }
  state.counters["log2_QP"] = modulus_bits(s.context->parameters());
}

void encrypt_symmetric(benchmark::State& state) {
  base::SystemRandom random;
  measure(state, same, [&](const Setup& s, const Evaluator&) {
    return encrypt(*s.context, s.secret, s.plain, s.context->levels(), random);
  });
}
void encrypt_public(benchmark::State& state) {
  base::SystemRandom random;
  measure(state, same,
          [&](const Setup& s, const Evaluator&) { return encrypt(*s.context, s.open, s.plain, s.context->levels(), random); });
}
void decrypt_full(benchmark::State& state) {
  measure(state, same, [](const Setup& s, const Evaluator&) { return decrypt(*s.context, s.secret, s.a); });
}
void add(benchmark::State& state) {
  measure(state, doubled, [](const Setup& s, const Evaluator& e) { return e.add(s.a, s.b); });
}
void multiply_plain(benchmark::State& state) {
  measure(state, squared, [](const Setup& s, const Evaluator& e) { return e.multiply_plain(s.a, s.prepared); });
}
void multiply_relinearise(benchmark::State& state) {
  measure(state, squared, [](const Setup& s, const Evaluator& e) { return e.relinearise(*e.multiply(s.a, s.b)); });
}
void switch_modulus(benchmark::State& state) {
  measure(state, same, [](const Setup& s, const Evaluator& e) { return e.switch_modulus(s.a); });
}
void rotate(benchmark::State& state) {
  measure(state, turned, [](const Setup& s, const Evaluator& e) { return e.rotate(s.a, 1); });
}
void rotate_eight_hoisted(benchmark::State& state) {
  measure(state, turned, [](const Setup& s, const Evaluator& e) {
    return e.rotate_many(s.a, std::vector<std::int64_t>{1, 2, 4, 8, 16, 32, 64, 128});
  });
}
void seeded_switch_key(benchmark::State& state) {
  const auto& s = setup(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(switch_key_bytes(*s.context, s.context->levels()));
  state.counters["MB"] = static_cast<double>(switch_key_bytes(*s.context, s.context->levels())) / 1e6;
}

/// A linear layer from plain input to plain accumulators: argument 0 the outputs, 1 the inputs; 8-bit weights and inputs.
struct LinearSetup {
  LinearLayer layer;
  LinearPlan plan;
  std::unique_ptr<const Context> context;
  base::SystemRandom random;
  std::vector<std::int64_t> x, expected;

  LinearSetup(std::size_t outputs, std::size_t inputs) {
    std::mt19937_64 rng(outputs + inputs);
    const auto draw = [&] { return static_cast<std::int64_t>(rng() % 255) - 127; };
    layer = {.outputs = outputs, .inputs = inputs, .weights = {}, .bias = {}, .low = -127, .high = 127};
    for (std::size_t i = 0; i < outputs * inputs; ++i) layer.weights.push_back(draw());
    for (std::size_t i = 0; i < outputs; ++i) layer.bias.push_back(draw());
    for (std::size_t i = 0; i < inputs; ++i) x.push_back(draw());
    expected = layer.bias;
    for (std::size_t row = 0; row < outputs; ++row)
      for (std::size_t i = 0; i < inputs; ++i) expected[row] += layer.weights[row * inputs + i] * x[i];
    plan = *plan_linear(layer);
    context = *Context::create(plan.parameters);
  }
};

enum class Part { whole, provider };

void linear(benchmark::State& state, Part part) {
  LinearSetup s(static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)));
  const auto key = make_secret_key(*s.context, s.random);
  const auto open = make_public_key(*s.context, key, s.random);
  const auto model = *pack_linear(*s.context, s.plan, s.layer);
  const auto seed = s.random.hash();
  const auto inputs = *encrypt_inputs(*s.context, s.plan, key, s.x, s.random);
  const auto provide = [&](const std::vector<Ciphertext>& in) {
    return *conceal(*s.context, s.plan, open, *evaluate_linear(*s.context, model, in), seed);
  };
  const auto results = provide(inputs);
  if (*decrypt_outputs(*s.context, s.plan, key, results) != s.expected) return state.SkipWithError("a wrong result");
  for (auto _ : state) {
    if (part == Part::provider)
      benchmark::DoNotOptimize(provide(inputs));
    else
      benchmark::DoNotOptimize(
          *decrypt_outputs(*s.context, s.plan, key, provide(*encrypt_inputs(*s.context, s.plan, key, s.x, s.random))));
  }
  std::size_t up = 0, down = 0;
  for (const auto& c : inputs) up += encode(*s.context, c).size();
  for (const auto& c : results) down += encode(*s.context, c).size();
  state.counters["N"] = s.plan.parameters.degree;
  state.counters["kB_up"] = static_cast<double>(up) / 1e3;
  state.counters["kB_down"] = static_cast<double>(down) / 1e3;
}
BENCHMARK_CAPTURE(linear, whole, Part::whole)->Args({1, 30})->Args({10, 784})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(linear, provider, Part::provider)->Args({1, 30})->Args({10, 784})->Unit(benchmark::kMillisecond);

// By degree, so that each setup is made once.
const int kRegistered = [] {
  const std::pair<const char*, void (*)(benchmark::State&)> all[] = {
      {"encrypt_symmetric", encrypt_symmetric},
      {"encrypt_public", encrypt_public},
      {"decrypt", decrypt_full},
      {"add", add},
      {"multiply_plain", multiply_plain},
      {"multiply_relinearise", multiply_relinearise},
      {"switch_modulus", switch_modulus},
      {"rotate", rotate},
      {"rotate_eight_hoisted", rotate_eight_hoisted},
      {"seeded_switch_key", seeded_switch_key},
  };
  for (const int degree : {8192, 16384, 32768})
    for (const auto& [name, body] : all) benchmark::RegisterBenchmark(name, body)->Arg(degree)->Unit(benchmark::kMillisecond);
  return 0;
}();

/// A table network of random weights: 784 inputs of 3 bits, 128 hidden, 10 outputs; state.range(0): largest weight,
/// state.range(1): images at once. The decrypted sums are compared with the plain ones before the time counts.
void table_network(benchmark::State& state) {
  std::mt19937_64 rng(1);
  const auto network =
      random_network(rng, {.inputs = 784, .hidden = 128, .outputs = 10, .weight = state.range(0), .high = 7, .value = 7});
  const auto images = static_cast<std::size_t>(state.range(1));
  const auto plan = plan_network(network, images);
  if (!plan) return state.SkipWithError(plan.error().text.c_str());
  const auto context = *Context::create(plan->parameters);
  base::SeededRandom random{1};
  const auto key = make_secret_key(*context, random);
  const auto keys = *make_network_keys(*context, *plan, key, random);
  const auto model = *pack_network(*context, *plan, network);
  std::vector<std::int64_t> x, wanted;
  for (std::size_t i = 0; i < images; ++i) {
    std::vector<std::int64_t> one;
    for (std::size_t k = 0; k < 784; ++k) one.push_back(static_cast<std::int64_t>(rng() % 8));
    const auto y = plain_run(network, one);
    x.insert(x.end(), one.begin(), one.end());
    wanted.insert(wanted.end(), y.begin(), y.end());
  }
  const auto inputs = *encrypt_inputs(*context, *plan, key, x, random);
  auto results = *evaluate_network(*context, model, keys, inputs);
  if (*decrypt_outputs(*context, *plan, key, results, images) != wanted) return state.SkipWithError("another result");
  for (auto _ : state) results = *evaluate_network(*context, model, keys, inputs);
  const auto cost = *cost_of(*plan);
  state.counters["s/image"] = benchmark::Counter(static_cast<double>(images),
                                                 benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["keys_MB"] = static_cast<double>(cost.key_bytes) / 1e6;
  state.counters["memory_MB"] = static_cast<double>(cost.memory_bytes) / 1e6;
  state.counters["points"] = static_cast<double>(plan->layers[0].domain);
}
BENCHMARK(table_network)->Args({3, 1})->Args({3, 16})->Args({7, 1})->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace koinon::trust::fhe
