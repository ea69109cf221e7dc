#pragma once
#include <filesystem>

#include "engine/onnx/graph.hpp"

namespace onnx {
class TensorProto;
}

namespace koinon::engine::onnx {

/// Data of a TensorProto, whichever field holds it, or a file of `folder` when it is external. Errors: unsupported (strings,
/// complex; external data without a folder), malformed (sizes; a file outside the folder), not_found, io.
base::Result<Value> decode_tensor(const ::onnx::TensorProto& proto, const std::filesystem::path& folder = {});
/// The element type of a number, if we have it.
base::Result<Element> decode_element(std::int32_t number);

}  // namespace koinon::engine::onnx
