#pragma once
#include "engine/operators/lowering.hpp"

// Parts of lowerings that move elements, compare them, or compute with exact integers.
namespace koinon::engine::operators {

/// True when input i is of an integer or boolean type.
bool is_whole(const Call& call, std::size_t i);
/// A weight of whole numbers in the narrowest type that holds them.
Ref whole_weight(Lowering& to, Shape shape, const std::vector<std::int64_t>& values);
/// 0, 1, ... along one axis of a tensor of `rank` axes; the others are 1.
Ref counting(Lowering& to, std::int64_t size, std::size_t axis, std::size_t rank);
/// The same integers, all in the widest of their types.
std::vector<Ref> one_type(Lowering& to, std::vector<Ref> refs);
/// Any number of tensors of one type along an axis.
Ref concatenated(Lowering& to, std::vector<Ref> parts, std::size_t axis);
/// x in the integers of a target.
Ref at_target(Lowering& to, const Quantised& x, const Target& target);
/// Inputs that go to one output without arithmetic, in its integers and one type: exact, or at the output's target.
Result<std::vector<Ref>> alike(const Call& call, Lowering& to, const std::vector<std::size_t>& inputs);
/// What `alike` results of output `i` are in.
Scale scale_of(const Call& call, const Lowering& to, std::size_t output = 0);
/// Places on an axis of n: below 0 they count from the end. One beyond the axis wraps round, where the standard has no answer.
Ref places(Lowering& to, Ref index, std::int64_t n);
/// The places in the axes [batch, batch + k) of `data`, laid flat, that the coordinates of an index [b..., i..., k] name.
Ref flat_places(Lowering& to, const Shape& data, Ref index, const Shape& indices, std::size_t batch);
/// GatherND: rows of `data` of `shape` that an index [b..., i..., k] names.
Ref gather_flat(Lowering& to, Ref data, const Shape& shape, Ref index, const Shape& indices, std::size_t batch);
/// Add, Sub, Mul, Div or Mod of whole numbers.
Status lower_whole(const Call& call, Lowering& to);
/// Element types equal. Errors: malformed naming both.
Status same_elements(const Call& call, std::size_t a, std::size_t b);

}  // namespace koinon::engine::operators
