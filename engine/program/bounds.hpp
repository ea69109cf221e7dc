#pragma once
#include <vector>

#include "engine/program/program.hpp"

namespace koinon::engine::program {

/// Every value that an element can take, whatever the inputs: low <= element <= high.
struct Range {
  std::int64_t low = 0;
  std::int64_t high = 0;
  friend bool operator==(const Range&, const Range&) = default;
};

/// The range of every value of a program, in the order of the trace. Matmul and conv bounds take each output channel's weights
/// into account. Errors: out_of_range naming step, channel and bound when a tensor could leave its type or a requantise product
/// reach 2^62; invalid_argument when the weights are hidden.
base::Result<std::vector<Range>> analyse(const Program& program);

}  // namespace koinon::engine::program
