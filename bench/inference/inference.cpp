// Time of a run of a model as an exact program, and what it gives.
//
//   bench_inference MODEL.onnx SAMPLES.npz BITS THREADS      # prints one JSON object
//
// The program is built with the samples, prepared once and run on the first of them: ms without roots, roots_ms with those of
// input and output, traced_ms with those of a trace, which hashes kept_bytes of values. The three must give the same outputs.
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>

#include "base/file.hpp"
#include "engine/io/quantise.hpp"
#include "engine/io/read.hpp"
#include "engine/quantise/build.hpp"
#include "engine/run/prepared.hpp"

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
double milliseconds(const run::Prepared& program, const std::vector<tensor::IntTensor>& inputs,
                    const run::RunOptions& options) {
  double best = 1e9, total = 0;
  for (int i = 0; i < 20000 && (i < 5 || total < 2000); ++i) {
    const auto start = std::chrono::steady_clock::now();
    const auto run = program.run(inputs, options);
    const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    if (!run) return -1;
    best = std::min(best, ms);
    total += ms;
  }
  return best;
}

/// Bytes of the values that a trace hashes.
std::size_t kept_bytes(const program::Program& program) {
  std::size_t out = 0;
  const auto count = [&](const program::TensorInfo& info) {
    out += static_cast<std::size_t>(tensor::element_count(info.shape)) * tensor::dtype_size(info.dtype);
  };
  for (const auto& in : program.inputs) count(in.info);
  for (const auto& step : program.steps)
    for (const auto& info : step.outputs)
      if (!step.inner) count(info);
  return out;
}

int complain(const base::Error& error) {
  fmt::print(stderr, "{}\n", error.text);
  return 1;
}

int time_it(const program::Program& program, const std::vector<tensor::IntTensor>& inputs, int bits, std::size_t threads) {
  base::ThreadPool pool(threads);
  run::RunOptions plain, roots, traced;
  plain.pool = roots.pool = traced.pool = threads > 1 ? &pool : nullptr;
  plain.trace = roots.trace = plain.roots = false;
  const auto start = std::chrono::steady_clock::now();
  const auto joined = run::Prepared::make(program, {}), every = run::Prepared::make(program, {.isa = {}, .trace = true});
  const double prepare = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count() / 2;
  if (!joined || !every) return complain((!joined ? joined : every).error());
  const auto a = joined->run(inputs, plain), b = joined->run(inputs, roots), c = every->run(inputs, traced);
  if (!a || !b || !c) return complain((!a ? a : !b ? b : c).error());
  if (a->outputs != b->outputs || a->outputs != c->outputs || b->output_root != c->output_root) {
    fmt::print(stderr, "a traced run gives other outputs than an untraced one\n");
    return 1;
  }
  const auto reals = io::dequantise(a->outputs[0], program.outputs[0].scale);
  fmt::print(
      "{{\"bits\": {}, \"threads\": {}, \"ms\": {:.5f}, \"roots_ms\": {:.5f}, \"traced_ms\": {:.4f}, \"prepare_ms\": {:.3f}, "
      "\"operations\": {}, \"steps\": {}, \"nodes\": {}, \"kept_bytes\": {}, \"arena_bytes\": {}, \"peak_bytes\": {}, "
      "\"output\": [{}]}}\n",
      bits, threads, milliseconds(*joined, inputs, plain), milliseconds(*joined, inputs, roots),
      milliseconds(*every, inputs, traced), prepare, program::operation_count(program), program.steps.size(), joined->nodes(),
      kept_bytes(program), joined->arena_bytes(), a->peak_bytes, fmt::join(reals, ", "));
  return 0;
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
  return time_it(program, {*input}, build.activations, static_cast<std::size_t>(std::stoi(argv[4])));
}
