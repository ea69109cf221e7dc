#pragma once
#include <span>
#include <vector>

#include "base/bytes.hpp"

namespace koinon::work::federated {

/// All trained values of a net one after another, or a change of them, in the order of its graph.
using Values = std::vector<float>;

inline constexpr std::size_t kMostValues = std::size_t{1} << 28;

/// An update as the artifact that a proposal names. Precondition: finite values.
base::Bytes encode_update(std::span<const float> values);
/// Bytes that nobody vouches for, for a model of `count` values. Errors: malformed; out_of_range (a value that is not finite).
base::Result<Values> decode_update(base::ByteView bytes, std::size_t count);
/// Root of an update's bytes: what a proposal commits to.
base::Hash update_root(base::ByteView bytes);

}  // namespace koinon::work::federated
