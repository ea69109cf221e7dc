#pragma once
#include <string>
#include <vector>

#include "trust/proof/argument.hpp"

namespace koinon::trust::proof {

/// One way in which a false statement may be accepted: its probability is at most 2^-bits.
struct SoundnessTerm {
  std::string what;
  double bits = 0;
};

/// The bound of docs/trust/proof.md, section "Soundness", from the sizes of a circuit. `total_bits` is of the sum of all terms.
struct Soundness {
  std::vector<SoundnessTerm> terms;
  double total_bits = 0;
};
Soundness soundness(const Layout& layout, const Circuit& circuit);
/// The same of a refresh: an opening of `columns` columns and a claim on 2^cells_log differences.
Soundness refresh_soundness(const Params& params, unsigned cells_log, std::size_t columns);

}  // namespace koinon::trust::proof
