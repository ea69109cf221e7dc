#include "cli/remote/revert.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ledger/contracts/koinon_token.hpp"
#include "ledger/contracts/registry.hpp"
#include "ledger/contracts/work_market.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using ::testing::HasSubstr;
using ::testing::Not;

/// A refusal with a value for every argument, written as the ledger client writes it.
std::string refusal_text(const ledger::abi::Entry& error) {
  std::string arguments;
  for (const auto& part : error.inputs.parts) {
    const auto value = part.kind == ledger::abi::Kind::number ? "7" : "\"x, (y)\"";
    arguments += fmt::format("{}{}: {}", arguments.empty() ? "" : ", ", part.name, value);
  }
  return fmt::format("[rpc] reverted: {}({})", error.name, arguments);
}

TEST(Revert, every_custom_error_of_the_contracts_has_a_sentence) {
  using namespace ledger::contracts;
  std::size_t seen = 0;
  for (const auto* entries : {&Registry::entries(), &KoinonToken::entries(), &WorkMarket::entries()})
    for (const auto& entry : *entries) {
      if (entry.kind != "error") continue;
      ++seen;
      if (entry.name == "InvalidTerms") continue;  // by field, below
      const auto revert = find_revert(refusal_text(entry));
      ASSERT_TRUE(revert) << entry.name;
      EXPECT_EQ(revert->arguments.size(), entry.inputs.parts.size()) << entry.name;
      const auto sentence = sentence_of(*revert);
      ASSERT_TRUE(sentence) << entry.name << " has no sentence in revert.cpp";
      EXPECT_THAT(*sentence, Not(HasSubstr("?"))) << "an argument that the error does not have";
      EXPECT_THAT(*sentence, Not(HasSubstr("{"))) << entry.name;
    }
  EXPECT_GT(seen, 40U);
}

TEST(Revert, every_refused_term_of_an_order_has_a_sentence) {
  for (const char* field : {"kind", "n", "k", "maxTier", "auditBps", "commitWindow", "spec", "inputRoot"})
    EXPECT_TRUE(sentence_of({"InvalidTerms", {{"field", field}}})) << field;
}

TEST(Revert, speaks_in_tokens_and_says_what_is_missing) {
  const auto error = in_words(
      {Code::ledger,
       R"([rpc] reverted: InsufficientBalance(account: 4, free: "1500000000000000000", needed: "2000000000000000000"))"});
  EXPECT_EQ(error.code, Code::ledger);
  EXPECT_THAT(error.text, HasSubstr("account 4 has 1.5 tokens free, and 2 are needed: 0.5 are missing"));
  EXPECT_THAT(error.text, HasSubstr("koinon account deposit 0.5"));
  EXPECT_THAT(error.text, HasSubstr("(InsufficientBalance)"));
}

TEST(Revert, tells_times_as_dates) {
  EXPECT_THAT(in_words({Code::ledger, "[rpc] reverted: NotUnbonded(account: 1, availableAt: 1700000000)"}).text,
              HasSubstr("until 2023-11-14T22:13:20"));
  EXPECT_THAT(in_words({Code::ledger, "[rpc] reverted: NotUnbonded(account: 1, availableAt: -4)"}).text,
              HasSubstr("a time unknown"));
}

TEST(Revert, leaves_other_errors_as_they_are) {
  for (const char* text :
       {"", "[rpc] reverted: no reason given", "[rpc] reverted: Unheard(of: 3)", "[http] no answer",
        "reverted: ", "reverted: (", "reverted: X(", "reverted: X(a: \"", "reverted: X(a: )", "reverted: X(, ,)"})
    EXPECT_EQ(in_words({Code::ledger, text}).text, text);
}

}  // namespace
}  // namespace koinon::cli
