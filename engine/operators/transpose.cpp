#include "engine/operators/lowering.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// Transpose by a permutation; without one the axes are reversed.
namespace koinon::engine::operators {

namespace {

Result<std::vector<std::int64_t>> order(const Call& call) {
  const auto rank = call.shape(0).size();
  std::vector<std::int64_t> reversed;
  for (std::size_t i = rank; i-- > 0;) reversed.push_back(static_cast<std::int64_t>(i));
  auto perm = call.integers("perm", reversed);
  std::vector<bool> seen(rank, false);
  for (auto p : perm) {
    if (p < 0 || p >= static_cast<std::int64_t>(rank) || seen[static_cast<std::size_t>(p)] || perm.size() != rank)
      return call.fail(Code::malformed, "perm {} for {} axes", tensor::shape_text(perm), rank);
    seen[static_cast<std::size_t>(p)] = true;
  }
  if (perm.size() != rank) return call.fail(Code::malformed, "perm {} for {} axes", tensor::shape_text(perm), rank);
  return perm;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto perm, order(call));
  Type out = call.type(0);
  for (std::size_t i = 0; i < perm.size(); ++i) out.shape[i] = call.shape(0)[static_cast<std::size_t>(perm[i])];
  return std::vector<Type>{out};
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto perm, order(call));
  const auto own = strides_of(call.shape(0));
  std::vector<std::int64_t> strides;
  for (auto p : perm) strides.push_back(own[static_cast<std::size_t>(p)]);
  std::vector<Value> out;
  out.push_back(pick(call.value(0), call.output_type(0).shape, strides));
  return out;
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto perm, order(call));
  KOINON_TRY(const auto x, to.in(call, 0));
  return to.set(call, to.builder().transpose(to.plain(x), perm), x.scale);
}

constexpr Operator kOperators[] = {{"Transpose", 1, kNewest, 1, 1, infer, compute, lower}};

}  // namespace

std::span<const Operator> transpose_operators() { return kOperators; }

}  // namespace koinon::engine::operators
