#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
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
/// proof of it opens, through the steps that make inner operands.
class ProofTensors final : public Tensors {
 public:
  using Values = std::function<base::Result<ValuePair>(std::size_t value)>;
  /// Around an output of step number `step`. Borrows all; the pairs that `values` gives must outlive it.
  ProofTensors(const ProgramTrees& program, std::size_t step, std::uint8_t output, Values values);

  base::Result<base::ByteView> bytes(std::size_t tensor, std::uint64_t from, std::uint64_t length) override;
  [[nodiscard]] bool is_made(std::size_t operand) const override;
  base::Result<Maker> maker(std::size_t operand) override;

  /// The parts of a proof: openings of what was read. `list` gives root and path of a value in the claim's trace.
  using List = std::function<base::Result<Opened>(std::size_t value)>;
  base::Result<std::vector<Part>> open(const List& list);

 private:
  using Makers = std::vector<std::unique_ptr<ProofTensors>>;
  /// Around the operands of a step that makes one, which goes to `makers`.
  ProofTensors(const ProgramTrees& program, std::size_t step, Values values, Makers* makers);
  base::Result<Part> open_part(const List& list);
  /// Of a part the constants that the first part of the same step opens in the same way.
  void leave_out(const Part& first, Part& part) const;
  base::Result<base::ByteView> look(std::size_t tensor, std::uint64_t from, std::uint64_t length);
  base::Result<base::ByteView> value_bytes(const ValuePair& pair, std::uint64_t from, std::uint64_t length);
  [[nodiscard]] const engine::program::Constant* constant(engine::program::Ref ref) const;
  base::Status open_runs(std::size_t tensor, std::uint64_t size, Opened& out);

  const ProgramTrees& program_;
  std::size_t step_;
  std::vector<engine::program::Ref> refs_;
  Values values_;
  Makers own_makers_;  ///< of the outermost: those of its inner operands, depth first
  Makers* makers_;
  std::vector<std::set<std::uint64_t>> read_;  ///< leaves of each
  std::deque<base::Bytes> joined_;             ///< what lies in leaves of both runs
};

}  // namespace koinon::trust::optimistic
