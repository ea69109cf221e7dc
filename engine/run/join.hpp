#pragma once
#include <vector>

#include "engine/run/node.hpp"

namespace koinon::engine::run {

/// The work of a program in an order that can be run. Both fill making.views.
///
/// One node a step, but for those that move nothing.
std::vector<NodePtr> apart(Making& making);
/// Steps joined where nobody sees what lies between them, or, for a trace, where what is kept is written.
std::vector<NodePtr> joined(Making& making);

}  // namespace koinon::engine::run
