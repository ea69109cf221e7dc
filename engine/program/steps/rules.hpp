#pragma once
#include "engine/kernels/conv.hpp"
#include "engine/program/steps/rule.hpp"

namespace koinon::engine::program::steps {

// One function a kind, each defined in the file of its name or family.
StepRule matmul_rule();
StepRule conv_rule();
StepRule add_rule();
StepRule sub_rule();
StepRule mul_rule();
StepRule requantise_rule();
StepRule lookup_rule();
StepRule reduce_rule();
StepRule prefix_sum_rule();
StepRule argmax_rule();
StepRule topk_rule();
StepRule compare_rule();
StepRule select_rule();
StepRule gather_rule();
StepRule scatter_rule();
StepRule divide_rule();
StepRule isqrt_rule();
StepRule shift_rule();
StepRule reshape_rule();
StepRule transpose_rule();
StepRule slice_rule();
StepRule concat_rule();
StepRule pad_rule();
StepRule broadcast_rule();

/// Sizes, strides and padding of a checked conv step; its arrays are left empty.
kernels::Conv conv_geometry(const Step& step);

}  // namespace koinon::engine::program::steps
