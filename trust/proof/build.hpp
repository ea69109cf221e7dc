#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "engine/program/bounds.hpp"
#include "engine/program/program.hpp"
#include "trust/proof/circuit.hpp"

namespace koinon::trust::proof {

/// What a proof keeps from the verifier, besides every value between input and output.
struct Secrecy {
  bool weights = false;  ///< operands 1 and 2 of matmul and conv that are weights
  bool input = false;
  friend bool operator==(const Secrecy&, const Secrecy&) = default;
};

/// True for each weight of a program that hiding weights hides: those that only matmul and conv read, as weight or bias. The
/// others (multipliers and shifts of requantise, constants of elementwise steps) are revealed: the circuit's shape follows from
/// them.
std::vector<bool> hidden_weights(const engine::program::Program& program);

/// A circuit under construction.
struct Build {
  const engine::program::Program& program;  ///< borrowed, outlives the circuit; hidden weights are not read through it
  Secrecy secrecy;
  Circuit circuit;
  std::vector<std::vector<Var>> values;                                  ///< of each value of the trace
  std::vector<engine::program::Range> ranges;                            ///< of each value, from what the verifier knows
  std::vector<std::vector<Var>> weights;                                 ///< of each hidden weight; empty for others
  std::span<const engine::tensor::IntTensor> trace;                      ///< prover: every value; verifier: empty
  std::map<std::pair<std::size_t, std::int64_t>, std::uint32_t> tables;  ///< lookup tables by program table and low
  std::vector<bool> hidden = {};                                         ///< each weight
  bool sizes_only = false;                                               ///< see Statement

  /// Variables of an operand, public constants included.
  std::vector<Var> vars(engine::program::Ref ref);
  /// Elements of a public constant. Precondition: the ref is one, with data.
  [[nodiscard]] std::vector<std::int64_t> constant(engine::program::Ref ref) const;
  [[nodiscard]] bool is_hidden(engine::program::Ref ref) const;
  [[nodiscard]] engine::program::Range range(engine::program::Ref ref) const;
  /// New variables for output `index` of a step, with the run's values for the prover.
  std::vector<Var> output(const engine::program::Step& step, std::size_t index, Home home);
  std::map<std::vector<std::int64_t>, std::uint32_t> functions = {};  ///< tables of function_table by key
  /// The table of (v, f(v)) for each v of `domain`, entry 0 the lowest; made once for each `key`, which determines f. None when
  /// it would cost more than it saves `uses` elements.
  std::optional<std::uint32_t> function_table(const std::vector<std::int64_t>& key, const engine::program::Range& domain,
                                              std::size_t uses, const std::function<std::int64_t(std::int64_t)>& f);
  /// Value of a variable as an integer (prover), or 0.
  [[nodiscard]] std::int64_t integer(Var var) const;
};

/// What a circuit is built from.
struct Statement {
  const engine::program::Program& program;  ///< weights that are public or revealed have data
  Secrecy secrecy;
  std::span<const engine::tensor::IntTensor> inputs;  ///< empty when hidden and for the verifier
  std::span<const engine::tensor::IntTensor> outputs;
  /// Count only: the circuit has the sizes of the real one, but products keep no operands and weights no variables. Verifier's
  /// side; for `cost` and `soundness`, never for a proof.
  bool sizes_only = false;
};
/// What only the prover has.
struct Witness {
  const engine::program::Program& program;           ///< with every weight
  std::span<const engine::tensor::IntTensor> trace;  ///< every value: inputs, then outputs of steps
};

/// The circuit of a run. Errors: unsupported, naming the step and why; invalid_argument when inputs or outputs are not the
/// program's; out_of_range when a public input leaves its range.
base::Result<Circuit> build_circuit(const Statement& statement, const Witness* witness);

/// Bits of one limb for a program: larger tables pay when there are many values.
unsigned choose_limb_log(const engine::program::Program& program);

}  // namespace koinon::trust::proof
