#include "engine/operators/expansion.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// DepthToSpace, SpaceToDepth and ReverseSequence: elements in other places.
namespace koinon::engine::operators {

namespace {

Result<std::int64_t> block_of(const Call& call) {
  const auto block = call.integer("blocksize", 0);
  if (call.shape(0).size() != 4) return call.fail(Code::malformed, "{} axes: 4 expected", call.shape(0).size());
  if (block < 1 || block > 1 << 15) return call.fail(Code::malformed, "blocksize {}", block);
  return block;
}

Status expand_to_space(const Call& call, Expansion& to) {
  KOINON_TRY(const auto b, block_of(call));
  const auto& x = call.shape(0);
  if (x[1] % (b * b) != 0) return call.fail(Code::malformed, "{} channels for blocks of {}", x[1], b);
  const auto mode = call.text("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") return call.fail(Code::malformed, "mode '{}'", mode);
  const auto depth = x[1] / (b * b);
  int v = mode == "DCR" ? to.reshape(call.input(0), {x[0], b, b, depth, x[2], x[3]})
                        : to.reshape(call.input(0), {x[0], depth, b, b, x[2], x[3]});
  v = mode == "DCR" ? to.transpose(v, {0, 3, 4, 1, 5, 2}) : to.transpose(v, {0, 1, 4, 2, 5, 3});
  to.result(0, to.reshape(v, {x[0], depth, x[2] * b, x[3] * b}));
  return {};
}

Status expand_to_depth(const Call& call, Expansion& to) {
  KOINON_TRY(const auto b, block_of(call));
  const auto& x = call.shape(0);
  if (x[2] % b != 0 || x[3] % b != 0) return call.fail(Code::malformed, "{} by {} for blocks of {}", x[2], x[3], b);
  const int v = to.reshape(call.input(0), {x[0], x[1], x[2] / b, b, x[3] / b, b});
  to.result(0, to.reshape(to.transpose(v, {0, 3, 5, 1, 2, 4}), {x[0], x[1] * b * b, x[2] / b, x[3] / b}));
  return {};
}

// Row t of sequence b is row len - 1 - t while t < len, else row t.
Status expand_reverse(const Call& call, Expansion& to) {
  const auto& x = call.shape(0);
  const auto batch = call.integer("batch_axis", 1), time = call.integer("time_axis", 0);
  if (x.size() < 2 || batch + time != 1 || batch < 0 || time < 0)
    return call.fail(Code::malformed, "batch_axis {} and time_axis {} of {} axes", batch, time, x.size());
  const auto sequences = x[static_cast<std::size_t>(batch)], steps = x[static_cast<std::size_t>(time)];
  if (call.shape(1) != Shape{sequences})
    return call.fail(Code::malformed, "lengths {} for {} sequences", tensor::shape_text(call.shape(1)), sequences);
  const auto grid = [&](bool of_time) {
    Value out = Value::zeros({Element::i64, {x[0], x[1]}});
    for (std::int64_t i = 0; i < out.size(); ++i)
      out.ints[static_cast<std::size_t>(i)] = (time == 0) == of_time ? i / x[1] : i % x[1];
    return out;
  };
  Shape row{1, 1};
  row[static_cast<std::size_t>(batch)] = sequences;
  const int lengths = to.reshape(call.input(1), row);
  const int t = to.constant(grid(true)), b = to.constant(grid(false));
  const int last = to.add("Sub", {lengths, to.whole(1)});
  const int from = to.add("Where", {to.add("Less", {t, lengths}), to.add("Sub", {last, t}), t});
  // The place in both axes laid flat.
  const int place = time == 0 ? to.add("Add", {to.add("Mul", {from, to.whole(sequences)}), b})
                              : to.add("Add", {to.add("Mul", {b, to.whole(steps)}), from});
  Shape flat{x[0] * x[1]};
  flat.insert(flat.end(), x.begin() + 2, x.end());
  const int rows = to.reshape(call.input(0), flat);
  to.result(0, to.add("Gather", {rows, place}, Attributes{{"axis", std::int64_t{0}}}));
  return {};
}

constexpr Operator kOperators[] = {{"DepthToSpace", 1, kNewest, 1, 1, nullptr, nullptr, nullptr, false, expand_to_space},
                                   {"SpaceToDepth", 1, kNewest, 1, 1, nullptr, nullptr, nullptr, false, expand_to_depth},
                                   {"ReverseSequence", 10, kNewest, 2, 2, nullptr, nullptr, nullptr, false, expand_reverse}};

}  // namespace

std::span<const Operator> rearrange_operators() { return kOperators; }

}  // namespace koinon::engine::operators
