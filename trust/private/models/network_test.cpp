#include "trust/private/models/network.hpp"

#include <gtest/gtest.h>

#include "trust/private/models/network_parts.hpp"
#include "trust/private/models/random_network_test.hpp"
#include "trust/private/probe_test.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;

/// Everything both sides hold.
struct Both {
  TableNetwork network;
  NetworkPlan plan;
  std::unique_ptr<const Context> context;
  base::SeededRandom random{7};
  std::optional<SecretKey> secret;
  PublicKey open;
  EvaluationKeys keys;
  NetworkModel model;

  Both(TableNetwork from, std::size_t batch) : network(std::move(from)) {
    auto planned = plan_network(network, batch);
    if (!planned) throw std::runtime_error(planned.error().text);
    plan = *planned;
    context = *Context::create(plan.parameters);
    secret.emplace(make_secret_key(*context, random));
    const auto& key = *secret;
    open = make_public_key(*context, key, random);
    keys = *make_network_keys(*context, plan, key, random);
    auto packed = pack_network(*context, plan, network);
    if (!packed) throw std::runtime_error(packed.error().text);
    model = std::move(*packed);
  }
  std::vector<std::int64_t> run(const std::vector<std::int64_t>& x) {
    const auto& key = *secret;
    const auto inputs = encrypt_inputs(*context, plan, key, x, random);
    EXPECT_TRUE(inputs) << inputs.error().text;
    const auto results = evaluate_network(*context, model, keys, *inputs);
    EXPECT_TRUE(results) << results.error().text;
    if (!results) return {};
    for (const auto& r : *results) EXPECT_LE(measured_noise(*context, key, r) * Bits::kUnit, r.noise.units);
    const auto hidden = conceal(*context, plan, open, *results, random.hash());
    EXPECT_TRUE(hidden) << hidden.error().text;
    const auto out = decrypt_outputs(*context, plan, key, *hidden, x.size() / plan.inputs);
    EXPECT_TRUE(out) << out.error().text;
    return *out;
  }
};

void expect_exact(const NetworkSizes& sizes, std::size_t batch) {
  std::mt19937_64 rng(sizes.inputs);
  Both both(random_network(rng, sizes), batch);
  std::vector<std::int64_t> x, wanted;
  for (std::size_t image = 0; image < batch; ++image) {
    std::vector<std::int64_t> one;
    for (std::size_t i = 0; i < sizes.inputs; ++i)
      one.push_back(image == 0 ? (both.network.first.weights[i] > 0 ? sizes.high : 0)
                               : static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(sizes.high + 1)));
    x.insert(x.end(), one.begin(), one.end());
    const auto y = plain_run(both.network, one);
    wanted.insert(wanted.end(), y.begin(), y.end());
  }
  EXPECT_EQ(both.run(x), wanted) << "degree " << both.plan.parameters.degree << ", domain " << both.plan.layers[0].domain;
}

TEST(Network, gives_the_plain_result_bit_for_bit) {
  expect_exact({.inputs = 5, .hidden = 3, .outputs = 2, .weight = 1, .high = 1}, 1);
  expect_exact({.inputs = 12, .hidden = 6, .outputs = 3, .weight = 1, .high = 3}, 1);
}

TEST(Network, runs_a_batch_at_once) { expect_exact({.inputs = 9, .hidden = 5, .outputs = 2, .weight = 1, .high = 2}, 8); }

TEST(Network, runs_two_and_three_layers_of_tables) {
  expect_exact({.inputs = 4, .hidden = 3, .outputs = 2, .weight = 1, .high = 1, .value = 1, .inner = {5}}, 1);
  expect_exact({.inputs = 3, .hidden = 4, .outputs = 2, .weight = 1, .high = 1, .value = 1, .inner = {2, 3}}, 2);
}

TEST(Network, puts_wide_last_layers_together_from_digits) {
  expect_exact({.inputs = 6, .hidden = 8, .outputs = 2, .weight = 1, .high = 1, .value = 127, .second = 30000}, 1);
}

TEST(Network, digits_add_up) {
  for (const int bits : {3, 7, 15}) {
    NetworkPlan plan;
    plan.parts = 3;
    plan.part_bits = bits;
    for (const std::int64_t value : {0LL, 1LL, -1LL, 4LL, 100LL, -32768LL, 65535LL, -1000000LL}) {
      std::int64_t sum = 0;
      for (std::size_t part = 0; part < 3; ++part)
        sum += digit_of(plan, value, part) * (1LL << (bits * static_cast<int>(part)));
      EXPECT_EQ(sum, value);
    }
  }
}

TEST(Network, plans_have_one_encoding_and_are_checked) {
  std::mt19937_64 rng(3);
  const auto plan = *plan_network(
      random_network(rng, {.inputs = 3, .hidden = 2, .outputs = 2, .weight = 1, .high = 1, .value = 1, .inner = {2}}));
  const auto bytes = encode(plan);
  const auto again = decode_network_plan(bytes);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(*again, plan);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_FALSE(decode_network_plan(base::ByteView(bytes).first(i)));
    auto changed = bytes;
    changed[i] ^= 0x80;
    const auto other = decode_network_plan(changed);
    if (other) EXPECT_EQ(encode(*other), changed);
  }
}

TEST(Network, refuses_what_does_not_fit) {
  std::mt19937_64 rng(3);
  auto network = random_network(rng, {.inputs = 5, .hidden = 3, .outputs = 2});
  network.tables[1].pop_back();
  EXPECT_EQ(plan_network(network).error().code, Code::invalid_argument);
  network = random_network(rng, {.inputs = 5, .hidden = 3, .outputs = 2});
  EXPECT_EQ(plan_network(network, 3).error().code, Code::invalid_argument);
  network.first.weights[0] = 20000;
  EXPECT_EQ(plan_network(network).error().code, Code::out_of_range);
  network = random_network(rng, {.inputs = 5, .hidden = 3, .outputs = 2});
  EXPECT_EQ(plan_network(network, 1 << 15).error().code, Code::unsupported);
  network = random_network(rng, {.inputs = 5, .hidden = 3, .outputs = 2, .weight = 1, .high = 1, .value = 1, .inner = {4}});
  network.inner[0].low[2] += 1;
  EXPECT_EQ(plan_network(network).error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace koinon::trust::fhe
