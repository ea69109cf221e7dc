#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace koinon::cli {

/// What a node answered, in words and tables for people. The JSON is not trusted: whatever it holds, these return, and what
/// they return is safe on a terminal.
std::string describe_status(const nlohmann::json& status);
std::string describe_account(const nlohmann::json& account);
std::string describe_orders(const nlohmann::json& page);
std::string describe_order(const nlohmann::json& order);
/// The outputs of an order: a bar for each class of a small one.
std::string describe_outputs(const nlohmann::json& outputs);
/// What came out of an order: its text when it is one for a language model, else its outputs.
std::string describe_result(const nlohmann::json& order);
/// Who ran an order, and what came of it for each.
std::string describe_members(const nlohmann::json& order);
/// Escrow, payments and refund of an order.
std::string describe_money(const nlohmann::json& money);
std::string describe_providers(const nlohmann::json& providers);
std::string describe_watch(const nlohmann::json& watch);
std::string describe_models(const nlohmann::json& models);

}  // namespace koinon::cli
