#include "engine/operators/quantisation.hpp"

#include <algorithm>
#include <cmath>

#include "engine/operators/integer_range.hpp"
#include "engine/operators/whole.hpp"

namespace koinon::engine::operators {

double round_even(double x) {
  const double down = std::floor(x), rest = x - down;
  if (rest != 0.5) return rest < 0.5 ? down : down + 1;
  return 2 * std::floor(down / 2) == down ? down : down + 1;
}

Status check_grid(const Call& call, std::size_t scale, std::size_t zero, std::int64_t size) {
  for (std::size_t i : {scale, zero}) {
    if (!call.has(i)) continue;
    const auto n = onnx::count(call.shape(i));
    if (n != 1 && n != size) return call.fail(Code::malformed, "input {} of {} elements: 1 or {} expected", i, n, size);
  }
  if (!onnx::is_float(call.type(scale).element)) return call.fail(Code::malformed, "a scale that is not a float");
  if (call.has(zero) && onnx::is_float(call.type(zero).element)) return call.fail(Code::unsupported, "a float zero point");
  return {};
}

Result<Grid> read_grid(const Call& call, std::size_t scale, std::size_t zero, std::size_t axis, std::int64_t size) {
  KOINON_CHECK(check_grid(call, scale, zero, size));
  if (call.known(scale) == nullptr || (call.has(zero) && call.known(zero) == nullptr))
    return call.fail(Code::unsupported, "its scale and zero point must be constant");
  Grid out{{}, {}, axis};
  for (std::int64_t i = 0; i < call.value(scale).size(); ++i) {
    out.scales.push_back(call.value(scale).real(i));
    if (!(out.scales.back() > 0) || !(out.scales.back() < 1e30))
      return call.fail(Code::out_of_range, "scale {}: a positive number expected", out.scales.back());
  }
  if (call.has(zero)) out.zeros = call.value(zero).ints;
  if (out.zeros.empty()) out.zeros = {0};
  return out;
}

namespace {

/// A list along one axis of a tensor of a rank.
Shape along(std::size_t rank, std::size_t axis, std::size_t n) {
  Shape out(rank, 1);
  if (n > 1) out[axis] = static_cast<std::int64_t>(n);
  return out;
}

}  // namespace

Result<Ref> centred(const Call& call, Lowering& to, std::size_t x, std::size_t zero, std::size_t axis) {
  KOINON_TRY(const auto q, to.in(call, x));
  auto ref = to.plain(q);
  auto& b = to.builder();
  const auto* known = call.known(zero);
  if (call.has(zero) && !(known != nullptr && std::ranges::all_of(known->ints, [](auto v) { return v == 0; }))) {
    KOINON_TRY(const auto z, to.in(call, zero));
    const auto n = static_cast<std::size_t>(onnx::count(z.shape));
    ref = b.sub(ref, b.reshape(to.plain(z), along(q.shape.size(), axis, n)));
  }
  if (b.error()) return base::fail(*b.error());
  const auto range = b.range(ref);
  if (range.low < -32768 || range.high > 32767)
    return call.fail(Code::unsupported, "input {} less its zero point can be {} to {}: 16 bits expected", x, range.low,
                     range.high);
  return b.info(ref).dtype > DType::i16 ? b.shift(ref, 0, DType::i16) : ref;
}

Status quantise_to(const Call& call, Lowering& to, Ref acc, const Shape& shape, std::size_t axis,
                   const std::vector<double>& ratios, const std::vector<std::int64_t>& zeros) {
  auto& b = to.builder();
  const auto limits = element_range(call.output_type(0).element);
  const bool many = ratios.size() > 1 && axis + 1 != shape.size();
  std::vector<std::int64_t> order;
  for (std::size_t i = 0; i < shape.size(); ++i) order.push_back(static_cast<std::int64_t>(i));
  if (many) std::swap(order[axis], order.back());
  if (many) acc = b.transpose(acc, order);
  // What lies beyond the type on one side comes back by no zero point.
  const auto wide = 2 * (limits.high - limits.low + 1);
  auto y = to.rescale(acc, ratios, -wide, wide);
  if (many) y = b.transpose(y, order);
  if (std::ranges::any_of(zeros, [](auto v) { return v != 0; }))
    y = b.add(y, whole_weight(to, along(shape.size(), axis, zeros.size()), zeros));
  return to.set_whole(call, clamp(to, y, limits.low, limits.high));
}

}  // namespace koinon::engine::operators
