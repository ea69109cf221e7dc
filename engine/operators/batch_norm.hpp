#pragma once
#include "engine/operators/call.hpp"

namespace koinon::engine::operators {

/// y = x * a[c] + b[c].
struct Affine {
  std::vector<double> a, b;
};

/// What a BatchNormalization node with known statistics does. Precondition: inputs 1 to 4 are known.
Affine batch_norm_affine(const Call& call);

}  // namespace koinon::engine::operators
