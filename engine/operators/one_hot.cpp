#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"

// OneHot: a new axis of constant depth that is "on" at one place.
namespace koinon::engine::operators {

namespace {

using program::CompareOp;

struct Job {
  std::int64_t depth = 0;
  std::size_t axis = 0;
};

Result<Job> read(const Call& call) {
  Job job;
  if (call.known(1) == nullptr || call.known(1)->size() != 1)
    return call.fail(Code::unsupported, "its depth must be one constant");
  job.depth = onnx::saturate(call.known(1)->real(0));
  if (job.depth < 1 || job.depth > onnx::count({1 << 24})) return call.fail(Code::out_of_range, "depth {}", job.depth);
  KOINON_TRY(job.axis, call.axis(call.integer("axis", -1), call.shape(0).size() + 1));
  if (call.shape(2) != Shape{2})
    return call.fail(Code::malformed, "values {}: [2] expected", tensor::shape_text(call.shape(2)));
  return job;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto job, read(call));
  Shape out = call.shape(0);
  out.insert(out.begin() + static_cast<std::ptrdiff_t>(job.axis), job.depth);
  return std::vector<Type>{{call.type(2).element, std::move(out)}};
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto job, read(call));
  Value y = Value::zeros(call.output_type(0));
  const auto inner = strides_of(y.shape)[job.axis];
  const auto& indices = call.value(0);
  const auto& values = call.value(2);
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const auto from = i / (inner * job.depth) * inner + i % inner;
    auto wanted = onnx::saturate(indices.real(from));
    if (wanted < 0) wanted += job.depth;
    const std::size_t on = i / inner % job.depth == wanted ? 1 : 0;
    if (onnx::is_float(y.element))
      y.floats[static_cast<std::size_t>(i)] = values.floats[on];
    else
      y.ints[static_cast<std::size_t>(i)] = values.ints[on];
  }
  return std::vector<Value>{std::move(y)};
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto job, read(call));
  if (!is_whole(call, 0)) return call.fail(Code::unsupported, "indices of a float type at run time");
  KOINON_TRY(const auto index, to.in(call, 0));
  KOINON_TRY(const auto pair, alike(call, to, {2}));
  auto& b = to.builder();
  const auto& out = call.output_type(0).shape;
  Shape one = out;
  one[job.axis] = 1;
  const auto place = b.reshape(to.plain(index), one);
  const auto ahead = counting(to, job.depth, job.axis, out.size());
  const auto depth = whole_weight(to, {}, {job.depth});
  const auto behind = b.sub(ahead, depth);
  const auto here = b.compare(place, ahead, CompareOp::equal);
  const auto from_end = b.compare(place, behind, CompareOp::equal);
  const auto either = b.add(here, from_end);
  const auto off = b.reshape(b.slice(pair[0], {0}, {1}, {1}), {});
  const auto on = b.reshape(b.slice(pair[0], {1}, {1}, {1}), {});
  return to.set(call, b.select(either, on, off), scale_of(call, to));
}

constexpr Operator kOperators[] = {{"OneHot", 9, kNewest, 3, 3, infer, compute, lower}};

}  // namespace

std::span<const Operator> one_hot_operators() { return kOperators; }

}  // namespace koinon::engine::operators
