#pragma once
#include <optional>
#include <span>

#include "engine/program/program.hpp"

namespace koinon::engine::run {

/// One element of an elementwise step's outputs from one element of each operand; the table of a lookup is taken from the
/// program. Nothing where the step is not defined (a divisor below 1, an index beside the table) or of another kind: such
/// operands never occur in a run, but an estimated range can hold them.
std::optional<std::int64_t> scalar(const program::Program& program, const program::Step& step, std::size_t output,
                                   std::span<const std::int64_t> operands);

}  // namespace koinon::engine::run
