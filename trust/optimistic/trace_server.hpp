#pragma once
#include <functional>
#include <optional>

#include "base/tree.hpp"
#include "engine/tensor/tensor.hpp"
#include "trust/optimistic/demand.hpp"
#include "trust/optimistic/kept_run.hpp"

namespace koinon::trust::optimistic {

/// Gives a value of the trace by its number.
using ValueSource = std::function<base::Result<engine::tensor::IntTensor>(std::size_t value)>;

/// Answers every demand about a claim. It keeps the roots and the tree of the value that was asked for last, so its memory is
/// near that of one step. Not for several threads at once.
class TraceServer {
 public:
  /// `roots` of all values, as the trace root binds them; `outputs` are the numbers of the values that the program returns.
  TraceServer(std::vector<base::Hash> roots, const std::vector<std::size_t>& outputs, ValueSource values);

  /// Serves a run, which is borrowed.
  static TraceServer of(const KeptRun& run);

  /// Errors: those of the source.
  base::Result<Answer> answer(const Demand& demand);

 private:
  struct Held {
    std::size_t value;
    engine::tensor::IntTensor tensor;
    base::Tree tree;
  };
  base::Result<const Held*> held(std::uint64_t value);

  std::vector<base::Hash> roots_, output_roots_;
  base::Tree trace_, outputs_;
  ValueSource values_;
  std::optional<Held> last_;
};

}  // namespace koinon::trust::optimistic
