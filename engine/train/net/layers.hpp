#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "engine/train/net/graph.hpp"

namespace koinon::engine::train {

/// One layer as a recipe writes it: words such as "conv 16 5 pad=2", or a branch, layers whose result is added to their input.
struct Layer {
  std::string text;
  std::vector<Layer> branch = {};  ///< not empty: a residual branch, and no text
  std::size_t line = 0;            ///< of the recipe, for errors; 0: none
};

enum class Loss : std::uint8_t { cross_entropy = 1, mean_squared = 2 };

/// A net to be made: the shape of one sample (without the batch), its layers, its loss.
struct NetSpec {
  Shape sample;
  std::vector<Layer> layers;
  Loss loss = Loss::cross_entropy;
  std::int64_t most_elements = kMaxGraph;
};

/// A graph with its ends. `target` are labels (the shape of the output without its last axis) or values (the output's shape).
struct Net {
  Graph graph;
  int input = 0, output = 0, target = 0, loss = 0;
};

inline constexpr std::size_t kMaxLayers = 4096;

/// Makes the graph for a batch of `batch` samples; parameters are zero until `initialise`. Layers:
///
///   linear N, conv N KERNEL [stride=1] [pad=0] [groups=1]       each with bias unless "no_bias" follows
///   max_pool KERNEL [stride=KERNEL] [pad=0], average_pool KERNEL [stride=KERNEL], global_average
///   relu, gelu, silu, tanh, sigmoid, dropout SHARE, flatten
///   batch_norm, layer_norm
///   embedding WORDS WIDTH, positions, attention HEADS [causal], mean_tokens
///
/// A branch whose result has another shape than its input gets a convolution of 1 by 1 with batch norm beside it.
/// Errors: invalid_argument naming the line and the layer; exhausted beyond kMaxLayers or kMaxGraph.
base::Result<Net> build_net(const NetSpec& spec, std::int64_t batch);

/// First values of parameters and buffers: weights uniform with a variance of 1 / fan-in, tables of variance 0.0004, gains and
/// running variances 1, all else 0. From the seed alone.
void initialise(Graph& graph, std::uint64_t seed);

}  // namespace koinon::engine::train
