#pragma once
#include "base/thread_pool.hpp"
#include "engine/quantise/build.hpp"
#include "engine/train/recipe/run.hpp"

// What `koinon train` and `koinon order --train` have in common: the data of a recipe, and what is made of a trained model.
namespace koinon::cli {

/// The data to train on and to test with; the second is empty when the recipe names none.
base::Result<std::pair<engine::train::DataSet, engine::train::DataSet>> load_data(const engine::train::Recipe& recipe);

/// How well the integer program does on the first samples of `data`: the share of targets it has right, or the mean squared
/// error.
base::Result<engine::train::Score> score_program(const engine::program::Program& program, const engine::train::DataSet& data,
                                                 base::ThreadPool& pool);

/// The integer program of a trained model, calibrated on samples of `train`.
base::Result<engine::quantise::Built> program_of(base::ByteView onnx, const engine::train::DataSet& train,
                                                 const engine::quantise::BuildOptions& options);

/// "97.50 % right" with classes, otherwise "mean squared error 0.0123".
std::string score_text(const engine::train::Score& score, bool classes);

}  // namespace koinon::cli
