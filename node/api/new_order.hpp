#pragma once
#include <string>

#include "base/hash.hpp"
#include "base/money.hpp"
#include "node/api/text_request.hpp"
#include "node/api/training_request.hpp"
#include "trust/quorum/quorum.hpp"

namespace koinon::node::api {

/// NewOrder of the document, read.
struct NewOrder {
  base::Hash program;
  base::Bytes input;  ///< the picture, or {"input_data": ...}: what engine/io reads; empty for a text
  std::optional<TextAsked> text;
  std::optional<TrainingAsked> training;  ///< in the place of program and input; `program` is then its recipe's hash
  std::uint8_t check = 0;
  std::uint8_t privacy = 0;
  std::uint8_t n = 3;
  std::uint8_t k = 2;
  base::Wei max_price;
  std::uint16_t audit_bps = 900;
  std::uint32_t commit_window = 120;  ///< seconds
  bool trap = false;
  std::string label;
};

/// Reads a request's body; `rules` are the checks that it may name, `usual` the one when it names none. Errors: malformed,
/// invalid_argument, out_of_range, unsupported (a policy that this node lacks).
base::Result<NewOrder> parse_new_order(std::string_view body, const trust::CheckSet& rules = trust::standard_checks(),
                                       const std::string& usual = "quorum");

/// A program and an input for it, as of an order.
struct Preview {
  base::Hash program;
  base::Bytes input;              ///< as NewOrder::input
  std::optional<TextAsked> text;  ///< as NewOrder::text
};

/// Reads the body of a preview. Errors: malformed, invalid_argument, out_of_range.
base::Result<Preview> parse_preview(std::string_view body);

}  // namespace koinon::node::api
