#include "trust/optimistic/element.hpp"

#include "trust/optimistic/element_reader.hpp"

namespace koinon::trust::optimistic {
namespace {

/// The element of an operand that stands at element `index` of a result, when it broadcasts as in NumPy.
Index broadcast_index(const Shape& result, const Shape& operand, Index index) {
  Index at = 0, stride = 1;
  for (std::size_t back = 1; back <= operand.size(); ++back) {
    const auto wide = size_at(result, result.size() - back), own = size_at(operand, operand.size() - back);
    if (own != 1) at += index % wide * stride;
    stride *= own;
    index /= wide;
  }
  return at;
}

Wide requantise(Wide x, Wide multiplier, Wide shift, Wide low, Wide high) {
  const auto bits = static_cast<unsigned>(shift);
  const Wide y = (x * multiplier + (Wide{1} << (bits - 1))) >> bits;
  return y < low ? low : y > high ? high : y;
}

Wide divide(Wide a, Wide b, std::uint8_t output) {
  Wide quotient = a / b;
  if (quotient * b > a) --quotient;
  return output == 1 ? a - quotient * b : quotient;
}

Wide isqrt(Wide x) {
  Wide root = 0;
  for (Wide bit = Wide{1} << 31; bit != 0; bit >>= 1)
    if ((root + bit) * (root + bit) <= x) root += bit;
  return root;
}

tl::unexpected<base::Error> undefined(std::string_view what, Wide value) {
  return fail(Code::out_of_range, "[element] {} of {}", what, static_cast<std::int64_t>(value));
}

Result<Wide> lookup(const Around& at) {
  KOINON_TRY(const auto x, at.operand(0, at.element.index));
  const auto entry = x - at.step.params[0];
  if (entry < 0) return undefined("lookup", entry);
  return at.get(1, static_cast<Index>(entry));
}

Result<Wide> computed(const Around& at, const std::vector<Wide>& x) {
  const auto& params = at.step.params;
  switch (at.step.kind) {
    case StepKind::add: return x[0] + x[1];
    case StepKind::sub: return x[0] - x[1];
    case StepKind::mul: return x[0] * x[1];
    case StepKind::requantise:
      if (x[1] < 1 || x[2] < 1 || x[2] > 62) return undefined("requantise", x[2]);
      return requantise(x[0], x[1], x[2], params[0], params[1]);
    case StepKind::compare: return Wide{params[0] == 1 ? x[0] == x[1] : params[0] == 2 ? x[0] < x[1] : x[0] <= x[1]};
    case StepKind::select: return x[0] != 0 ? x[1] : x[2];
    case StepKind::divide:
      if (x[1] <= 0) return undefined("divide", x[1]);
      return divide(x[0], x[1], at.element.output);
    case StepKind::isqrt:
      if (x[0] < 0) return undefined("isqrt", x[0]);
      return isqrt(x[0]);
    case StepKind::shift: return params[0] >= 0 ? x[0] * (Wide{1} << params[0]) : x[0] >> -params[0];
    case StepKind::broadcast: return x[0];
    default: return fail(Code::unsupported, "[element] {}", engine::program::step_name(at.step.kind));
  }
}

Result<Wide> value_of(const Around& at) {
  switch (at.step.kind) {
    case StepKind::matmul: return matmul_value(at);
    case StepKind::conv: return conv_value(at);
    case StepKind::reduce: return reduce_value(at);
    case StepKind::prefix_sum: return prefix_sum_value(at);
    case StepKind::reshape: return at.operand(0, at.element.index);
    case StepKind::lookup: return lookup(at);
    case StepKind::gather:
    case StepKind::scatter:
    case StepKind::transpose:
    case StepKind::slice:
    case StepKind::concat:
    case StepKind::pad: return moved_value(at);
    default: return single_value(at);
  }
}

/// Whether a type holds a value.
bool holds(engine::tensor::DType type, Wide x) {
  return x >= engine::tensor::dtype_low(type) && x <= engine::tensor::dtype_high(type);
}

}  // namespace

Result<Wide> Around::operand(std::size_t number, Index index) const {
  if (!tensors.is_made(number)) return get(number, index);
  KOINON_TRY(const auto maker, tensors.maker(number));
  const auto& made = maker.step->outputs[0];
  if (index >= elements_of(made)) return fail(Code::out_of_range, "[element] {} of {}", index, elements_of(made));
  const Element inner{0, index, {}};
  KOINON_TRY(const auto x, value_of({*maker.step, inner, *maker.around, maker.step->operand_infos}));
  // A run never leaves the type, so what does comes from a trace that is wrong before this element.
  if (!holds(made.dtype, x)) return fail(Code::out_of_range, "[element] an inner element beyond its type");
  return x;
}

Result<Wide> single_value(const Around& at) {
  const auto& result = at.step.outputs[at.element.output].shape;
  std::vector<Wide> x;
  for (std::size_t i = 0; i < at.operands(); ++i) {
    KOINON_TRY(const auto one, at.operand(i, broadcast_index(result, at.shape(i), at.element.index)));
    x.push_back(one);
  }
  return computed(at, x);
}

std::vector<TensorInfo> tensors_of(const Step& step, std::uint8_t output) {
  auto out = step.operand_infos;
  if (step.kind == StepKind::topk) {
    out.insert(out.end(), step.outputs.begin(), step.outputs.end());
  } else {
    out.push_back(step.outputs[output]);
  }
  return out;
}

std::vector<engine::program::Ref> refs_of(const Step& step, std::uint8_t output) {
  using engine::program::Ref;
  auto out = step.operands;
  const bool all = step.kind == StepKind::topk;
  for (std::size_t o = all ? 0 : output; o < (all ? step.outputs.size() : output + 1U); ++o)
    out.push_back(Ref::value(step.first_output + o));
  return out;
}

Result<bool> element_differs(const Step& step, const Element& element, Tensors& tensors) {
  if (element.output >= step.outputs.size())
    return fail(Code::out_of_range, "[element] output {} of {}", element.output, step.outputs.size());
  const auto count = elements_of(step.outputs[element.output]);
  if (element.index >= count) return fail(Code::out_of_range, "[element] {} of {}", element.index, count);
  const Around at{step, element, tensors, tensors_of(step, element.output)};
  if (step.kind == StepKind::topk) return topk_differs(at);
  if (step.kind == StepKind::argmax) return argmax_differs(at);
  KOINON_TRY(const auto claimed, at.get(at.operands(), element.index));
  if (step.kind == StepKind::reduce && element.hints.size() == 1) return reduce_beaten(at, claimed);
  if (step.kind == StepKind::scatter && element.hints.size() == 2) return scatter_repeated(at);
  KOINON_TRY(const auto value, value_of(at));
  return claimed != value;
}

}  // namespace koinon::trust::optimistic
