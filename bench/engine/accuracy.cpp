// Error of programs against float, for a folder of models: one folder a model, with network.onnx and input.json.
//
//   bench_engine_accuracy DIR [NAME...]
//
// Each model is calibrated with its input and 15 made ones, built with 8 and with 16 bits, run on 8 others, and compared with
// the float reference. A made input has the distribution of the given one: each element lies between two elements of it, times
// 0.9 to 1.1; whole numbers are elements of it. The error of an output is the largest difference as a share of the range of the
// float output over the 8 (of its magnitude, when all its values are one).
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "base/file.hpp"
#include "base/random.hpp"
#include "engine/io/quantise.hpp"
#include "engine/io/read.hpp"
#include "engine/operators/import.hpp"
#include "engine/quantise/build.hpp"
#include "engine/run/execute.hpp"

namespace {

using namespace koinon;
using namespace koinon::engine;
using Sample = std::vector<tensor::FloatTensor>;

constexpr std::size_t kCalibration = 16, kTests = 8;

/// A model in float, the inputs that it is calibrated with and those that its error is taken on.
struct Task {
  std::filesystem::path folder;  ///< of the model, where its weights may lie beside it
  base::Bytes model;
  onnx::Graph graph;
  std::vector<Sample> calibration, tests;
};

/// An input of the distribution of `given`.
Sample make_alike(const Sample& given, const onnx::Graph& graph, base::SeededRandom& random) {
  const auto unit = [&] { return static_cast<double>(random.u64() >> 11) * 0x1p-53; };
  Sample out = given;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto pick = [&] { return static_cast<double>(given[i].data[random.u64() % given[i].data.size()]); };
    const bool real = onnx::is_float(graph.values[static_cast<std::size_t>(graph.inputs[i])].type.element);
    for (auto& v : out[i].data) {
      const double a = pick(), b = pick(), share = unit(), factor = 0.9 + 0.2 * unit();
      v = static_cast<float>(real ? (a + share * (b - a)) * factor : a);
    }
  }
  return out;
}

base::Result<Task> read_task(const std::filesystem::path& folder) {
  Task task;
  task.folder = folder;
  KOINON_TRY(task.model, base::read_file(folder / "network.onnx"));
  operators::ImportOptions options;
  options.read.folder = folder;
  KOINON_TRY(task.graph, operators::import_model(task.model, options));
  KOINON_TRY(const auto bytes, base::read_file(folder / "input.json"));
  KOINON_TRY(const auto arrays, io::read_json(bytes));
  const auto& graph = task.graph;
  if (arrays.size() < graph.inputs.size())
    return base::fail(base::Code::invalid_argument, "{} arrays for {} inputs", arrays.size(), graph.inputs.size());
  Sample given;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i)
    given.push_back(
        {graph.values[static_cast<std::size_t>(graph.inputs[i])].type.shape, {arrays[i].data.begin(), arrays[i].data.end()}});
  base::SeededRandom random(1);
  task.calibration.push_back(given);
  while (task.calibration.size() < kCalibration) task.calibration.push_back(make_alike(given, graph, random));
  while (task.tests.size() < kTests) task.tests.push_back(make_alike(given, graph, random));
  return task;
}

/// What an output is in float and how far the program is from it.
struct Spread {
  double low = INFINITY, high = -INFINITY, error = 0;
  [[nodiscard]] double relative() const {
    const double range = high - low, magnitude = std::max(std::fabs(low), std::fabs(high));
    return error / (range > 0 ? range : magnitude > 0 ? magnitude : 1);
  }
};

base::Status compare(const Task& task, const program::Program& program, const Sample& sample, std::vector<Spread>& to) {
  std::vector<onnx::Value> reals;
  std::vector<tensor::IntTensor> integers;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    auto& value =
        reals.emplace_back(onnx::Value::zeros(task.graph.values[static_cast<std::size_t>(task.graph.inputs[i])].type));
    for (std::size_t k = 0; k < value.floats.size(); ++k) value.floats[k] = sample[i].data[k];
    for (std::size_t k = 0; k < value.ints.size(); ++k) value.ints[k] = std::llround(sample[i].data[k]);
    const std::vector<double> plain(sample[i].data.begin(), sample[i].data.end());
    KOINON_TRY(auto quantised, io::quantise(program.inputs[i], plain));
    integers.push_back(std::move(quantised));
  }
  KOINON_TRY(const auto wanted, operators::run_reference(task.graph, reals));
  KOINON_TRY(const auto run, run::execute(program, integers, {}));
  for (std::size_t o = 0; o < to.size(); ++o) {
    const auto& want = *wanted[static_cast<std::size_t>(task.graph.outputs[o])];
    const auto got = io::dequantise(run.outputs[o], program.outputs[o].scale);
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double real = want.real(static_cast<std::int64_t>(i));
      if (!std::isfinite(real)) continue;
      to[o].low = std::min(to[o].low, real);
      to[o].high = std::max(to[o].high, real);
      to[o].error = std::max(to[o].error, std::fabs(got[i] - real));
    }
  }
  return {};
}

struct Outcome {
  double error = 0;
  std::size_t steps = 0;
  double seconds = 0;  ///< of the build
};

base::Result<Outcome> build_one(const Task& task, int bits) {
  quantise::BuildOptions options;
  options.activations = bits;
  options.folder = task.folder;
  const auto start = std::chrono::steady_clock::now();
  KOINON_TRY(const auto built, quantise::build(task.model, task.calibration, options));
  Outcome out;
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  out.steps = built.program.steps.size();
  std::vector<Spread> spreads(task.graph.outputs.size());
  for (const auto& test : task.tests) KOINON_CHECK(compare(task, built.program, test, spreads));
  for (const auto& s : spreads) out.error = std::max(out.error, s.relative());
  return out;
}

std::string text_of(const base::Result<Outcome>& outcome) {
  return outcome ? fmt::format("{:.3f} %", 100 * outcome->error) : outcome.error().text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: {} DIR [NAME...]\n", argv[0]);
    return 2;
  }
  const std::vector<std::string> wanted(argv + 2, argv + argc);
  std::vector<std::filesystem::path> folders;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1]))
    if (entry.is_directory() && (wanted.empty() || std::ranges::find(wanted, entry.path().filename().string()) != wanted.end()))
      folders.push_back(entry.path());
  std::ranges::sort(folders);
  fmt::print("| model | error at 8 bits | at 16 bits | steps | seconds |\n|---|---|---|---|---|\n");
  std::size_t built = 0, within = 0;
  for (const auto& folder : folders) {
    const auto name = folder.filename().string();
    const auto task = read_task(folder);
    if (!task) {
      fmt::print("| {} | {} | | | |\n", name, task.error().text);
      continue;
    }
    const auto eight = build_one(*task, 8), sixteen = build_one(*task, 16);
    built += sixteen ? 1 : 0;
    within += sixteen && sixteen->error <= 0.01 ? 1 : 0;
    fmt::print("| {} | {} | {} | {} | {:.2f} |\n", name, text_of(eight), text_of(sixteen), sixteen ? sixteen->steps : 0,
               sixteen ? sixteen->seconds : 0);
    std::fflush(stdout);
  }
  fmt::print("\n{} models, {} built at 16 bits, {} of them within 1 %\n", folders.size(), built, within);
  return 0;
}
