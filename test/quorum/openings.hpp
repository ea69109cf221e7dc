#pragma once
#include "engine/program/program.hpp"
#include "engine/run/roots.hpp"
#include "ledger/contracts/element_checks.hpp"

namespace koinon::test::quorum {

using ledger::contracts::ElementChecks;

/// A program and the values of one run of it, true or not: inputs, then each step's outputs.
struct Trace {
  engine::program::Program program;
  std::vector<engine::tensor::IntTensor> values;

  [[nodiscard]] base::Hash id() const;
  [[nodiscard]] base::Hash root() const { return engine::run::trace_root(engine::run::tensor_roots(values)); }
};

/// The values of a run. Precondition: the program takes the inputs.
Trace trace_of(engine::program::Program program, std::vector<engine::tensor::IntTensor> inputs);

/// An element, and how it is shown.
struct Where {
  std::size_t step = 0;
  std::uint64_t index = 0;  ///< row-major
  std::uint8_t output = 0;
  std::vector<std::uint64_t> hints{};  ///< of a counter-example
  bool leaf_by_leaf = false;           ///< where everything of a tensor is opened: a run for each leaf, the last first
};

/// What shows the contract an element of an output of a step: the proof of contracts/src/dispute/Reading.sol.
ElementChecks::Proof open_element(const Trace& trace, const Where& where);

}  // namespace koinon::test::quorum
