#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/remote/node_client.hpp"
#include "cli/terminal/progress.hpp"

namespace koinon::cli {

/// What happens to an order now, for people: "providers run the program".
std::string stage_of(const nlohmann::json& order);
/// "12 s left" until the phase's deadline, or "any moment now" behind it; empty when there is none.
std::string time_left(const nlohmann::json& order, std::int64_t now_ms);
/// True when nothing more happens to it.
bool is_final(const nlohmann::json& order);

/// Follows an order until it is final, and has a receipt where one is due. The first Ctrl-C ends the wait and not the order.
/// Errors: cancelled; those of the node when it does not answer for long; each says that the order goes on.
base::Result<nlohmann::json> follow_order(NodeClient& node, const std::string& id, Progress& progress);

}  // namespace koinon::cli
