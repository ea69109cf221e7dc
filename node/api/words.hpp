#pragma once
#include <string>
#include <vector>

#include "market/book/book.hpp"
#include "trust/check.hpp"
#include "work/kind.hpp"

// The words of the API for numbers of the ledger.
namespace koinon::node::api {

/// "inference"; "kind-64" for a number that this node does not know.
std::string kind_word(std::uint8_t code, const work::KindSet* kinds = nullptr);
/// Errors: invalid_argument.
base::Result<std::uint8_t> kind_code(std::string_view word, const work::KindSet* kinds = nullptr);
/// "quorum"; "check-9" for a number that this node does not know.
std::string check_word(std::uint8_t code, const trust::CheckSet* rules = nullptr);
/// Errors: invalid_argument, naming those of `rules`; unsupported (one of Koinon's own that is not among them).
base::Result<std::uint8_t> check_code(std::string_view word, const trust::CheckSet& rules);
/// Names of the checks that a node knows, by code.
std::vector<std::string> check_words(const trust::CheckSet& rules);
std::string_view privacy_word(std::uint8_t code);
std::string_view role_word(trust::Role role);

/// Where an order's life is, as OrderState of the document says.
std::string_view state_word(const market::OrderView& order);
/// OrderVerdict, or empty while none stands.
std::string_view order_verdict_word(const market::OrderView& order);
/// Why it was refunded, or empty.
std::string_view refund_word(const market::OrderView& order);

}  // namespace koinon::node::api
