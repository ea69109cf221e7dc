#pragma once
#include "work/federated/trainer.hpp"

namespace koinon::work::federated {

/// Deals the samples of a data set out to `parts` owners, each at least `least`. `alpha` 0: evenly at random. Above 0: each
/// class is split by shares drawn from a symmetric Dirichlet distribution of that parameter (Hsu, Qi, Brown, "Measuring the
/// effects of non-identical data distribution", 2019): at 0.1 most owners see two or three classes, at 100 all of them evenly.
/// From the seed alone. Errors: invalid_argument (too few samples; alpha above 0 without classes).
base::Result<std::vector<Samples>> deal(const DataSet& data, std::size_t parts, double alpha, std::size_t least,
                                        std::uint64_t seed);

}  // namespace koinon::work::federated
