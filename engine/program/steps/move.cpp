// Data movement: elements are copied, never changed, and the type stays.
//   reshape    params: the new shape; same number of elements, row-major order
//   transpose  params: order; axis i of the result is axis order[i] of x
//   slice      params: starts[r], strides[r], sizes[r]; element i of an axis is element start + i * stride of x
//   broadcast  params: the new shape, as NumPy broadcasts
//   concat     params: axis; operands in order
//   pad        params: begin[r], end[r], value
#include "engine/kernels/move.hpp"

#include <algorithm>

#include "engine/program/steps/rules.hpp"

namespace koinon::engine::program::steps {
namespace {

using List = std::vector<std::int64_t>;

List params_part(const Step& step, std::size_t first, std::size_t count) {
  const auto begin = step.params.begin() + static_cast<std::ptrdiff_t>(first);
  return List(begin, begin + static_cast<std::ptrdiff_t>(count));
}

std::size_t rank(const Step& step) { return shape_of(step, 0).size(); }

Result<std::vector<Reach>> same_bounds(const Step&, const Known& known) { return std::vector{Reach{known.ranges[0]}}; }

// Copies the box of `shape` of operand 0, read from `offset` with `strides`, to the whole output.
void gather_box(const Execution& run, const List& strides, std::int64_t offset) {
  const std::size_t size = tensor::dtype_size(run.step.outputs[0].dtype);
  const Shape& shape = run.step.outputs[0].shape;
  kernels::copy_box(run.context, size, shape, run.operands[0] + offset * static_cast<std::int64_t>(size), strides,
                    run.outputs[0], kernels::strides_of(shape));
}

Result<std::vector<Shape>> reshape_infer(const Step& step) {
  Shape out = step.params;
  KOINON_CHECK(tensor::check_shape(out));
  if (tensor::element_count(out) != tensor::element_count(shape_of(step, 0)))
    return fail(Code::invalid_argument, "{} elements do not make {}", tensor::element_count(shape_of(step, 0)),
                tensor::shape_text(out));
  return std::vector<Shape>{out};
}
void reshape_execute(const Execution& run) {
  const auto& info = run.step.outputs[0];
  std::memcpy(run.outputs[0], run.operands[0],
              static_cast<std::size_t>(tensor::element_count(info.shape)) * tensor::dtype_size(info.dtype));
}

Result<std::vector<Shape>> transpose_infer(const Step& step) {
  KOINON_CHECK(expect_params(step, rank(step)));
  Shape out;
  std::vector<bool> seen(rank(step), false);
  for (auto axis : step.params) {
    if (axis < 0 || axis >= static_cast<std::int64_t>(rank(step)) || seen[static_cast<std::size_t>(axis)])
      return fail(Code::invalid_argument, "order {} is no permutation of {} axes", tensor::shape_text(step.params), rank(step));
    seen[static_cast<std::size_t>(axis)] = true;
    out.push_back(shape_of(step, 0)[static_cast<std::size_t>(axis)]);
  }
  return std::vector<Shape>{out};
}
void transpose_execute(const Execution& run) {
  const auto own = kernels::strides_of(shape_of(run.step, 0));
  List strides;
  for (auto axis : run.step.params) strides.push_back(own[static_cast<std::size_t>(axis)]);
  gather_box(run, strides, 0);
}

Result<std::vector<Shape>> slice_infer(const Step& step) {
  const std::size_t r = rank(step);
  KOINON_CHECK(expect_params(step, 3 * r));
  const Shape out = params_part(step, 2 * r, r);
  KOINON_CHECK(tensor::check_shape(out));
  for (std::size_t i = 0; i < r; ++i) {
    const std::int64_t start = step.params[i], stride = step.params[r + i], size = shape_of(step, 0)[i];
    const Wide last = start + static_cast<Wide>(stride) * (out[i] - 1);
    if (start < 0 || start >= size || last < 0 || last >= size || stride == 0 || stride >= tensor::kMaxElements ||
        stride <= -tensor::kMaxElements)
      return fail(Code::out_of_range, "axis {}: start {}, stride {} and size {} leave {} elements", i, start, stride, out[i],
                  size);
  }
  return std::vector<Shape>{out};
}
void slice_execute(const Execution& run) {
  const std::size_t r = rank(run.step);
  auto strides = kernels::strides_of(shape_of(run.step, 0));
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < r; ++i) {
    offset += run.step.params[i] * strides[i];
    strides[i] *= run.step.params[r + i];
  }
  gather_box(run, strides, offset);
}

Result<std::vector<Shape>> broadcast_infer(const Step& step) {
  Shape out = step.params;
  KOINON_CHECK(tensor::check_shape(out));
  KOINON_TRY(const auto joint, broadcast_shapes(shape_of(step, 0), out));
  if (joint != out)
    return fail(Code::invalid_argument, "{} does not broadcast to {}", tensor::shape_text(shape_of(step, 0)),
                tensor::shape_text(out));
  return std::vector<Shape>{out};
}
void broadcast_execute(const Execution& run) {
  gather_box(run, kernels::broadcast_strides(shape_of(run.step, 0), run.step.outputs[0].shape), 0);
}

Result<std::vector<Shape>> concat_infer(const Step& step) {
  KOINON_CHECK(expect_params(step, 1));
  Shape out = shape_of(step, 0);
  if (step.params[0] < 0 || step.params[0] >= static_cast<std::int64_t>(out.size()))
    return fail(Code::out_of_range, "axis {} of {}", step.params[0], out.size());
  const auto axis = static_cast<std::size_t>(step.params[0]);
  for (std::size_t i = 1; i < step.operands.size(); ++i) {
    Shape part = shape_of(step, i), first = shape_of(step, 0);
    if (step.operand_infos[i].dtype != step.operand_infos[0].dtype || part.size() != first.size())
      return fail(Code::invalid_argument, "operand {} of {} {} against {} {}", i, dtype_name(step.operand_infos[i].dtype),
                  tensor::shape_text(part), dtype_name(step.operand_infos[0].dtype), tensor::shape_text(first));
    out[axis] += part[axis];
    part[axis] = first[axis];
    if (part != first)
      return fail(Code::invalid_argument, "operand {} of shape {} against {} along axis {}", i,
                  tensor::shape_text(shape_of(step, i)), tensor::shape_text(first), axis);
  }
  return std::vector<Shape>{out};
}
Result<std::vector<Reach>> concat_bounds(const Step&, const Known& known) {
  Range out = known.ranges[0];
  for (const auto& r : known.ranges) out = Range{std::min(out.low, r.low), std::max(out.high, r.high)};
  return std::vector{Reach{out}};
}
void concat_execute(const Execution& run) {
  const auto& info = run.step.outputs[0];
  const auto axis = static_cast<std::size_t>(run.step.params[0]);
  const auto strides = kernels::strides_of(info.shape);
  const std::size_t size = tensor::dtype_size(info.dtype);
  std::int64_t at = 0;
  for (std::size_t i = 0; i < run.operands.size(); ++i) {
    const Shape& part = shape_of(run.step, i);
    kernels::copy_box(run.context, size, part, run.operands[i], kernels::strides_of(part),
                      run.outputs[0] + at * strides[axis] * static_cast<std::int64_t>(size), strides);
    at += part[axis];
  }
}

Result<std::vector<Shape>> pad_infer(const Step& step) {
  const std::size_t r = rank(step);
  KOINON_CHECK(expect_params(step, 2 * r + 1));
  Shape out = shape_of(step, 0);
  for (std::size_t i = 0; i < r; ++i) {
    const std::int64_t begin = step.params[i], end = step.params[r + i];
    if (begin < 0 || end < 0 || begin > tensor::kMaxElements || end > tensor::kMaxElements)
      return fail(Code::out_of_range, "axis {}: padding {} and {}: 0 to 2^31 expected", i, begin, end);
    out[i] += begin + end;
  }
  return std::vector<Shape>{out};
}
Result<std::vector<Reach>> pad_bounds(const Step& step, const Known& known) {
  const Range& x = known.ranges[0];
  return std::vector{Reach{Range{std::min(x.low, step.params.back()), std::max(x.high, step.params.back())}}};
}
void pad_execute(const Execution& run) {
  const auto& info = run.step.outputs[0];
  const std::size_t size = tensor::dtype_size(info.dtype);
  const auto strides = kernels::strides_of(info.shape);
  const Shape& x = shape_of(run.step, 0);
  tensor::with_dtype(info.dtype, [&](auto t) {
    auto* out = reinterpret_cast<decltype(t)*>(run.outputs[0]);
    std::fill(out, out + tensor::element_count(info.shape), static_cast<decltype(t)>(run.step.params.back()));
  });
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < x.size(); ++i) offset += run.step.params[i] * strides[i];
  kernels::copy_box(run.context, size, x, run.operands[0], kernels::strides_of(x),
                    run.outputs[0] + offset * static_cast<std::int64_t>(size), strides);
}

StepRule move_rule(StepKind kind, decltype(StepRule::infer) infer, decltype(StepRule::execute) execute) {
  return {kind, 1, 1, 1, 1, Typing::first, infer, same_bounds, execute, output_elements};
}

}  // namespace

StepRule reshape_rule() { return move_rule(StepKind::reshape, reshape_infer, reshape_execute); }
StepRule transpose_rule() { return move_rule(StepKind::transpose, transpose_infer, transpose_execute); }
StepRule slice_rule() { return move_rule(StepKind::slice, slice_infer, slice_execute); }
StepRule broadcast_rule() { return move_rule(StepKind::broadcast, broadcast_infer, broadcast_execute); }
StepRule concat_rule() {
  return {StepKind::concat, 1, kMaxOperands, 1, 1, Typing::first, concat_infer, concat_bounds, concat_execute, output_elements};
}
StepRule pad_rule() { return {StepKind::pad, 1, 1, 1, 1, Typing::first, pad_infer, pad_bounds, pad_execute, output_elements}; }

}  // namespace koinon::engine::program::steps
