// Rows of x along an axis, named by a tensor of indices in [0, size of the axis). Parameters: axis, batch, with batch <= axis:
// the first `batch` axes of x and of the indices are the same, and each batch has its own indices.
//   gather   x, indices         the shape of x with axis replaced by the axes of the indices after the batch
//   scatter  x, indices, rows   x with those rows replaced; indices of one batch are distinct. Indices that are a weight are
//                               checked when the program is validated, others when it runs
#include "engine/kernels/index.hpp"

#include <algorithm>

#include "engine/program/steps/rules.hpp"

namespace koinon::engine::program::steps {
namespace {

struct Places {
  std::size_t axis, batch;
};

Places places_of(const Step& step) {
  return {static_cast<std::size_t>(step.params[0]), static_cast<std::size_t>(step.params[1])};
}

// The shape of the rows that the indices name.
Result<Shape> rows_shape(const Step& step) {
  KOINON_CHECK(expect_params(step, 2));
  const Shape &x = shape_of(step, 0), &indices = shape_of(step, 1);
  const std::int64_t axis = step.params[0], batch = step.params[1];
  if (axis < 0 || axis >= static_cast<std::int64_t>(x.size())) return fail(Code::out_of_range, "axis {} of {}", axis, x.size());
  if (batch < 0 || batch > axis || batch > static_cast<std::int64_t>(indices.size()))
    return fail(Code::out_of_range, "{} batch axes of x with {} before its axis, and indices of {} axes", batch, axis,
                indices.size());
  if (!std::equal(x.begin(), x.begin() + batch, indices.begin()))
    return fail(Code::invalid_argument, "{} batch axes of {} and of indices {} differ", batch, tensor::shape_text(x),
                tensor::shape_text(indices));
  Shape out(x.begin(), x.begin() + axis);
  out.insert(out.end(), indices.begin() + batch, indices.end());
  out.insert(out.end(), x.begin() + axis + 1, x.end());
  KOINON_CHECK(tensor::check_shape(out));
  return out;
}

kernels::Rows rows_of(const Step& step) {
  const Shape &x = shape_of(step, 0), &indices = shape_of(step, 1);
  const auto [axis, batch] = places_of(step);
  kernels::Rows job;
  for (std::size_t i = 0; i < x.size(); ++i)
    (i < batch ? job.batch : i < axis ? job.outer : i == axis ? job.length : job.inner) *= x[i];
  for (std::size_t i = batch; i < indices.size(); ++i) job.count *= indices[i];
  job.size = tensor::dtype_size(step.operand_infos[0].dtype);
  return job;
}

kernels::Rows rows_of(const Execution& run) {
  kernels::Rows job = rows_of(run.step);
  job.indices = run.operand(1);
  return job;
}

Status check_indices(const Step& step, const Known& known) {
  const std::int64_t size = shape_of(step, 0)[places_of(step).axis];
  const Range& index = known.ranges[1];
  if (index.low < 0 || index.high >= size)
    return fail(Code::out_of_range, "indices reach [{}, {}]: 0 to {} expected", index.low, index.high, size - 1);
  return {};
}

Status check_distinct(const kernels::Rows& job) {
  const std::int64_t twice = kernels::repeated_index(job);
  if (twice >= 0) return fail(Code::invalid_argument, "index {} is repeated: distinct ones expected", twice);
  return {};
}

Result<std::vector<Shape>> gather_infer(const Step& step) {
  KOINON_TRY(auto shape, rows_shape(step));
  return std::vector<Shape>{shape};
}
Result<std::vector<Reach>> gather_bounds(const Step& step, const Known& known) {
  KOINON_CHECK(check_indices(step, known));
  return std::vector{Reach{known.ranges[0]}};
}
void gather_execute(const Execution& run) { kernels::gather(run.context, rows_of(run), run.operands[0], run.outputs[0]); }

Result<std::vector<Shape>> scatter_infer(const Step& step) {
  KOINON_TRY(const auto rows, rows_shape(step));
  if (step.operand_infos[2] != TensorInfo{step.operand_infos[0].dtype, rows})
    return fail(Code::invalid_argument, "rows {} {}: {} {} expected", dtype_name(step.operand_infos[2].dtype),
                tensor::shape_text(shape_of(step, 2)), dtype_name(step.operand_infos[0].dtype), tensor::shape_text(rows));
  const auto job = rows_of(step);
  if (job.count > job.length)
    return fail(Code::invalid_argument, "{} indices for {} rows: distinct ones expected", job.count, job.length);
  return std::vector<Shape>{shape_of(step, 0)};
}
Result<std::vector<Reach>> scatter_bounds(const Step& step, const Known& known) {
  KOINON_CHECK(check_indices(step, known));
  if (const Constant* indices = known.constants[1]; indices != nullptr) {
    kernels::Rows job = rows_of(step);
    job.indices = {indices->info.dtype, indices->data.data()};
    KOINON_CHECK(check_distinct(job));
  }
  const Range &x = known.ranges[0], &rows = known.ranges[2];
  return std::vector{Reach{Range{std::min(x.low, rows.low), std::max(x.high, rows.high)}}};
}
Status scatter_admit(const Execution& run) {
  if (run.step.operands[1].source() != Source::value) return {};
  return check_distinct(rows_of(run));
}
void scatter_execute(const Execution& run) {
  kernels::scatter(run.context, rows_of(run), run.operands[0], run.operands[2], run.outputs[0]);
}

}  // namespace

StepRule gather_rule() {
  return {StepKind::gather, 2, 2, 1, 1, Typing::first, gather_infer, gather_bounds, gather_execute, output_elements};
}
StepRule scatter_rule() {
  return {StepKind::scatter, 3, 3, 1, 1, Typing::first, scatter_infer, scatter_bounds, scatter_execute, output_elements,
          scatter_admit};
}

}  // namespace koinon::engine::program::steps
