#include "trust/private/models/network_program.hpp"

#include <algorithm>

#include "engine/program/bounds.hpp"
#include "trust/private/models/section_run.hpp"
#include "trust/private/models/stages.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using engine::program::Program;
using engine::program::Range;
using engine::tensor::IntTensor;

constexpr std::size_t kMostProbes = 1 << 17;
constexpr std::size_t kMostWeights = std::size_t{1} << 26;

/// The matrix of an affine section, from its values at `low` everywhere and one more at each place.
Result<LinearLayer> affine(const SectionRun& section, Range range) {
  const auto inputs = section.inputs();
  std::vector<std::int64_t> x(inputs, range.low);
  KOINON_TRY(const auto base, section.run(x));
  if (inputs > kMostProbes || inputs * base.size() > kMostWeights)
    return fail(Code::unsupported, "[private] a layer of {} by {}: smaller ones are done", base.size(), inputs);
  LinearLayer out{.outputs = base.size(),
                  .inputs = inputs,
                  .weights = std::vector<std::int64_t>(base.size() * inputs),
                  .bias = base,
                  .low = range.low,
                  .high = range.high};
  if (range.low == range.high) return out;
  for (std::size_t i = 0; i < inputs; ++i) {
    x[i] = range.low + 1;
    KOINON_TRY(const auto y, section.run(x));
    x[i] = range.low;
    for (std::size_t row = 0; row < y.size(); ++row) {
      out.weights[row * inputs + i] = y[row] - base[row];
      out.bias[row] -= (y[row] - base[row]) * range.low;
    }
  }
  return out;
}

/// All bits of thermometers: one for each value of each element above the least.
Cuts all_cuts(std::size_t elements, Range range) {
  std::vector<std::int64_t> each;
  for (auto v = range.low + 1; v <= range.high; ++v) each.push_back(v);
  return Cuts(elements, each);
}

/// A section of functions of single elements, summed: its matrix over the bits of `cuts`. Of cuts that `thin` allows to go,
/// those where nothing changes are taken out.
Result<LinearLayer> separable(const SectionRun& section, Range range, Cuts& cuts, bool thin) {
  std::vector<std::int64_t> x(section.inputs(), range.low);
  KOINON_TRY(const auto base, section.run(x));
  if (bit_count(cuts) * base.size() > kMostWeights)
    return fail(Code::unsupported, "[private] {} bits of inputs for {} sums: fewer bits of inputs or fewer leaves help",
                bit_count(cuts), base.size());
  std::vector<std::vector<std::int64_t>> columns;
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    auto before = base;
    std::vector<std::int64_t> kept;
    for (const auto cut : cuts[i]) {
      x[i] = cut;
      KOINON_TRY(auto y, section.run(x));
      if (thin && y == before) continue;
      kept.push_back(cut);
      auto& column = columns.emplace_back(y);
      for (std::size_t row = 0; row < y.size(); ++row) column[row] -= before[row];
      before = std::move(y);
    }
    x[i] = range.low;
    cuts[i] = std::move(kept);
  }
  if (columns.empty()) return fail(Code::unsupported, "[private] sums that no input changes: nothing to compute");
  LinearLayer out{.outputs = base.size(),
                  .inputs = columns.size(),
                  .weights = std::vector<std::int64_t>(base.size() * columns.size()),
                  .bias = base,
                  .low = 0,
                  .high = 1};
  for (std::size_t i = 0; i < columns.size(); ++i)
    for (std::size_t row = 0; row < base.size(); ++row) out.weights[row * out.inputs + i] = columns[i][row];
  return out;
}

using Lows = std::vector<std::int64_t>;
using Tables = std::vector<std::vector<std::int32_t>>;

/// Least sum of every row, and tables that hold all its sums, for inputs in `ranges`.
Status table_sizes(const LinearLayer& layer, const std::vector<std::pair<std::int64_t, std::int64_t>>& ranges, std::size_t step,
                   Lows& lows, Tables& tables) {
  for (std::size_t row = 0; row < layer.outputs; ++row) {
    const auto [low, high] = row_range(layer, row, ranges);
    if (high - low >= 65536)
      return fail(Code::unsupported,
                  "[private] step {}: element {} takes sums from {} to {}, and a table under encryption has 65536 entries at "
                  "most; what helps: fewer bits (model build --activations 4)",
                  step, row, low, high);
    lows.push_back(low);
    tables.emplace_back(static_cast<std::size_t>(high - low + 1));
  }
  return {};
}

/// The functions of all elements at all their sums, one run for each sum.
Status fill_tables(const SectionRun& section, Range range, std::size_t step, const Lows& lows, Tables& tables) {
  std::size_t longest = 0;
  for (const auto& table : tables) longest = std::max(longest, table.size());
  std::vector<std::int64_t> x(tables.size());
  for (std::size_t k = 0; k < longest; ++k) {
    // Sums that the rows' bounds allow, but the program's own bounds exclude, never occur.
    for (std::size_t j = 0; j < x.size(); ++j) x[j] = std::clamp(lows[j] + static_cast<std::int64_t>(k), range.low, range.high);
    KOINON_TRY(const auto y, section.run(x));
    for (std::size_t j = 0; j < x.size(); ++j) {
      if (k >= tables[j].size()) continue;
      if (y[j] < -32768 || y[j] > 32767)
        return fail(Code::unsupported, "[private] step {}: a table gives {}: within 16 bits expected", step, y[j]);
      tables[j][k] = static_cast<std::int32_t>(y[j]);
    }
  }
  return {};
}

/// Layer `number` of the tables, from the value `start`.
Status compile_layer(const Program& program, const std::vector<Range>& ranges, const Stages& stages, std::size_t number,
                     NetworkProgram& out) {
  const auto& stage = stages.layers[number];
  auto& network = out.network;
  const auto start = number == 0 ? 0 : stages.layers[number - 1].values;
  TableLayer made;
  KOINON_TRY(const auto sums, SectionRun::make(program, ranges, start, stage.sums, stage.affine));
  KOINON_TRY(made.linear, number == 0 && stages.thermometer ? first_of_bits(program, ranges, sums, stage.affine, out.cuts)
                                                            : affine(sums, ranges[start]));
  const auto& before = number == 1 ? network.tables : number > 1 ? network.inner.back().tables : made.tables;
  const auto within =
      number == 0 ? std::vector(made.linear.inputs, std::pair(made.linear.low, made.linear.high)) : table_ranges(before);
  KOINON_CHECK(table_sizes(made.linear, within, stage.tables.front(), made.low, made.tables));
  KOINON_TRY(const auto tables, SectionRun::make(program, ranges, stage.sums, stage.values, stage.tables));
  KOINON_CHECK(fill_tables(tables, ranges[stage.sums], stage.tables.front(), made.low, made.tables));
  if (number != 0) {
    network.inner.push_back(std::move(made));
    return {};
  }
  network.first = std::move(made.linear);
  network.low = std::move(made.low);
  network.tables = std::move(made.tables);
  return {};
}

}  // namespace

Result<LinearLayer> first_of_bits(const Program& program, const std::vector<Range>& ranges, const SectionRun& sums,
                                  const std::vector<std::size_t>& steps, Cuts& cuts) {
  const auto values = static_cast<std::uint64_t>(ranges[0].high - ranges[0].low);
  if (values <= kMostProbes && values * sums.inputs() <= kMostProbes) {
    auto all = all_cuts(sums.inputs(), ranges[0]);
    return separable(sums, ranges[0], all, false);
  }
  KOINON_TRY(cuts, find_cuts(program, ranges, steps));
  return separable(sums, ranges[0], cuts, true);
}

Result<LinearLayer> affine_of(const Program& program, const std::vector<Range>& ranges, std::size_t start, std::size_t end,
                              const std::vector<std::size_t>& steps) {
  KOINON_TRY(const auto section, SectionRun::make(program, ranges, start, end, steps));
  return affine(section, ranges[start]);
}

Result<std::vector<std::int64_t>> NetworkProgram::encode_input(std::span<const std::int64_t> x) const {
  for (std::size_t i = 0; i < x.size(); ++i)
    if (x[i] < low || x[i] > high)
      return fail(Code::out_of_range, "[private] input {}: within [{}, {}] expected", i, low, high);
  if (!thermometer) return std::vector<std::int64_t>(x.begin(), x.end());
  if (!cuts.empty()) return bits_of(cuts, x);
  std::vector<std::int64_t> out;
  for (const auto value : x)
    for (auto v = low + 1; v <= high; ++v) out.push_back(value >= v ? 1 : 0);
  return out;
}

Result<NetworkProgram> compile_network(const Program& program) {
  KOINON_TRY(const auto ranges, engine::program::analyse(program));
  KOINON_TRY(const auto stages, find_stages(program));
  NetworkProgram out;
  out.thermometer = stages.thermometer;
  out.low = program.inputs[0].low;
  out.high = program.inputs[0].high;
  out.table_step = stages.layers.front().tables.front();
  out.last_step = stages.last.back();
  for (std::size_t i = 0; i < stages.layers.size(); ++i) KOINON_CHECK(compile_layer(program, ranges, stages, i, out));
  const auto values = stages.layers.back().values;
  KOINON_TRY(const auto last, SectionRun::make(program, ranges, values, stages.end, stages.last));
  KOINON_TRY(out.network.second, affine(last, ranges[values]));
  Section rest(program, stages.end, ranges[stages.end], info_of(program, stages.end), "accumulators");
  for (const auto step : stages.rest) KOINON_CHECK(rest.add(step));
  KOINON_TRY(out.rest, std::move(rest).finish());
  return out;
}

}  // namespace koinon::trust::fhe
