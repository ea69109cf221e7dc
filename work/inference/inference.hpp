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
  /// `memory_limit`: bytes that a run's tensors may take at once.
  explicit Inference(std::uint64_t memory_limit = std::uint64_t{4} << 30) : memory_limit_(memory_limit) {}

  [[nodiscard]] std::uint8_t code() const override { return static_cast<std::uint8_t>(KindCode::inference); }
  [[nodiscard]] std::string_view name() const override { return "inference"; }
  /// Errors: rejected (the artifact is not the program that the spec names, or the inputs are not what it takes), exhausted,
  /// cancelled.
  base::Result<Outcome> run(const Job& job, const Means& means) const override;

 private:
  using Program = engine::program::Program;
  base::Result<std::shared_ptr<const Program>> program_of(const Job& job) const;

  std::uint64_t memory_limit_;
  mutable std::mutex mutex_;                                           // guards kept_
  mutable std::map<base::Hash, std::shared_ptr<const Program>> kept_;  ///< the last programs, decoded and checked
};

/// Tensors of a program's inputs from their canonical bytes. Errors: rejected (number or size of the parts).
base::Result<std::vector<engine::tensor::IntTensor>> input_tensors(const engine::program::Program& program,
                                                                   const std::vector<base::Bytes>& parts);
/// Tensors of a program's outputs from their canonical bytes. Errors: rejected.
base::Result<std::vector<engine::tensor::IntTensor>> output_tensors(const engine::program::Program& program,
                                                                    const std::vector<base::Bytes>& parts);

}  // namespace koinon::work
