#include "cli/commands/trained.hpp"

#include <algorithm>

#include "engine/io/quantise.hpp"
#include "engine/run/prepared.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Result;
using engine::tensor::FloatTensor;
using engine::train::DataSet;
using engine::train::Recipe;
using engine::train::Score;

constexpr std::size_t kCalibration = 256, kCompared = 1000;  ///< samples for the program, and on which it is scored

/// One sample as a tensor with a batch of 1.
FloatTensor sample_of(const DataSet& data, std::size_t index, std::vector<float>& target) {
  FloatTensor out;
  out.shape = data.sample;
  out.shape.insert(out.shape.begin(), 1);
  out.data.resize(static_cast<std::size_t>(engine::tensor::element_count(data.sample)));
  target.resize(static_cast<std::size_t>(engine::tensor::element_count(data.target)));
  data.take(index, out.data.data(), target.data());
  return out;
}

}  // namespace

Result<std::pair<DataSet, DataSet>> load_data(const Recipe& recipe) {
  KOINON_TRY(auto train, engine::train::read_data(recipe.train));
  if (recipe.holdout > 0) return engine::train::hold_out(train, recipe.holdout);
  DataSet test;
  if (recipe.test) {
    KOINON_TRY(test, engine::train::read_data(*recipe.test));
    const bool fits = test.names.empty() || train.names.empty() || test.names == train.names;
    if (!fits) return base::fail(Code::invalid_argument, "[train] the test data has other classes than the training data");
  }
  return std::pair{std::move(train), std::move(test)};
}

Result<Score> score_program(const engine::program::Program& program, const DataSet& data, base::ThreadPool& pool) {
  KOINON_TRY(const auto prepared, engine::run::Prepared::make(program, {}));
  engine::run::RunOptions options;
  options.pool = &pool;
  options.trace = options.roots = false;
  Score score;
  score.samples = std::min(data.count, kCompared);
  double rows = 0;
  std::vector<float> target;
  for (std::size_t i = 0; i < score.samples; ++i) {
    const auto sample = sample_of(data, i, target);
    const std::vector<double> values(sample.data.begin(), sample.data.end());
    KOINON_TRY(const auto input, engine::io::quantise(program.inputs[0], values));
    KOINON_TRY(const auto done, prepared.run({&input, 1}, options));
    const auto out = engine::io::dequantise(done.outputs[0], program.outputs[0].scale);
    const auto width = out.size() / target.size();
    for (std::size_t r = 0; r < target.size(); ++r, ++rows) {
      const auto* x = out.data() + r * width;
      const double t = static_cast<double>(target[r]);
      if (data.classes > 0)
        score.right += static_cast<double>(std::max_element(x, x + width) - x) == t ? 1 : 0;
      else
        score.loss += (x[0] - t) * (x[0] - t);
    }
  }
  score.right /= rows;
  score.loss /= rows;
  return score;
}

Result<engine::quantise::Built> program_of(base::ByteView onnx, const DataSet& train,
                                           const engine::quantise::BuildOptions& options) {
  std::vector<std::vector<FloatTensor>> samples;
  std::vector<float> target;
  const auto count = std::min(train.count, kCalibration);
  for (std::size_t i = 0; i < count; ++i) samples.push_back({sample_of(train, i * train.count / count, target)});
  return engine::quantise::build(onnx, samples, options);
}

std::string score_text(const Score& score, bool classes) {
  return classes ? fmt::format("{:.2f} % right", 100 * score.right) : fmt::format("mean squared error {:.5g}", score.loss);
}

}  // namespace koinon::cli
