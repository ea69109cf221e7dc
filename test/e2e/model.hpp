#pragma once
#include "engine/program/program.hpp"
#include "market/actor/buyer.hpp"

namespace koinon::test::e2e {

/// A program small enough to run in no time, as a buyer holds it.
struct Model {
  engine::program::Program program;
  base::Hash id;
  base::Bytes file;

  /// Canonical input parts for input number `which`.
  [[nodiscard]] std::vector<base::Bytes> input(std::uint64_t which) const;
  /// Outputs and roots of an honest run.
  [[nodiscard]] work::Outcome run(const std::vector<base::Bytes>& input) const;
};

/// Eight numbers through a 4 x 8 matrix.
Model small_model();
/// 80 KiB in and 80 KiB out: more than one subtree of a demand.
Model wide_model();

}  // namespace koinon::test::e2e
