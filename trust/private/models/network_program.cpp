#include "trust/private/models/network_program.hpp"

#include <algorithm>

#include "engine/program/bounds.hpp"
#include "engine/run/prepared.hpp"
#include "trust/private/models/section.hpp"
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

/// A section of a program that is run on chosen inputs.
class Probe {
 public:
  static Result<Probe> make(Program program) {
    Probe out;
    out.program_ = std::make_unique<Program>(std::move(program));
    KOINON_TRY(auto prepared, engine::run::Prepared::make(*out.program_, {}));
    out.prepared_ = std::make_unique<engine::run::Prepared>(std::move(prepared));
    return out;
  }
  [[nodiscard]] std::size_t inputs() const {
    return static_cast<std::size_t>(engine::tensor::element_count(program_->inputs[0].info.shape));
  }
  [[nodiscard]] Result<std::vector<std::int64_t>> run(std::span<const std::int64_t> x) const {
    const auto& info = program_->inputs[0].info;
    std::vector<IntTensor> inputs{IntTensor::zeros(info.dtype, info.shape)};
    for (std::size_t i = 0; i < x.size(); ++i) inputs[0].set(static_cast<std::int64_t>(i), x[i]);
    engine::run::RunOptions options;
    options.trace = options.roots = false;
    KOINON_TRY(const auto done, prepared_->run(inputs, options));
    std::vector<std::int64_t> out;
    for (std::int64_t i = 0; i < done.outputs[0].size(); ++i) out.push_back(done.outputs[0].at(i));
    return out;
  }

 private:
  std::unique_ptr<Program> program_;  ///< apart, since prepared_ borrows it
  std::unique_ptr<engine::run::Prepared> prepared_;
};

Result<Probe> probe(const Program& program, const std::vector<Range>& ranges, std::size_t start, std::size_t end,
                    const std::vector<std::size_t>& steps) {
  Section section(program, start, ranges[start], info_of(program, start), "start");
  for (const auto step : steps) KOINON_CHECK(section.add(step));
  KOINON_TRY(auto cut, std::move(section).finish(end));
  return Probe::make(std::move(cut));
}

/// The matrix of an affine section, from its values at `low` everywhere and one more at each place.
Result<LinearLayer> affine(const Probe& section, Range range) {
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

/// A section of functions of single elements, summed: its matrix over thermometer bits.
Result<LinearLayer> separable(const Probe& section, Range range) {
  const auto elements = section.inputs();
  const auto steps = static_cast<std::size_t>(range.high - range.low);
  std::vector<std::int64_t> x(elements, range.low);
  KOINON_TRY(const auto base, section.run(x));
  if (elements * steps > kMostProbes || elements * steps * base.size() > kMostWeights)
    return fail(Code::unsupported,
                "[private] thermometers of {} elements of {} steps for {} sums: fewer bits of inputs or fewer leaves help",
                elements, steps, base.size());
  LinearLayer out{.outputs = base.size(),
                  .inputs = elements * steps,
                  .weights = std::vector<std::int64_t>(base.size() * elements * steps),
                  .bias = base,
                  .low = 0,
                  .high = 1};
  for (std::size_t i = 0; i < elements; ++i) {
    auto before = base;
    for (std::size_t v = 0; v < steps; ++v) {
      x[i] = range.low + static_cast<std::int64_t>(v) + 1;
      KOINON_TRY(auto y, section.run(x));
      for (std::size_t row = 0; row < y.size(); ++row) out.weights[row * out.inputs + i * steps + v] = y[row] - before[row];
      before = std::move(y);
    }
    x[i] = range.low;
  }
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
Status fill_tables(const Probe& section, Range range, std::size_t step, const Lows& lows, Tables& tables) {
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
  KOINON_TRY(const auto sums, probe(program, ranges, start, stage.sums, stage.affine));
  KOINON_TRY(made.linear, number == 0 && stages.thermometer ? separable(sums, ranges[0]) : affine(sums, ranges[start]));
  const auto& before = number == 1 ? network.tables : number > 1 ? network.inner.back().tables : made.tables;
  const auto within =
      number == 0 ? std::vector(made.linear.inputs, std::pair(made.linear.low, made.linear.high)) : table_ranges(before);
  KOINON_CHECK(table_sizes(made.linear, within, stage.tables.front(), made.low, made.tables));
  KOINON_TRY(const auto tables, probe(program, ranges, stage.sums, stage.values, stage.tables));
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

Result<LinearLayer> affine_of(const Program& program, const std::vector<Range>& ranges, std::size_t start, std::size_t end,
                              const std::vector<std::size_t>& steps) {
  KOINON_TRY(const auto section, probe(program, ranges, start, end, steps));
  return affine(section, ranges[start]);
}

Result<std::vector<std::int64_t>> NetworkProgram::encode_input(std::span<const std::int64_t> x) const {
  for (std::size_t i = 0; i < x.size(); ++i)
    if (x[i] < low || x[i] > high)
      return fail(Code::out_of_range, "[private] input {}: within [{}, {}] expected", i, low, high);
  if (!thermometer) return std::vector<std::int64_t>(x.begin(), x.end());
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
  KOINON_TRY(const auto last, probe(program, ranges, values, stages.end, stages.last));
  KOINON_TRY(out.network.second, affine(last, ranges[values]));
  Section rest(program, stages.end, ranges[stages.end], info_of(program, stages.end), "accumulators");
  for (const auto step : stages.rest) KOINON_CHECK(rest.add(step));
  KOINON_TRY(out.rest, std::move(rest).finish());
  return out;
}

}  // namespace koinon::trust::fhe
