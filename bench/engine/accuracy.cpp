// Error of programs against float, for a folder of models: one folder a model, with network.onnx and input.json.
//
//   bench_engine_accuracy DIR [NAME...]
//
// Each model is calibrated with its input, built with 8 and with 16 bits, run, and compared with the float reference. The error
// of an output is the largest difference as a share of the float output's range (of its magnitude, when all its values are
// one).
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/file.hpp"
#include "engine/io/read.hpp"
#include "engine/operators/import.hpp"
#include "engine/quantise/build.hpp"

namespace {

using namespace koinon;
using namespace koinon::engine;
using Sample = std::vector<tensor::FloatTensor>;

base::Result<Sample> read_sample(const std::filesystem::path& path, base::ByteView model) {
  KOINON_TRY(const auto bytes, base::read_file(path));
  KOINON_TRY(const auto arrays, io::read_json(bytes));
  KOINON_TRY(const auto graph, operators::import_model(model));
  if (arrays.size() < graph.inputs.size())
    return base::fail(base::Code::invalid_argument, "{} arrays for {} inputs", arrays.size(), graph.inputs.size());
  Sample out;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i)
    out.push_back(
        {graph.values[static_cast<std::size_t>(graph.inputs[i])].type.shape, {arrays[i].data.begin(), arrays[i].data.end()}});
  return out;
}

struct Outcome {
  std::string text;  ///< the error as a percentage, or why there is none
  double error = -1;
  std::size_t steps = 0;
  double seconds = 0;
};

Outcome build_one(base::ByteView model, const Sample& sample, int bits) {
  quantise::BuildOptions options;
  options.activations = bits;
  const auto start = std::chrono::steady_clock::now();
  const auto built = quantise::build(model, {sample}, options);
  Outcome out;
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!built) {
    out.text = built.error().text;
    return out;
  }
  for (const auto& o : built->report.outputs) out.error = std::max(out.error, o.relative);
  out.text = fmt::format("{:.3f} %", 100 * out.error);
  out.steps = built->program.steps.size();
  return out;
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
    const auto model = base::read_file(folder / "network.onnx");
    const auto sample = model ? read_sample(folder / "input.json", *model) : fail(base::Error(model.error()));
    if (!sample) {
      fmt::print("| {} | {} | | | |\n", name, sample.error().text);
      continue;
    }
    const auto eight = build_one(*model, *sample, 8), sixteen = build_one(*model, *sample, 16);
    built += sixteen.error >= 0 ? 1 : 0;
    within += sixteen.error >= 0 && sixteen.error <= 0.01 ? 1 : 0;
    fmt::print("| {} | {} | {} | {} | {:.2f} |\n", name, eight.text, sixteen.text == eight.text ? "" : sixteen.text,
               sixteen.steps, sixteen.seconds);
    std::fflush(stdout);
  }
  fmt::print("\n{} models, {} built at 16 bits, {} of them within 1 %\n", folders.size(), built, within);
  return 0;
}
