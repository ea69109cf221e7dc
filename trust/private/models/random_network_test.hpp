#pragma once
#include <algorithm>
#include <random>

#include "trust/private/models/network.hpp"

namespace koinon::trust::fhe {

/// Sizes of a random network.
struct NetworkSizes {
  std::size_t inputs, hidden, outputs;
  std::int64_t weight = 3, high = 7, value = 7;  ///< largest weights of the first layer, inputs, values of tables
  std::int64_t second = 7;                       ///< largest weight of the second layer
};

/// A network of random weights, tables and offsets.
inline TableNetwork random_network(std::mt19937_64& rng, const NetworkSizes& sizes) {
  const auto within = [&](std::int64_t most) {
    return static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(2 * most + 1)) - most;
  };
  TableNetwork out;
  out.first = {.outputs = sizes.hidden, .inputs = sizes.inputs, .weights = {}, .bias = {}, .low = 0, .high = sizes.high};
  out.second = {
      .outputs = sizes.outputs, .inputs = sizes.hidden, .weights = {}, .bias = {}, .low = -sizes.value, .high = sizes.value};
  for (std::size_t i = 0; i < sizes.hidden * sizes.inputs; ++i) out.first.weights.push_back(within(sizes.weight));
  for (std::size_t i = 0; i < sizes.outputs * sizes.hidden; ++i) out.second.weights.push_back(within(sizes.second));
  for (std::size_t i = 0; i < sizes.outputs; ++i) out.second.bias.push_back(within(100));
  for (std::size_t j = 0; j < sizes.hidden; ++j) {
    out.first.bias.push_back(within(20));
    auto low = out.first.bias.back(), high = low;
    for (std::size_t i = 0; i < sizes.inputs; ++i)
      (out.first.weights[j * sizes.inputs + i] < 0 ? low : high) += out.first.weights[j * sizes.inputs + i] * sizes.high;
    out.low.push_back(low);
    auto& table = out.tables.emplace_back();
    for (auto sum = low; sum <= high; ++sum) table.push_back(static_cast<std::int32_t>(within(sizes.value)));
  }
  return out;
}

/// What the network gives in plain.
inline std::vector<std::int64_t> plain_run(const TableNetwork& network, std::span<const std::int64_t> x) {
  const auto dense = [](const LinearLayer& layer, std::span<const std::int64_t> in) {
    std::vector<std::int64_t> out = layer.bias;
    for (std::size_t row = 0; row < layer.outputs; ++row)
      for (std::size_t i = 0; i < layer.inputs; ++i) out[row] += layer.weights[row * layer.inputs + i] * in[i];
    return out;
  };
  auto hidden = dense(network.first, x);
  for (std::size_t j = 0; j < hidden.size(); ++j)
    hidden[j] = network.tables[j][static_cast<std::size_t>(hidden[j] - network.low[j])];
  return dense(network.second, hidden);
}

}  // namespace koinon::trust::fhe
