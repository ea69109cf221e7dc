#pragma once
#include <memory>
#include <vector>

#include "engine/program/program.hpp"
#include "engine/tensor/tensor.hpp"

namespace koinon::work {

/// A job as the optimistic check sees it: a public program on public inputs, of whose run a contract can recompute any element.
struct Disputable {
  std::shared_ptr<const engine::program::Program> program;  ///< shared with a kind that keeps programs ready
  std::vector<engine::tensor::IntTensor> inputs;
};

}  // namespace koinon::work
