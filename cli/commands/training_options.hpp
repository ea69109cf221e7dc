#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "cli/line/line.hpp"
#include "cli/remote/node_client.hpp"
#include "cli/terminal/console.hpp"
#include "market/receipt/receipt.hpp"

namespace koinon::cli {

/// What `koinon order --train` needs beside the terms of an order.
struct TrainingOptions {
  std::string recipe, output;
  std::int64_t orders = 1;

  void options(Line& line);
  [[nodiscard]] bool given() const { return !recipe.empty(); }
  [[nodiscard]] std::string label() const;

  /// Places one order for the field "training" of the document with so many seconds to run it, and waits for its receipt, which
  /// is checked.
  using Buy = std::function<base::Result<market::Receipt>(const nlohmann::json& training, std::int64_t seconds)>;
  /// Buys the whole run, in one order or in several that each go on where the one before ended; then writes the model, its
  /// program, the losses and the states. Errors: those of the recipe, the data, the node; rejected.
  base::Status run(Console& console, NodeClient& node, const Buy& buy) const;
};

}  // namespace koinon::cli
