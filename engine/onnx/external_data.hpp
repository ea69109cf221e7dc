#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace onnx {
class TensorProto;
}

namespace koinon::engine::onnx {

/// The `size` bytes of a tensor that lie in a file beside the model. The location must name a regular file inside `folder`,
/// with every link resolved; nothing else is opened. Errors: malformed (location, offset or length), not_found, io.
base::Result<std::string> external_data(const ::onnx::TensorProto& proto, const std::filesystem::path& folder,
                                        std::uint64_t size);

}  // namespace koinon::engine::onnx
