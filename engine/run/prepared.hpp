#pragma once
#include <memory>
#include <optional>

#include "engine/kernels/context.hpp"
#include "engine/run/execute.hpp"
#include "engine/run/packs.hpp"

namespace koinon::engine::run {

/// A program made ready to be run many times on this machine: weights packed for its processor, memory planned, and, where no
/// trace is asked, steps joined so that what lies between them is never written. With a trace, joined steps write what
/// the trace keeps once and read none of it back. Outputs and roots are those of the steps one by one.
///
/// Threads: runs may go on at the same time.
class Prepared {
 public:
  struct Options {
    /// Join steps; such a program cannot be watched step by step.
    bool fuse = true;
    /// The best that the processor has when absent; a set that it lacks is not checked.
    std::optional<kernels::Isa> isa = std::nullopt;
    /// Joined steps write what the trace keeps between them too, so that runs can be traced.
    bool trace = false;
    /// Shares packed weights with other programs that were made with it; may be null.
    std::shared_ptr<Packs> packs = nullptr;
  };

  /// Borrows `program`, which must outlive the result and not change. Errors: invalid_argument when the weights are hidden.
  static base::Result<Prepared> make(const program::Program& program, const Options& options);

  /// Errors: those of execute; invalid_argument when a sink is asked of joined steps, or a trace without Options::trace.
  [[nodiscard]] base::Result<Run> run(std::span<const tensor::IntTensor> inputs, const RunOptions& options) const;

  /// Bytes that a run takes at once beyond inputs and outputs: tensors and what kernels need aside.
  [[nodiscard]] std::size_t arena_bytes() const;
  /// Bytes that it holds between runs: packed weights (those that are shared counted too) and tables, beside the program.
  [[nodiscard]] std::size_t own_bytes() const;
  /// Pieces of work that a run is made of; as many as the steps or fewer.
  [[nodiscard]] std::size_t nodes() const;

  Prepared(Prepared&&) noexcept;
  Prepared& operator=(Prepared&&) noexcept;
  ~Prepared();

 private:
  struct State;
  explicit Prepared(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace koinon::engine::run
