#pragma once
#include <cstdint>
#include <memory>

#include "engine/program/program.hpp"
#include "engine/run/execute.hpp"
#include "work/kept.hpp"
#include "work/kind.hpp"
#include "work/language/texts.hpp"

namespace koinon::work {

/// Inference: the artifact is a .koinon file whose program id is the spec; each input part holds the little-endian bytes of one
/// input tensor, in the program's order; each output part those of one output tensor. Or the artifact is the bundle of a
/// language model, and the order one for a whole text (work/language/texts.hpp).
class Inference final : public Kind {
 public:
  /// `memory_limit`: bytes that a run's tensors may take at once. `keep_limit`: bytes of programs, and as many of language
  /// models, that are kept ready for the next order, those used last; a larger one is made ready for its order alone.
  explicit Inference(std::uint64_t memory_limit = std::uint64_t{4} << 30, std::uint64_t keep_limit = std::uint64_t{1} << 30)
      : memory_limit_(memory_limit), kept_(keep_limit), texts_(memory_limit, keep_limit) {}

  [[nodiscard]] std::uint8_t code() const override { return static_cast<std::uint8_t>(KindCode::inference); }
  [[nodiscard]] std::string_view name() const override { return "inference"; }
  /// Errors: rejected (the artifact is not the program that the spec names, or the inputs are not what it takes), exhausted,
  /// cancelled.
  base::Result<Outcome> run(const Job& job, const Means& means) const override;
  base::Result<std::shared_ptr<const Disputable>> disputable(const Job& job) const override;
  base::Result<std::shared_ptr<const engine::program::Program>> disputable_program(const Job& job) const override;

 private:
  struct Ready;
  base::Result<std::shared_ptr<const Ready>> ready(const Job& job) const;
  base::Result<std::shared_ptr<const Ready>> make_ready(const Job& job) const;

  std::uint64_t memory_limit_;
  mutable Kept<Ready> kept_;  // programs, decoded, checked and prepared
  language::Texts texts_;
};

/// Tensors of a program's inputs from their canonical bytes. Errors: rejected (number or size of the parts).
base::Result<std::vector<engine::tensor::IntTensor>> input_tensors(const engine::program::Program& program,
                                                                   const std::vector<base::Bytes>& parts);
/// Tensors of a program's outputs from their canonical bytes. Errors: rejected.
base::Result<std::vector<engine::tensor::IntTensor>> output_tensors(const engine::program::Program& program,
                                                                    const std::vector<base::Bytes>& parts);

}  // namespace koinon::work
