#pragma once
#include "base/random.hpp"
#include "trust/optimistic/liar.hpp"

namespace koinon::test::quorum {

/// A program of one step of this kind on inputs of random shapes, types and parameters, the ends of its types often.
trust::optimistic::Provider throw_step(engine::program::StepKind kind, base::Random& random);

/// A program of about ten steps of which most are inner, of all kinds that make or read inner values: tree_dice.cpp.
trust::optimistic::Provider throw_tree(base::Random& random);

}  // namespace koinon::test::quorum
