#pragma once
#include <map>

#include "engine/run/golden_programs.hpp"
#include "trust/optimistic/dispute.hpp"
#include "trust/optimistic/element.hpp"
#include "trust/optimistic/trace_server.hpp"

namespace koinon::trust::optimistic {

/// A provider of the tests: a claim about a run whose values may be false, and a server of all of it.
struct Provider {
  engine::program::Program program;
  std::vector<engine::tensor::IntTensor> values;  ///< inputs, then each step's outputs
  std::vector<engine::tensor::IntTensor> inputs;  ///< those of the order
  std::map<std::size_t, base::Hash> items{};      ///< of the list of values, where they are not the values' own

  /// Items of the list behind the claim's trace root.
  [[nodiscard]] std::vector<base::Hash> roots() const;
  [[nodiscard]] ClaimRoots claim() const;
  [[nodiscard]] TraceServer server() const;
};

/// The run of a program, claimed truly.
Provider honest(engine::program::Program program, std::vector<engine::tensor::IntTensor> inputs);

/// What shows an element of a run, true or false, with all that its evaluation reads: what a challenger would build who has
/// every value. What an evaluation that fails did not come to is not opened.
ElementProof show_element(const ProgramTrees& trees, const Provider& provider, std::size_t step, const Element& element);

/// Plays a dispute to its end with answers of `server`. Counts demands.
struct Played {
  Finding last;
  std::size_t demands = 0;
};
base::Result<Played> play(Dispute& dispute, TraceServer& server);

}  // namespace koinon::trust::optimistic
