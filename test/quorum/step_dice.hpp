#pragma once
#include "base/random.hpp"
#include "trust/optimistic/liar.hpp"

namespace koinon::test::quorum {

/// A program of one step of this kind on inputs of random shapes, types and parameters, the ends of its types often.
trust::optimistic::Provider throw_step(engine::program::StepKind kind, base::Random& random);

}  // namespace koinon::test::quorum
