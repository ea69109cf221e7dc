#pragma once
#include <nlohmann/json_fwd.hpp>

#include "cli/files/model_file.hpp"
#include "cli/remote/node_client.hpp"
#include "cli/terminal/progress.hpp"

namespace koinon::cli {

/// True for what can only be a program's id, or its beginning: 0x and 8 to 64 hex digits.
bool is_program_id(const std::string& text);

/// The card of a model that the node knows, by its id or by the beginning of it that names it alone. Errors: not_found,
/// conflict (several); those of the node.
base::Result<nlohmann::json> find_model(NodeClient& node, const std::string& id);

/// A program that the node holds, by its id or by the beginning of it that names it alone. The bytes are checked against the
/// id. Errors: not_found (none, or not held), conflict (several), rejected (the node sent another program); those of the node.
base::Result<ModelFile> fetch_program(NodeClient& node, const std::string& id, Progress& progress);

}  // namespace koinon::cli
