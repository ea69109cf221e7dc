#pragma once
#include "engine/onnx/graph.hpp"
#include "engine/quantise/calibrate.hpp"

namespace koinon::engine::quantise {

/// The same function with the channels between two linear layers brought nearer to one magnitude: a channel of the first is
/// divided by s, and the second's weights for it multiplied by s, with s = sqrt(activation range / weight range), so that both
/// suffer equally from one unit a tensor (Nagel et al. 2019, arXiv 1906.04721, section 4.1, with calibrated activations as in
/// Xiao et al. 2022, arXiv 2211.10438). Between the two only what commutes with a positive factor: Relu, LeakyRelu, pooling.
/// `samples` give the ranges. Numbers of values stay; new constants are appended. Returns how many pairs were changed.
base::Result<std::size_t> equalise(onnx::Graph& graph, const std::vector<std::vector<onnx::Value>>& samples);

}  // namespace koinon::engine::quantise
