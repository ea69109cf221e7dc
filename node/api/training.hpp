#pragma once
#include <nlohmann/json_fwd.hpp>

#include "node/api/context.hpp"
#include "node/api/training_request.hpp"

// Training orders: what they take before they are placed, and what came of them.
namespace koinon::node::api {

/// True of an order for training.
[[nodiscard]] bool is_training(const market::OrderView& order);
/// Turns a purchase into one of this training; its recipe becomes an artifact. Errors: unsupported (this node does not know the
/// kind), rejected (what would be rejected by providers), those of the store.
Status train_with(Context& context, const TrainingAsked& asked, market::Purchase& purchase);
/// The loss of each step as an output. Errors: malformed.
Result<RealOutput> losses_output(const std::vector<base::Bytes>& outputs);
/// TrainingOrder of the document: of an own order whose result is here. Errors: unsupported (another order), those of the
/// artifacts.
Result<nlohmann::json> training_json(Context& context, const market::OrderView& order);

}  // namespace koinon::node::api
