#pragma once
#include "engine/onnx/graph.hpp"

namespace onnx {
class TensorProto;
}

namespace koinon::engine::onnx {

/// Data of a TensorProto, whichever field holds it. Errors: unsupported (external data, strings, complex), malformed (sizes).
base::Result<Value> decode_tensor(const ::onnx::TensorProto& proto);
/// The element type of a number, if we have it.
base::Result<Element> decode_element(std::int32_t number);

}  // namespace koinon::engine::onnx
