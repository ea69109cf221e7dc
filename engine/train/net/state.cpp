#include "engine/train/net/state.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/merkle.hpp"

namespace koinon::engine::train {
namespace {

base::Hash array_root(const std::vector<float>& values) {
  static_assert(std::numeric_limits<float>::is_iec559);
  if (std::none_of(values.begin(), values.end(), [](float v) { return std::isnan(v); }))
    return base::byte_tree_root(base::Domain::tensor,
                                {reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(float)});
  return base::byte_tree_root(base::Domain::tensor, canonical_bytes(values));
}

}  // namespace

base::Bytes canonical_bytes(const std::vector<float>& values) {
  base::Bytes out(values.size() * sizeof(float));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float v = std::isnan(values[i]) ? std::bit_cast<float>(0x7fc00000U) : values[i];
    std::memcpy(out.data() + i * sizeof v, &v, sizeof v);
  }
  return out;
}

base::Hash state_root(const Machine& machine, const Graph& graph, const Optimiser& optimiser, std::uint64_t steps) {
  std::vector<const std::vector<float>*> arrays;
  for (int i = 0; i < graph.size(); ++i)
    if (graph.value(i).role == Role::parameter || graph.value(i).role == Role::buffer) arrays.push_back(&graph.value(i).data);
  for (const auto& s : optimiser.state()) arrays.push_back(&s);
  std::vector<base::Hash> roots(arrays.size());
  machine.parallel_for(static_cast<std::int64_t>(arrays.size()), [&](std::int64_t i) {
    roots[static_cast<std::size_t>(i)] = array_root(*arrays[static_cast<std::size_t>(i)]);
  });
  return base::keccak256(
      {base::as_bytes("koinon.training.state"), base::be64(steps), base::list_root(base::Domain::tensor, roots).view()});
}

}  // namespace koinon::engine::train
