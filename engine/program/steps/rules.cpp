#include "engine/program/steps/rules.hpp"

#include <array>

namespace koinon::engine::program {
namespace {

constexpr std::array<std::string_view, 25> kNames = {
    "unknown",    "matmul",  "conv",      "add",     "sub",    "mul",    "requantise", "lookup", "reduce",
    "prefix_sum", "argmax",  "topk",      "compare", "select", "gather", "scatter",    "divide", "isqrt",
    "shift",      "reshape", "transpose", "slice",   "concat", "pad",    "broadcast"};

}  // namespace

std::string_view step_name(StepKind kind) {
  const auto number = static_cast<std::size_t>(kind);
  return number < kNames.size() ? kNames[number] : kNames[0];
}

namespace steps {

const StepRule* find_rule(StepKind kind) {
  static const std::vector<StepRule> rules = {
      matmul_rule(),  conv_rule(),      add_rule(),        sub_rule(),    mul_rule(),   requantise_rule(),
      lookup_rule(),  reduce_rule(),    prefix_sum_rule(), argmax_rule(), topk_rule(),  compare_rule(),
      select_rule(),  gather_rule(),    scatter_rule(),    divide_rule(), isqrt_rule(), shift_rule(),
      reshape_rule(), transpose_rule(), slice_rule(),      concat_rule(), pad_rule(),   broadcast_rule()};
  for (const auto& rule : rules)
    if (rule.kind == kind) return &rule;
  return nullptr;
}

}  // namespace steps
}  // namespace koinon::engine::program
