#pragma once
#include "trust/proof/argument.hpp"

namespace koinon::trust::proof {

/// What the simulator makes: messages that a verifier with these coins accepts.
struct Simulated {
  base::Hash weight_root;  ///< zero when no weight is hidden
  Argument argument;
};

/// The simulator of docs/trust/proof.md, section 8: messages of a run whose coins are those that `SeededRandom(coins)` gives,
/// made from the circuit as the verifier knows it, without any value of the run. `circuit` holds no values. The transcript of
/// whoever checks is `Transcript(protocol, coins)` with an own `SeededRandom(coins)`.
Simulated simulate_argument(const Layout& layout, const Circuit& circuit, std::uint64_t coins, base::Random& random);

}  // namespace koinon::trust::proof
