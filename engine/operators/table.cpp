#include "engine/operators/table.hpp"

#include <algorithm>
#include <map>

#include "engine/onnx/read.hpp"
#include "engine/operators/operator.hpp"

namespace koinon::engine::operators {

namespace {

const std::vector<const Operator*>& table() {
  static const std::vector<const Operator*> all = [] {
    std::vector<const Operator*> out;
    for (const auto family : {argmax_operators(),
                              arithmetic_operators(),
                              attention_operators(),
                              batch_norm_operators(),
                              bitwise_operators(),
                              cast_operators(),
                              clip_operators(),
                              concat_operators(),
                              constant_operators(),
                              control_operators(),
                              conv_operators(),
                              conv_transpose_operators(),
                              cumsum_operators(),
                              det_operators(),
                              einsum_operators(),
                              gather_operators(),
                              grid_sample_operators(),
                              identity_operators(),
                              integer_arithmetic_operators(),
                              logic_operators(),
                              loss_operators(),
                              lrn_operators(),
                              matmul_operators(),
                              max_unpool_operators(),
                              ngrams_operators(),
                              non_max_suppression_operators(),
                              norm_operators(),
                              one_hot_operators(),
                              pad_operators(),
                              pool_operators(),
                              pow_operators(),
                              prelu_operators(),
                              qlinear_operators(),
                              quantize_linear_operators(),
                              random_operators(),
                              rearrange_operators(),
                              recurrent_operators(),
                              reduce_operators(),
                              repeat_operators(),
                              reshape_operators(),
                              resize_operators(),
                              roi_align_operators(),
                              sampling_operators(),
                              scatter_operators(),
                              selection_operators(),
                              shape_operators(),
                              slice_operators(),
                              softmax_operators(),
                              spectrum_operators(),
                              topk_operators(),
                              transpose_operators(),
                              trees_operators(),
                              unary_operators(),
                              where_operators()})
      for (const auto& op : family) out.push_back(&op);
    return out;
  }();
  return all;
}

/// Why an operator is not there, where there is a reason.
std::string_view why_not(std::string_view op) {
  const auto any = [&](std::initializer_list<std::string_view> names) { return std::ranges::find(names, op) != names.end(); };
  if (op.starts_with("Sequence") || op == "ConcatFromSequence" || op == "SplitToSequence")
    return "sequences have no place in a program, whose values are tensors of fixed shape";
  if (op.starts_with("Optional")) return "optional values have no place in a program, whose values are tensors of fixed shape";
  if (op.starts_with("String") || op == "RegexFullMatch") return "strings and their features are not tensors of numbers";
  if (any({"Adam", "Adagrad", "Momentum", "Gradient"})) return "it belongs to training, not to a program";
  return "no operator of this name";
}

}  // namespace

std::span<const Operator* const> all_operators() { return table(); }

Result<const Operator*> find_operator(const Call& call) {
  static const std::multimap<std::string_view, const Operator*> by_name = [] {
    std::multimap<std::string_view, const Operator*> out;
    for (const auto* op : table()) out.emplace(op->name, op);
    return out;
  }();
  const auto [first, last] = by_name.equal_range(call.node().op);
  if (first == last) return call.fail(Code::unsupported, "{}", why_not(call.node().op));
  for (auto at = first; at != last; ++at)
    if (call.opset() >= at->second->first_opset && call.opset() <= at->second->last_opset) return at->second;
  return call.fail(Code::unsupported, "not in opset {}", call.opset());
}

Result<std::vector<Type>> infer(const Operator& op, const Call& call) {
  if (call.inputs() > op.max_inputs) return call.fail(Code::malformed, "{} inputs: at most {}", call.inputs(), op.max_inputs);
  for (std::size_t i = 0; i < op.min_inputs; ++i)
    if (!call.has(i)) return call.fail(Code::malformed, "input {} of {} is missing", i, op.min_inputs);
  if (op.infer == nullptr) return std::vector<Type>{};
  KOINON_TRY(auto types, op.infer(call));
  if (call.trouble()) return call.fail(Code::malformed, "attribute '{}' has the wrong kind", *call.trouble());
  if (call.outputs() > types.size()) return call.fail(Code::unsupported, "output {} is not supported", types.size());
  for (const auto& type : types) {
    if (type.shape.size() > tensor::kMaxRank)
      return call.fail(Code::out_of_range, "rank {}: at most {}", type.shape.size(), tensor::kMaxRank);
    if (std::ranges::any_of(type.shape, [](auto d) { return d < 0; }) || onnx::count(type.shape) > onnx::kMaxElements)
      return call.fail(Code::out_of_range, "output of shape {}: at most {} elements; smaller inputs (--dim) are needed",
                       tensor::shape_text(type.shape), onnx::kMaxElements);
  }
  return types;
}

}  // namespace koinon::engine::operators
