#include "engine/train/net/work.hpp"

namespace koinon::engine::train {
namespace {

std::uint64_t add(std::uint64_t a, std::uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

}  // namespace

std::uint64_t work_of_step(const Graph& graph, const Optimiser& optimiser) {
  std::uint64_t products = 0, inner = 0, state = 0;
  for (const auto& node : graph.nodes()) products = add(products, node.op->products());
  for (int i = 0; i < graph.size(); ++i) {
    const auto& value = graph.value(i);
    const auto role = value.role;
    (role == Role::parameter || role == Role::buffer ? state : inner) += value.data.size();
  }
  for (const auto& array : optimiser.state()) state += array.size();
  const auto threefold = products > UINT64_MAX / 3 ? UINT64_MAX : 3 * products;
  return add(threefold, 16 * inner + 32 * state);
}

}  // namespace koinon::engine::train
