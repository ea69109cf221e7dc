#include "market/receipt/receipt.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "market/receipt/sample.hpp"

namespace koinon::market {
namespace {

using base::Code;

Status rejection(const Receipt& receipt) {
  const auto report = verify_offline(receipt);
  if (!report) return base::fail(report.error());
  return {};
}

TEST(Receipt, a_good_one_is_verified_offline) {
  const auto report = verify_offline(sample_receipt()).value();
  EXPECT_TRUE(report.outputs_included);
  EXPECT_EQ(report.supporting, 2U);
  EXPECT_EQ(report.needed, 2U);
}

TEST(Receipt, reads_what_it_writes) {
  const auto receipt = sample_receipt();
  const auto again = Receipt::from_json(receipt.to_json()).value();
  EXPECT_EQ(again.to_json(), receipt.to_json());
  EXPECT_EQ(again.digest(), receipt.digest());
}

TEST(Receipt, refuses_every_changed_field) {
  const auto text = sample_receipt().to_json();
  const auto original = nlohmann::json::parse(text).flatten();
  std::size_t fields = 0;
  // Every leaf of the document is changed in turn: a digit of each text, one more in each number.
  for (const auto& item : original.items()) {
    auto flat = original;
    auto& value = flat[item.key()];
    if (value.is_string()) {
      auto changed = value.get<std::string>();
      if (changed.empty()) continue;
      changed.back() = changed.back() == '1' ? '2' : '1';
      value = changed;
    } else if (value.is_number()) {
      value = value.get<std::uint64_t>() + 1;
    }
    ++fields;
    const auto receipt = Receipt::from_json(flat.unflatten().dump());
    EXPECT_FALSE(receipt && rejection(*receipt)) << item.key();
  }
  EXPECT_GT(fields, 40U);
}

TEST(Receipt, refuses_too_few_claims_even_when_the_issuer_signs_again) {
  auto receipt = sample_receipt();
  receipt.claims.erase(receipt.claims.begin());
  sign_sample(receipt);
  EXPECT_EQ(rejection(receipt).error().code, Code::rejected);
}

TEST(Receipt, refuses_a_claim_counted_twice) {
  auto receipt = sample_receipt();
  receipt.claims[2] = receipt.claims[0];
  sign_sample(receipt);
  EXPECT_EQ(rejection(receipt).error().code, Code::rejected);
}

TEST(Receipt, refuses_outputs_that_do_not_hash_to_the_root) {
  auto receipt = sample_receipt();
  receipt.outputs[0][0] ^= 1;
  sign_sample(receipt);
  EXPECT_NE(rejection(receipt).error().text.find("outputs"), std::string::npos);
}

TEST(Receipt, may_leave_the_outputs_out) {
  auto receipt = sample_receipt();
  receipt.outputs.clear();
  sign_sample(receipt);
  EXPECT_FALSE(verify_offline(receipt).value().outputs_included);
}

TEST(Receipt, refuses_a_policy_that_is_no_majority) {
  auto receipt = sample_receipt();
  receipt.k = 1;
  sign_sample(receipt);
  EXPECT_EQ(rejection(receipt).error().code, Code::rejected);
}

TEST(Receipt, names_the_field_that_is_malformed) {
  EXPECT_EQ(Receipt::from_json("{").error().code, Code::malformed);
  EXPECT_EQ(Receipt::from_json("[]").error().code, Code::malformed);
  auto document = nlohmann::json::parse(sample_receipt().to_json());
  document["input_root"] = "0x12";
  EXPECT_NE(Receipt::from_json(document.dump()).error().text.find("input_root"), std::string::npos);
  document["format"] = "koinon-receipt-9";
  EXPECT_EQ(Receipt::from_json(document.dump()).error().code, Code::unsupported);
}

}  // namespace
}  // namespace koinon::market
