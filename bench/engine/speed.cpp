// Time of one run of a model as an exact program, here, and how near it is to float.
//
//   bench_engine_speed MODEL.onnx SAMPLES.npz BITS THREADS      # prints one JSON object
//
// The program is built with the samples, and its outputs are compared with the float reference before any time is told.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "base/file.hpp"
#include "engine/io/quantise.hpp"
#include "engine/io/read.hpp"
#include "engine/quantise/build.hpp"
#include "engine/run/execute.hpp"

namespace {

using namespace koinon;
using namespace koinon::engine;

/// Samples of a model with one input: an array whose first axis counts them.
std::vector<std::vector<tensor::FloatTensor>> samples_of(const io::RealTensor& all) {
  tensor::Shape shape = all.shape;
  const auto count = static_cast<std::size_t>(shape[0]);
  shape[0] = 1;
  const std::size_t size = all.data.size() / count;
  std::vector<std::vector<tensor::FloatTensor>> out;
  for (std::size_t s = 0; s < count; ++s) {
    const auto* from = all.data.data() + s * size;
    out.push_back({{shape, {from, from + size}}});
  }
  return out;
}

/// The shortest of several runs, in milliseconds: what the machine's other work disturbs least.
double milliseconds(const program::Program& program, const std::vector<tensor::IntTensor>& inputs,
                    const run::RunOptions& options) {
  double best = 1e9, total = 0;
  for (int i = 0; i < 200 && (i < 5 || total < 2000); ++i) {
    const auto start = std::chrono::steady_clock::now();
    const auto run = run::execute(program, inputs, options);
    const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    if (!run) return -1;
    best = std::min(best, ms);
    total += ms;
  }
  return best;
}

/// Share of an untraced run that each kind of step takes.
std::string where(const program::Program& program, const std::vector<tensor::IntTensor>& inputs, run::RunOptions options) {
  std::map<std::string, double> spent;
  double total = 0;
  auto last = std::chrono::steady_clock::now();
  options.sink = [&](std::size_t step, std::span<const tensor::IntTensor* const>) {
    const auto now = std::chrono::steady_clock::now();
    const double ms = std::chrono::duration<double, std::milli>(now - last).count();
    spent[std::string(step_name(program.steps[step].kind))] += ms;
    total += ms;
    last = std::chrono::steady_clock::now();
  };
  if (!run::execute(program, inputs, options)) return "{}";
  std::string out;
  for (const auto& [kind, ms] : spent) out += fmt::format("{}\"{}\": {:.2f}", out.empty() ? "" : ", ", kind, ms / total);
  return "{" + out + "}";
}

int complain(const base::Error& error) {
  fmt::print(stderr, "{}\n", error.text);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: {} MODEL.onnx SAMPLES.npz BITS THREADS\n", argv[0]);
    return 2;
  }
  const auto model = base::read_file(argv[1], std::uint64_t{1} << 30), file = base::read_file(argv[2], std::uint64_t{1} << 30);
  if (!model) return complain(model.error());
  if (!file) return complain(file.error());
  const auto arrays = io::read_npz(*file);
  if (!arrays) return complain(arrays.error());
  const auto samples = samples_of(arrays->front());
  quantise::BuildOptions build;
  build.activations = std::stoi(argv[3]);
  const auto built = quantise::build(*model, samples, build);
  if (!built) return complain(built.error());
  const auto& program = built->program;
  const std::vector<double> first(samples[0][0].data.begin(), samples[0][0].data.end());
  const auto input = io::quantise(program.inputs[0], first);
  if (!input) return complain(input.error());
  const std::vector inputs{*input};
  const auto threads = static_cast<std::size_t>(std::stoi(argv[4]));
  base::ThreadPool pool(threads);
  run::RunOptions options;
  options.pool = threads > 1 ? &pool : nullptr;
  options.trace = false;
  const double untraced = milliseconds(program, inputs, options);
  const auto spent = where(program, inputs, options);
  options.trace = true;
  const double traced = milliseconds(program, inputs, options);
  fmt::print(
      "{{\"bits\": {}, \"threads\": {}, \"ms\": {:.4f}, \"traced_ms\": {:.4f}, \"operations\": {}, \"relative_error\": {:.6f}, "
      "\"spent\": {}}}\n",
      build.activations, threads, untraced, traced, program::operation_count(program), built->report.outputs[0].relative,
      spent);
  return 0;
}
