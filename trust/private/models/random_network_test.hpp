#pragma once
#include <algorithm>
#include <random>

#include "trust/private/models/network.hpp"

namespace koinon::trust::fhe {

/// Sizes of a random network.
struct NetworkSizes {
  std::size_t inputs, hidden, outputs;
  std::int64_t weight = 3, high = 7, value = 7;  ///< largest weights of the first layer, inputs, values of tables
  std::int64_t second = 7;                       ///< largest weight of the last layer
  std::vector<std::size_t> inner = {};           ///< hidden values of further layers of tables, weights up to `weight`
};

/// A network of random weights, tables and offsets.
inline TableNetwork random_network(std::mt19937_64& rng, const NetworkSizes& sizes) {
  const auto within = [&](std::int64_t most) {
    return static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(2 * most + 1)) - most;
  };
  const auto linear = [&](std::size_t outputs, std::size_t inputs, std::int64_t weight, std::int64_t bias, std::int64_t low,
                          std::int64_t high) {
    LinearLayer out{.outputs = outputs, .inputs = inputs, .weights = {}, .bias = {}, .low = low, .high = high};
    for (std::size_t i = 0; i < outputs * inputs; ++i) out.weights.push_back(within(weight));
    for (std::size_t i = 0; i < outputs; ++i) out.bias.push_back(within(bias));
    return out;
  };
  const auto tables = [&](TableLayer& layer, const std::vector<std::pair<std::int64_t, std::int64_t>>& ranges) {
    for (std::size_t j = 0; j < layer.linear.outputs; ++j) {
      const auto [low, high] = row_range(layer.linear, j, ranges);
      layer.low.push_back(low);
      auto& table = layer.tables.emplace_back();
      for (auto sum = low; sum <= high; ++sum) table.push_back(static_cast<std::int32_t>(within(sizes.value)));
    }
  };
  TableLayer first{.linear = linear(sizes.hidden, sizes.inputs, sizes.weight, 20, 0, sizes.high), .low = {}, .tables = {}};
  tables(first, std::vector(sizes.inputs, std::pair<std::int64_t, std::int64_t>(0, sizes.high)));
  TableNetwork out;
  auto before = first.tables;
  for (const auto hidden : sizes.inner) {
    auto& layer = out.inner.emplace_back();
    layer.linear = linear(hidden, before.size(), sizes.weight, 20, -sizes.value, sizes.value);
    tables(layer, table_ranges(before));
    before = layer.tables;
  }
  out.second = linear(sizes.outputs, before.size(), sizes.second, 100, -sizes.value, sizes.value);
  out.first = std::move(first.linear);
  out.low = std::move(first.low);
  out.tables = std::move(first.tables);
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
  const auto looked_up = [](std::vector<std::int64_t> sums, const auto& low, const auto& tables) {
    for (std::size_t j = 0; j < sums.size(); ++j) sums[j] = tables[j].at(static_cast<std::size_t>(sums[j] - low[j]));
    return sums;
  };
  auto values = looked_up(dense(network.first, x), network.low, network.tables);
  for (const auto& layer : network.inner) values = looked_up(dense(layer.linear, values), layer.low, layer.tables);
  return dense(network.second, values);
}

}  // namespace koinon::trust::fhe
