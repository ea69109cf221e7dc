#include <algorithm>

#include "trust/private/models/network_parts.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;
using base::Status;

Status check_layer(const char* name, const LinearLayer& layer) {
  const auto small = [](std::int64_t v) { return v >= -(1LL << 31) && v <= (1LL << 31); };
  const bool right = layer.outputs >= 1 && layer.inputs >= 1 && layer.outputs <= kMaxSide && layer.inputs <= kMaxSide &&
                     layer.weights.size() == layer.outputs * layer.inputs && layer.bias.size() == layer.outputs &&
                     layer.low <= layer.high && layer.low >= -32768 && layer.high <= 32768 &&
                     std::ranges::all_of(layer.weights, small) && std::ranges::all_of(layer.bias, small);
  if (!right)
    return fail(Code::invalid_argument, "[private] {} layer: {} outputs of {} inputs in [{}, {}], {} weights", name,
                layer.outputs, layer.inputs, layer.low, layer.high, layer.weights.size());
  return {};
}

using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;

/// One layer of tables over inputs in `ranges`; its values lie within [low, high].
Status check_tables(std::size_t number, const LinearLayer& layer, const std::vector<std::int64_t>& lows,
                    const std::vector<std::vector<std::int32_t>>& tables, const Ranges& ranges, const LinearLayer& next) {
  if (layer.inputs != ranges.size() || next.inputs != layer.outputs || lows.size() != layer.outputs ||
      tables.size() != layer.outputs)
    return fail(Code::invalid_argument, "[private] layer {}: {} inputs, {} hidden, {} tables, {} inputs of the next layer",
                number, layer.inputs, layer.outputs, tables.size(), next.inputs);
  for (std::size_t j = 0; j < layer.outputs; ++j) {
    const auto [low, high] = row_range(layer, j, ranges);
    if (high - low >= 65536)
      return fail(Code::out_of_range,
                  "[private] row {} of layer {} takes sums from {} to {}: at most 65536 different ones can pass a table; "
                  "fewer bits of weights or inputs help (model build --activations 4)",
                  j, number, low, high);
    if (lows[j] > low || lows[j] + static_cast<std::int64_t>(tables[j].size()) <= high || tables[j].size() > 65536)
      return fail(Code::invalid_argument, "[private] table {} of layer {} holds {} sums from {}: {} to {} expected", j, number,
                  tables[j].size(), lows[j], low, high);
    for (const auto v : tables[j])
      if (v < next.low || v > next.high)
        return fail(Code::invalid_argument, "[private] table {} of layer {} holds {}: within [{}, {}] expected", j, number, v,
                    next.low, next.high);
  }
  return {};
}

}  // namespace

Status check_network(const TableNetwork& network) {
  const auto& inner = network.inner;
  if (inner.size() + 1 > kMaxLayers)
    return fail(Code::unsupported, "[private] {} layers of tables: at most {}", inner.size() + 1, kMaxLayers);
  KOINON_CHECK(check_layer("first", network.first));
  KOINON_CHECK(check_layer("last", network.second));
  for (const auto& layer : inner) KOINON_CHECK(check_layer("inner", layer.linear));
  const auto next = [&](std::size_t i) -> const LinearLayer& { return i < inner.size() ? inner[i].linear : network.second; };
  KOINON_CHECK(check_tables(0, network.first, network.low, network.tables,
                            Ranges(network.first.inputs, {network.first.low, network.first.high}), next(0)));
  for (std::size_t i = 0; i < inner.size(); ++i)
    KOINON_CHECK(check_tables(i + 1, inner[i].linear, inner[i].low, inner[i].tables,
                              table_ranges(i == 0 ? network.tables : inner[i - 1].tables), next(i + 1)));
  return {};
}

std::vector<std::pair<std::int64_t, std::int64_t>> table_ranges(const std::vector<std::vector<std::int32_t>>& tables) {
  Ranges out;
  for (const auto& table : tables) {
    const auto [low, high] = std::ranges::minmax_element(table);
    out.emplace_back(low == table.end() ? 0 : *low, low == table.end() ? 0 : *high);
  }
  return out;
}

std::pair<std::int64_t, std::int64_t> row_range(const LinearLayer& layer, std::size_t row,
                                                const std::vector<std::pair<std::int64_t, std::int64_t>>& ranges) {
  auto low = layer.bias[row], high = low;
  for (std::size_t i = 0; i < layer.inputs; ++i) {
    const auto w = layer.weights[row * layer.inputs + i];
    low += std::min(w * ranges[i].first, w * ranges[i].second);
    high += std::max(w * ranges[i].first, w * ranges[i].second);
  }
  return {low, high};
}

}  // namespace koinon::trust::fhe
