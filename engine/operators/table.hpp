#pragma once
#include "engine/operators/operator.hpp"

namespace koinon::engine::operators {

// One function for each file of operators. A new operator is a new file, a line here and a line in table.cpp.
std::span<const Operator> argmax_operators();
std::span<const Operator> arithmetic_operators();
std::span<const Operator> attention_operators();
std::span<const Operator> batch_norm_operators();
std::span<const Operator> bitwise_operators();
std::span<const Operator> cast_operators();
std::span<const Operator> clip_operators();
std::span<const Operator> concat_operators();
std::span<const Operator> constant_operators();
std::span<const Operator> control_operators();
std::span<const Operator> conv_operators();
std::span<const Operator> conv_transpose_operators();
std::span<const Operator> cumsum_operators();
std::span<const Operator> det_operators();
std::span<const Operator> einsum_operators();
std::span<const Operator> gather_operators();
std::span<const Operator> grid_sample_operators();
std::span<const Operator> identity_operators();
std::span<const Operator> integer_arithmetic_operators();
std::span<const Operator> logic_operators();
std::span<const Operator> loss_operators();
std::span<const Operator> lrn_operators();
std::span<const Operator> matmul_operators();
std::span<const Operator> max_unpool_operators();
std::span<const Operator> ngrams_operators();
std::span<const Operator> non_max_suppression_operators();
std::span<const Operator> norm_operators();
std::span<const Operator> one_hot_operators();
std::span<const Operator> pad_operators();
std::span<const Operator> pool_operators();
std::span<const Operator> pow_operators();
std::span<const Operator> prelu_operators();
std::span<const Operator> qlinear_operators();
std::span<const Operator> quantize_linear_operators();
std::span<const Operator> random_operators();
std::span<const Operator> rearrange_operators();
std::span<const Operator> recurrent_operators();
std::span<const Operator> reduce_operators();
std::span<const Operator> repeat_operators();
std::span<const Operator> reshape_operators();
std::span<const Operator> resize_operators();
std::span<const Operator> roi_align_operators();
std::span<const Operator> sampling_operators();
std::span<const Operator> scatter_operators();
std::span<const Operator> selection_operators();
std::span<const Operator> shape_operators();
std::span<const Operator> slice_operators();
std::span<const Operator> softmax_operators();
std::span<const Operator> spectrum_operators();
std::span<const Operator> topk_operators();
std::span<const Operator> transpose_operators();
std::span<const Operator> trees_operators();
std::span<const Operator> unary_operators();
std::span<const Operator> where_operators();

}  // namespace koinon::engine::operators
