// out[..., i, j] = bias[j] + sum over l of a[..., i, l] * b[..., j, l]. No parameters.
#include "engine/kernels/gemm.hpp"
#include "engine/program/steps/rules.hpp"

namespace koinon::engine::program::steps {
namespace {

bool narrow(DType type) { return type == DType::i8 || type == DType::i16; }

Result<std::vector<Shape>> infer(const Step& step) {
  KOINON_CHECK(expect_params(step, 0));
  const Shape &a = shape_of(step, 0), &b = shape_of(step, 1);
  if (!narrow(step.operand_infos[0].dtype) || !narrow(step.operand_infos[1].dtype))
    return fail(Code::unsupported, "operands of type {} and {}: i8 or i16 expected", dtype_name(step.operand_infos[0].dtype),
                dtype_name(step.operand_infos[1].dtype));
  if (a.size() < 2 || b.size() < 2 || (b.size() != 2 && b.size() != a.size()))
    return fail(Code::invalid_argument, "shapes {} and {}: [..., m, k] and [n, k] or [..., n, k] expected",
                tensor::shape_text(a), tensor::shape_text(b));
  if (a.back() != b.back()) return fail(Code::invalid_argument, "inner sizes differ: {} against {}", a.back(), b.back());
  for (std::size_t i = 0; b.size() != 2 && i + 2 < a.size(); ++i)
    if (a[i] != b[i])
      return fail(Code::invalid_argument, "batches differ: {} against {}", tensor::shape_text(a), tensor::shape_text(b));
  const std::int64_t n = b[b.size() - 2];
  if (step.operands.size() == 3 && (shape_of(step, 2) != Shape{n} || step.operand_infos[2].dtype == DType::i64))
    return fail(Code::invalid_argument, "bias {} of type {}: [{}] of at most i32 expected",
                tensor::shape_text(shape_of(step, 2)), dtype_name(step.operand_infos[2].dtype), n);
  Shape out = a;
  out.back() = n;
  return std::vector<Shape>{out};
}

Result<std::vector<Reach>> bounds(const Step& step, const Known& known) {
  const Shape& b = shape_of(step, 1);
  const Constant* weights = known.constants[1];
  const std::int64_t k = b.back(), n = b[b.size() - 2];
  const std::int64_t rows = weights != nullptr ? tensor::element_count(b) / k : 1;
  Reach out{Range{INT64_MAX, INT64_MIN}, -1};
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto [low, high] = row_reach(weights, row * k, k, known.ranges[0], known.ranges[1]);
    const std::int64_t channel = weights != nullptr ? row % n : -1;
    const Range bias = bias_range(step, known, channel);
    auto range = range_of(low + bias.low, high + bias.high);
    if (!range) return fail(std::move(range).error().within(fmt::format("channel {}", channel)));
    widen(out, *range, channel);
  }
  return std::vector{out};
}

void execute(const Execution& run) {
  const Shape &a = shape_of(run.step, 0), &b = shape_of(run.step, 1);
  kernels::Matmul job;
  job.m = a[a.size() - 2];
  job.k = a.back();
  job.n = b[b.size() - 2];
  job.batch = tensor::element_count(a) / (job.m * job.k);
  job.shared_b = b.size() == 2;
  job.a = run.operand(0);
  job.b = run.operand(1);
  if (run.operands.size() == 3) job.bias = run.operand(2);
  job.out = run.output();
  kernels::matmul(run.context, job);
}

std::uint64_t cost(const Step& step) { return output_elements(step) * static_cast<std::uint64_t>(shape_of(step, 0).back()); }

}  // namespace

StepRule matmul_rule() { return {StepKind::matmul, 2, 3, 1, 1, Typing::accumulator, infer, bounds, execute, cost}; }

}  // namespace koinon::engine::program::steps
