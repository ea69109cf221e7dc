// Accuracy on MNIST of the float reference, and of programs at 8 and 16 bits, for models trained by examples/train.py.
//
//   bench_mnist DIR      # DIR: what `train.py --idx IMAGES LABELS -o DIR` wrote
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "base/file.hpp"
#include "engine/operators/import.hpp"
#include "engine/quantise/build.hpp"
#include "engine/run/execute.hpp"

namespace {

using namespace koinon;
using namespace koinon::engine;
using Image = tensor::FloatTensor;

base::Bytes unpack(const std::filesystem::path& path, std::size_t header) {
  base::Bytes out(std::size_t{64} << 20);
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return {};
  const int size = gzread(file, out.data(), static_cast<unsigned>(out.size()));
  gzclose(file);
  if (size < static_cast<int>(header)) return {};
  return {out.begin() + static_cast<std::ptrdiff_t>(header), out.begin() + size};
}

template <class Scores>
bool right(const Scores& scores, std::uint8_t label) {
  return std::ranges::max_element(scores) - scores.begin() == label;
}

bool float_right(const onnx::Graph& graph, const Image& image, std::uint8_t label) {
  const auto values = operators::run_reference(graph, {onnx::Value::of_floats(image.shape, image.data)});
  return values && right((*values)[static_cast<std::size_t>(graph.outputs[0])]->floats, label);
}

bool program_right(const program::Program& program, const Image& image, std::uint8_t label) {
  const auto& input = program.inputs[0];
  auto x = tensor::IntTensor::zeros(input.info.dtype, input.info.shape);
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const double units = static_cast<double>(image.data[static_cast<std::size_t>(i)]) / input.scale.real();
    x.set(i, std::clamp(static_cast<std::int64_t>(std::floor(units + 0.5)), input.low, input.high));
  }
  run::RunOptions options;
  options.trace = false;
  const auto run = run::execute(program, {&x, 1}, options);
  if (!run) return false;
  std::vector<std::int64_t> scores;
  for (std::int64_t i = 0; i < run->outputs[0].size(); ++i) scores.push_back(run->outputs[0].at(i));
  return right(scores, label);
}

template <class F>
double share(std::size_t count, F&& hit) {
  std::size_t hits = 0;
  for (std::size_t i = 0; i < count; ++i) hits += hit(i) ? 1 : 0;
  return 100.0 * static_cast<double>(hits) / static_cast<double>(count);
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path folder = argc > 1 ? argv[1] : "build/mnist";
  const auto pixels = unpack(folder / "test-images.idx3.gz", 16);
  const auto labels = unpack(folder / "test-labels.idx1.gz", 8);
  if (labels.empty() || pixels.size() != labels.size() * 784) {
    fmt::print("skipped: no test set in {}; see bench/mnist/README.md\n", folder.string());
    return 0;
  }
  std::vector<Image> images;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    Image image{{1, 1, 28, 28}, {}};
    for (std::size_t k = 0; k < 784; ++k) image.data.push_back(static_cast<float>(pixels[i * 784 + k]) / 255.0F);
    images.push_back(std::move(image));
  }
  // Calibrates with the first 64 images and counts the others.
  const std::size_t first = std::min<std::size_t>(64, images.size() / 2);
  std::vector<std::vector<Image>> samples;
  for (std::size_t i = 0; i < first; ++i) samples.push_back({images[i]});
  const auto count = images.size() - first;
  int rc = 0;
  fmt::print("| model | images | float | 8 bits | 16 bits |\n|---|---|---|---|---|\n");
  for (const std::string name : {"mnist-mlp", "mnist-lenet"}) {
    const auto bytes = base::read_file(folder / (name + ".onnx"));
    const auto graph = bytes ? operators::import_model(*bytes) : base::Result<onnx::Graph>(base::fail(bytes.error()));
    if (!graph) {
      fmt::print(stderr, "{}\n", graph.error().text);
      return 1;
    }
    const double exact = share(count, [&](std::size_t i) { return float_right(*graph, images[first + i], labels[first + i]); });
    double integer[2] = {0, 0};
    for (int k = 0; k < 2; ++k) {
      quantise::BuildOptions options;
      options.activations = k == 0 ? 8 : 16;
      const auto built = quantise::build(*bytes, samples, options);
      if (!built) {
        fmt::print(stderr, "{}\n", built.error().text);
        return 1;
      }
      integer[k] =
          share(count, [&](std::size_t i) { return program_right(built->program, images[first + i], labels[first + i]); });
    }
    fmt::print("| {} | {} | {:.2f}% | {:.2f}% | {:.2f}% |\n", name, count, exact, integer[0], integer[1]);
    if (integer[0] < exact - 0.5) rc = 1;
  }
  return rc;
}
