#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "engine/program/program.hpp"
#include "engine/run/execute.hpp"
#include "work/kind.hpp"

namespace koinon::work {

/// Inference: the artifact is a .koinon file whose program id is the spec; each input part holds the little-endian bytes of one
/// input tensor, in the program's order; each output part those of one output tensor.
class Inference final : public Kind {
 public:
  /// `memory_limit`: bytes that a run's tensors may take at once. `keep_limit`: bytes of programs that are kept ready for the
  /// next order, those used last; a larger one is made ready for its order alone.
  explicit Inference(std::uint64_t memory_limit = std::uint64_t{4} << 30, std::uint64_t keep_limit = std::uint64_t{1} << 30)
      : memory_limit_(memory_limit), keep_limit_(keep_limit) {}

  [[nodiscard]] std::uint8_t code() const override { return static_cast<std::uint8_t>(KindCode::inference); }
  [[nodiscard]] std::string_view name() const override { return "inference"; }
  /// Errors: rejected (the artifact is not the program that the spec names, or the inputs are not what it takes), exhausted,
  /// cancelled.
  base::Result<Outcome> run(const Job& job, const Means& means) const override;

 private:
  struct Ready;
  // Who finds it empty makes the program ready and holds `mutex` meanwhile, so that others wait and do not do it again.
  struct Slot {
    std::mutex mutex;
    std::shared_ptr<const Ready> ready;  // guarded by mutex
  };
  // Shared with the orders that are under way.
  struct Kept {
    std::shared_ptr<Slot> slot;
    std::uint64_t bytes = 0, used = 0;  // when it was last asked for
  };
  base::Result<std::shared_ptr<const Ready>> ready(const Job& job) const;
  base::Result<std::shared_ptr<const Ready>> make_ready(const Job& job) const;
  std::shared_ptr<Slot> slot_of(const base::Hash& id) const;
  // Counts what a slot holds now, drops the slot when that is nothing or too much, and those used longest ago.
  void account(const base::Hash& id, const std::shared_ptr<Slot>& slot, std::uint64_t bytes) const;

  std::uint64_t memory_limit_, keep_limit_;
  mutable std::mutex mutex_;                    // guards what follows
  mutable std::map<base::Hash, Kept> kept_;     // programs, decoded, checked and prepared
  mutable std::uint64_t held_ = 0, clock_ = 0;  // bytes of all; counts what was asked for
};

/// Tensors of a program's inputs from their canonical bytes. Errors: rejected (number or size of the parts).
base::Result<std::vector<engine::tensor::IntTensor>> input_tensors(const engine::program::Program& program,
                                                                   const std::vector<base::Bytes>& parts);
/// Tensors of a program's outputs from their canonical bytes. Errors: rejected.
base::Result<std::vector<engine::tensor::IntTensor>> output_tensors(const engine::program::Program& program,
                                                                    const std::vector<base::Bytes>& parts);

}  // namespace koinon::work
