#include "engine/program/params.hpp"

namespace koinon::engine::program {
namespace {

using base::Code;
using base::fail;
using List = std::vector<std::int64_t>;

void append(Params& to, const List& list) { to.insert(to.end(), list.begin(), list.end()); }

List part(const Params& params, std::size_t index, std::size_t size) {
  const auto first = params.begin() + static_cast<std::ptrdiff_t>(1 + index * size);
  return List(first, first + static_cast<std::ptrdiff_t>(size));
}

base::Status expect(const Params& params, std::size_t count) {
  if (params.size() != count) return fail(Code::malformed, "{} parameters: {} expected", params.size(), count);
  return {};
}

}  // namespace

Params ConvParams::pack() const {
  Params out{groups};
  for (const auto* list : {&strides, &dilations, &pads_begin, &pads_end}) append(out, *list);
  return out;
}

base::Result<ConvParams> ConvParams::unpack(const Params& params, std::size_t spatial) {
  KOINON_CHECK(expect(params, 1 + 4 * spatial));
  return ConvParams{params[0], part(params, 0, spatial), part(params, 1, spatial), part(params, 2, spatial),
                    part(params, 3, spatial)};
}

ReduceParams ReduceParams::axes(ReduceOp op, const tensor::Shape& shape, const std::vector<std::size_t>& reduced) {
  const std::size_t rank = shape.size();
  ReduceParams out{op, List(rank, 1), List(rank, 1), List(rank, 1), List(rank, 0), List(rank, 0)};
  for (auto axis : reduced) out.window[axis] = shape[axis];
  return out;
}

Params ReduceParams::pack() const {
  Params out{static_cast<std::int64_t>(op)};
  for (const auto* list : {&window, &strides, &dilations, &pads_begin, &pads_end}) append(out, *list);
  return out;
}

base::Result<ReduceParams> ReduceParams::unpack(const Params& params, std::size_t rank) {
  KOINON_CHECK(expect(params, 1 + 5 * rank));
  if (params[0] < 1 || params[0] > 3) return fail(Code::malformed, "reduction {}: 1 to 3 expected", params[0]);
  return ReduceParams{static_cast<ReduceOp>(params[0]),
                      part(params, 0, rank),
                      part(params, 1, rank),
                      part(params, 2, rank),
                      part(params, 3, rank),
                      part(params, 4, rank)};
}

}  // namespace koinon::engine::program
