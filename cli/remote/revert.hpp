#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace koinon::cli {

/// A contract's refusal as the ledger client writes it: "reverted: NotEnough(free: 5, needed: \"7000\")".
struct Revert {
  std::string name;
  std::map<std::string, std::string> arguments;
};

/// The refusal that a text tells of, or nothing. Whatever the text holds, this returns.
std::optional<Revert> find_revert(std::string_view text);

/// The refusal in a sentence, amounts in tokens and times as dates, with what to do next; nothing for an error that has none.
std::optional<std::string> sentence_of(const Revert& revert);

/// The same error in words when it tells of a refusal by a contract; else unchanged.
base::Error in_words(base::Error error);

}  // namespace koinon::cli
