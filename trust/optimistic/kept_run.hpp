#pragma once
#include <map>
#include <optional>
#include <set>

#include "base/tree.hpp"
#include "engine/run/execute.hpp"

namespace koinon::trust::optimistic {

/// Where a value of a trace comes from: output `output` of step `step`.
struct Origin {
  std::size_t step = 0;
  std::size_t output = 0;
  friend bool operator==(const Origin&, const Origin&) = default;
};

/// The step that makes a value; nothing when it is an input. Precondition: value < program.value_count().
std::optional<Origin> origin_of(const engine::program::Program& program, std::size_t value);

/// The step that makes this operand, when it is inner.
std::optional<std::size_t> inner_maker(const engine::program::Program& program, engine::program::Ref operand);

/// A run of which the roots of all values are kept, 32 bytes each; the values are made again by running when they are asked
/// for. So a long trace takes no more memory than the values that somebody wants at once.
class KeptRun {
 public:
  using Values = std::map<std::size_t, engine::tensor::IntTensor>;

  /// Runs the program. Borrows it: it must outlive the result and not change. No sink or progress of `options` is called.
  /// Errors: those of execute.
  static base::Result<KeptRun> make(const engine::program::Program& program, std::vector<engine::tensor::IntTensor> inputs,
                                    const engine::run::RunOptions& options);

  /// The same, but where the program refuses the inputs (an element outside its range, equal indices of a scatter): what was
  /// made until then. Who claims a result of such inputs lies, and this run shows it. Errors: those of execute that are no
  /// refusal.
  static base::Result<KeptRun> until_refused(const engine::program::Program& program,
                                             std::vector<engine::tensor::IntTensor> inputs,
                                             const engine::run::RunOptions& options);
  /// The run whose roots() these are, without running: what a provider keeps of a run is its input and these roots. Errors:
  /// invalid_argument (not as many as the program has values, or other inputs).
  static base::Result<KeptRun> restore(const engine::program::Program& program, std::vector<engine::tensor::IntTensor> inputs,
                                       std::vector<base::Hash> roots, const engine::run::RunOptions& options);

  /// Values that were made: all, unless the program refused the inputs. The roots of the others are zero.
  [[nodiscard]] std::size_t made() const { return made_; }
  /// The program refused the inputs: whoever claims a result of them lies, also where the claim has the same roots.
  [[nodiscard]] bool refused() const { return made_ < roots_.size(); }
  /// Whether a claim with these roots is that of this run. None is where the program refused the inputs.
  [[nodiscard]] bool confirms(const base::Hash& outputs, const base::Hash& trace) const {
    return !refused() && output_root_ == outputs && trace_root() == trace;
  }
  [[nodiscard]] const engine::program::Program& program() const { return *program_; }
  [[nodiscard]] const std::vector<engine::tensor::IntTensor>& inputs() const { return inputs_; }
  /// Roots of the inputs, then of each step's outputs, kInnerRoot for the inner ones: the items of the trace root.
  [[nodiscard]] const std::vector<base::Hash>& roots() const { return roots_; }
  [[nodiscard]] const base::Hash& output_root() const { return output_root_; }
  [[nodiscard]] base::Hash trace_root() const { return engine::run::trace_root(roots_); }

  /// The values with these numbers. Runs up to the last of them, or not at all for inputs alone. Errors: out_of_range (no such
  /// value), those of execute.
  [[nodiscard]] base::Result<Values> values(const std::set<std::size_t>& wanted) const;
  /// The values of the trace that an element of a step reads, through inner operands too, and those that it makes. Errors:
  /// out_of_range (no such step), those of execute.
  [[nodiscard]] base::Result<Values> around(std::size_t step) const;

  /// The same; zeros for what a step that refuses its operands did not make.
  [[nodiscard]] base::Result<Values> around_made(std::size_t step) const;

  /// The first value whose root in `claimed`, the list behind another's trace root, is not ours; nothing when there is none.
  /// All values before it are equal, so the operands of the step that makes it can be opened from this run. Errors:
  /// invalid_argument when the lists differ in length: such a claim is wrong by its length alone.
  [[nodiscard]] base::Result<std::optional<std::size_t>> first_difference(const std::vector<base::Hash>& claimed) const;

 private:
  KeptRun(const engine::program::Program& program, std::vector<engine::tensor::IntTensor> inputs,
          const engine::run::RunOptions& options);

  const engine::program::Program* program_;
  std::vector<engine::tensor::IntTensor> inputs_;
  engine::run::RunOptions options_;
  std::vector<base::Hash> roots_;
  base::Hash output_root_;
  std::size_t made_ = 0;
};

/// The first element in which the bytes of a claimed value differ from ours; nothing when none does. Errors: invalid_argument
/// when there are more or fewer bytes.
base::Result<std::optional<std::uint64_t>> first_wrong_element(const engine::tensor::IntTensor& own, base::ByteView claimed);

}  // namespace koinon::trust::optimistic
