#pragma once
#include <deque>
#include <functional>
#include <map>
#include <set>

#include "base/tree.hpp"
#include "trust/optimistic/claimed_tree.hpp"
#include "trust/optimistic/element.hpp"
#include "trust/optimistic/program_trees.hpp"

namespace koinon::trust::optimistic {

/// A value of the own run beside the claim's.
struct ValuePair {
  const engine::tensor::IntTensor* own;
  ClaimedTree* claimed;
};

/// What the tensors around a step are read from, as the claim has them: constants from the program, values from the own run
/// where the claim agrees, else from what the claim showed. It notes what is read, so the evaluation of an element says what a
/// proof of it opens.
class ProofTensors final : public Tensors {
 public:
  using Values = std::function<base::Result<ValuePair>(std::size_t value)>;
  /// Borrows all; the pairs that `values` gives must outlive it.
  ProofTensors(const ProgramTrees& program, std::vector<engine::program::Ref> refs, Values values)
      : program_(program), refs_(std::move(refs)), values_(std::move(values)), read_(refs_.size()) {}

  base::Result<base::ByteView> bytes(std::size_t tensor, std::uint64_t from, std::uint64_t length) override;

  /// Openings of what was read, in the order of the tensors. `list` gives root and path of a value in the claim's trace.
  using List = std::function<base::Result<Opened>(std::size_t value)>;
  base::Result<std::vector<Opened>> open(const List& list);

 private:
  base::Result<base::ByteView> look(std::size_t tensor, std::uint64_t from, std::uint64_t length);
  base::Result<base::ByteView> value_bytes(const ValuePair& pair, std::uint64_t from, std::uint64_t length);
  [[nodiscard]] const engine::program::Constant* constant(engine::program::Ref ref) const;
  base::Status open_runs(std::size_t tensor, std::uint64_t size, Opened& out);

  const ProgramTrees& program_;
  std::vector<engine::program::Ref> refs_;
  Values values_;
  std::vector<std::set<std::uint64_t>> read_;  ///< leaves of each
  std::deque<base::Bytes> joined_;             ///< what lies in leaves of both runs
};

}  // namespace koinon::trust::optimistic
