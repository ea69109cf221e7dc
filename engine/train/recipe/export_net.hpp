#pragma once
#include "base/bytes.hpp"
#include "engine/train/net/layers.hpp"

namespace koinon::engine::train {

/// The net as an ONNX model of opset 20 with a free batch axis: input "input" (int64 when an embedding reads it), output
/// "output". Batch norm uses its running mean, dropout is left out, attention becomes products and Softmax.
base::Bytes export_net(const Net& net, const std::string& name);

}  // namespace koinon::engine::train
