#pragma once
#include "trust/proof/circuit.hpp"
#include "trust/proof/open.hpp"
#include "trust/proof/sumcheck.hpp"

namespace koinon::trust::proof {

/// Where the cells of a circuit stand in columns.
struct Layout {
  Params params;
  std::size_t weight_cells = 0, witness_cells = 0, lookups = 0;

  [[nodiscard]] std::size_t weight_columns() const { return columns(weight_cells, params.weight_pads); }
  [[nodiscard]] std::size_t witness_columns() const { return columns(witness_cells, params.pads); }
  /// Inverses of lookups, three cells each, and the masks.
  [[nodiscard]] std::size_t auxiliary_columns() const { return columns(3 * lookups, params.pads) + kMaskColumns; }
  [[nodiscard]] std::size_t columns() const { return weight_columns() + witness_columns() + auxiliary_columns(); }
  /// Place of a cell among an oracle's columns, column after column.
  [[nodiscard]] std::size_t place(std::size_t cell, std::uint32_t pads) const {
    const std::size_t data = params.rows() - pads;
    return cell / data * params.rows() + cell % data;
  }
  /// Place of coordinate k of lookup j's inverse in the auxiliary oracle: all first coordinates, then the second, then the
  /// third.
  [[nodiscard]] std::size_t inverse_place(std::size_t j, std::size_t k) const { return place(k * lookups + j, params.pads); }

 private:
  [[nodiscard]] std::size_t columns(std::size_t cells, std::uint32_t pads) const {
    if (cells == 0) return 0;
    const std::size_t data = params.rows() - pads;
    return (cells + data - 1) / data;
  }
};

/// Sizes for a circuit: the number of rows that makes the proof small and quick. A pure function of the circuit's sizes.
Layout choose_layout(const Circuit& circuit);

/// Bytes of a proof's openings, at most.
std::uint64_t estimated_bytes(const Layout& layout);

/// Messages of the argument in transcript order.
struct Argument {
  base::Hash witness_root, auxiliary_root;
  SumcheckProof rows;
  std::vector<SumcheckProof> forms;  ///< one a bilinear form
  OpeningProof opening;
  friend bool operator==(const Argument&, const Argument&) = default;
};

/// Columns that hold the weight cells of a circuit, with random pads.
std::vector<Fp> weight_messages(const Layout& layout, const Circuit& circuit, base::Random& random);

/// Who is told what a prover does now, and may end it between two stages.
struct Watch {
  std::function<void(std::string_view stage)> tell;  ///< may be empty
  std::function<bool()> ended;                       ///< true: stop; may be empty

  /// Begins a stage. Errors: cancelled.
  [[nodiscard]] base::Status at(std::string_view stage) const;
};

/// Proves that the circuit's values satisfy it. It does not check that they do: then the proof is refused by the verifier.
/// `weights` is null when no cell is a weight. Errors: exhausted as prove_opening; cancelled.
base::Result<Argument> prove_circuit(const Layout& layout, Circuit circuit, const Oracle* weights, base::Random& random,
                                     Transcript& transcript, base::ThreadPool* pool, const Watch& watch = {});

/// Errors: rejected, naming the check that failed.
base::Status verify_circuit(const Layout& layout, const Circuit& circuit, const base::Hash& weight_root,
                            const Argument& argument, Transcript& transcript);

}  // namespace koinon::trust::proof
