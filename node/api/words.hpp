#pragma once
#include <string>

#include "market/book/book.hpp"
#include "work/kind.hpp"

// The words of the API for numbers of the ledger.
namespace koinon::node::api {

/// "inference"; "kind-64" for a number that this node does not know.
std::string kind_word(std::uint8_t code, const work::KindSet* kinds = nullptr);
/// Errors: invalid_argument.
base::Result<std::uint8_t> kind_code(std::string_view word, const work::KindSet* kinds = nullptr);
std::string check_word(std::uint8_t code);
/// Errors: invalid_argument.
base::Result<std::uint8_t> check_code(std::string_view word);
std::string_view privacy_word(std::uint8_t code);
std::string_view role_word(trust::Role role);

/// Where an order's life is, as OrderState of the document says.
std::string_view state_word(const market::OrderView& order);
/// OrderVerdict, or empty while none stands.
std::string_view order_verdict_word(const market::OrderView& order);
/// Why it was refunded, or empty.
std::string_view refund_word(const market::OrderView& order);

}  // namespace koinon::node::api
