#include <algorithm>
#include <numeric>

#include "engine/operators/fixed.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"

// TopK along an axis: values and places, best first, the lower place first at ties.
namespace koinon::engine::operators {

namespace {

struct Job {
  std::size_t axis = 0;
  std::int64_t k = 0;
  bool largest = true;
};

Result<Job> read(const Call& call) {
  const auto& x = call.shape(0);
  Job job;
  KOINON_TRY(job.axis, call.axis(call.integer("axis", -1), x.size()));
  job.largest = call.integer("largest", 1) != 0;
  if (call.opset() < 10) {
    job.k = call.integer("k", 0);
  } else {
    if (!call.has(1)) return call.fail(Code::malformed, "no K");
    KOINON_TRY(const auto list, call.constant_integers(1, "K"));
    if (list.size() != 1) return call.fail(Code::malformed, "{} numbers as K", list.size());
    job.k = list[0];
  }
  if (job.k < 0 || job.k > x[job.axis]) return call.fail(Code::out_of_range, "K {} of an axis of {}", job.k, x[job.axis]);
  return job;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto job, read(call));
  Shape out = call.shape(0);
  out[job.axis] = job.k;
  return std::vector<Type>{{call.type(0).element, out}, {Element::i64, out}};
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto job, read(call));
  const auto& x = call.value(0);
  Shape shape = x.shape;
  shape[job.axis] = job.k;
  Value values = Value::zeros({x.element, shape}), places = Value::zeros({Element::i64, shape});
  const auto n = x.shape[job.axis], inner = strides_of(x.shape)[job.axis];
  const auto outer = n == 0 ? 0 : x.size() / (n * inner);
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t i = 0; i < inner; ++i) {
      const auto at = [&](std::int64_t k) { return (o * n + k) * inner + i; };
      std::iota(order.begin(), order.end(), 0);
      std::ranges::sort(order, [&](auto a, auto b) {
        const double p = x.real(at(a)), q = x.real(at(b));
        return p == q ? a < b : job.largest ? p > q : p < q;
      });
      for (std::int64_t k = 0; k < job.k; ++k) {
        const auto to = static_cast<std::size_t>((o * job.k + k) * inner + i);
        const auto best = order[static_cast<std::size_t>(k)];
        places.ints[to] = best;
        if (onnx::is_float(x.element))
          values.floats[to] = x.floats[static_cast<std::size_t>(at(best))];
        else
          values.ints[to] = x.ints[static_cast<std::size_t>(at(best))];
      }
    }
  return std::vector<Value>{std::move(values), std::move(places)};
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto job, read(call));
  if (job.k == 0) return call.fail(Code::unsupported, "K 0");
  KOINON_TRY(const auto x, to.in(call, 0));
  auto& b = to.builder();
  const auto ref = to.plain(x);
  const auto zero = scalar(to, 0);
  auto [values, places] = b.topk(job.largest ? ref : b.sub(zero, ref), job.axis, job.k);
  if (!job.largest) values = b.sub(zero, values, b.error() ? DType::i8 : b.info(ref).dtype);
  KOINON_CHECK(to.set(call, values, x.scale));
  return to.set_whole(call, places, false, 1);
}

constexpr Operator kOperators[] = {{"TopK", 1, kNewest, 1, 2, infer, compute, lower}};

}  // namespace

std::span<const Operator> topk_operators() { return kOperators; }

}  // namespace koinon::engine::operators
