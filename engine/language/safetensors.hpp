#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "engine/tensor/tensor.hpp"

namespace koinon::engine::language {

/// Weights of a model by name, as float32.
using Tensors = std::map<std::string, tensor::FloatTensor>;

inline constexpr std::uint64_t kMaxHeader = 100'000'000;  ///< bytes of a safetensors header, as its specification says
inline constexpr std::size_t kMaxTensors = 1 << 16;

/// Reads a .safetensors file that nobody vouches for:
///
///   u64 n (little-endian) | n bytes of JSON: {"name": {"dtype", "shape", "data_offsets": [begin, end]}, ...} | data
///
/// Tensors of F32, F16 and BF16 are widened to float32; tensors of other types are left out. Refused:
/// a header that runs past the file, offsets that overlap, leave a hole, or do not match shape and type, names that occur
/// twice, numbers that are not finite. Errors: malformed, out_of_range, each naming the tensor.
base::Result<Tensors> read_safetensors(base::ByteView bytes);

}  // namespace koinon::engine::language
