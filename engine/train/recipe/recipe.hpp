#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "engine/train/data/data_set.hpp"
#include "engine/train/net/layers.hpp"
#include "engine/train/net/optimiser.hpp"

namespace koinon::engine::train {

/// What a .toml recipe says (docs/work/training.md has every key).
struct Recipe {
  std::uint64_t seed = 1;
  std::int64_t batch = 64;
  std::uint64_t epochs = 0, steps = 0;  ///< one of them is given

  DataSource train;
  std::optional<DataSource> test;
  double holdout = 0;  ///< share of the data that is kept for testing; 0: none

  std::vector<Layer> layers;
  std::string onnx;  ///< a model to go on from, in the place of layers
  std::size_t onnx_line = 0;
  std::int64_t head = 0;  ///< with onnx: outputs of a fresh last layer; 0: the model's own
  bool freeze = false;    ///< with head: nothing else learns
  Loss loss = Loss::cross_entropy;

  OptimiserOptions optimiser;
  std::uint64_t until = 0;             ///< an order ends after this step with a checkpoint; 0: at the end of the run
  std::uint64_t checkpoint_every = 0;  ///< steps; 0: at the end of every epoch
  std::filesystem::path folder;
  /// Bounds of who runs it for somebody else; no keys.
  std::int64_t most_elements = kMaxGraph;            ///< of all values together
  std::int64_t most_folded = std::int64_t{1} << 28;  ///< element operations that reading a model may spend on its constants
};

/// Reads a recipe. `name` stands in errors, which give the line. Errors: malformed (no toml), invalid_argument (unknown key,
/// wrong type or range).
base::Result<Recipe> read_recipe(base::ByteView toml, const std::string& name, const std::filesystem::path& folder);

}  // namespace koinon::engine::train
