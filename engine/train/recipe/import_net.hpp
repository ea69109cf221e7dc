#pragma once
#include "engine/train/recipe/recipe.hpp"

namespace koinon::engine::train {

/// The net of an ONNX model: its constants become parameters with their values. Operators: Conv, Gemm, MatMul with a constant,
/// Add, Mul, Relu, Gelu, Tanh, Sigmoid, MaxPool, AveragePool, GlobalAveragePool, BatchNormalization, LayerNormalization,
/// Flatten, Reshape and their like, Gather from a table, Identity, Dropout (as nothing), a last Softmax (left to the loss).
/// With recipe.head the last product is made anew with so many outputs, drawn from the seed. Errors: those of
/// operators::import_model; unsupported naming the node; invalid_argument when the samples do not fit or a constant is not
/// finite.
base::Result<Net> import_net(const Recipe& recipe, const Shape& sample);

/// The same from bytes. `name` stands in errors.
base::Result<Net> import_net(base::ByteView onnx, const std::string& name, const Recipe& recipe, const Shape& sample);

}  // namespace koinon::engine::train
