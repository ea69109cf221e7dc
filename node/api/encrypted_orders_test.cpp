#include <set>

#include "engine/run/execute.hpp"
#include "engine/tensor/tensor.hpp"
#include "market/receipt/receipt.hpp"
#include "node/api/api_fixture.hpp"

// Runs on private inputs, ordered over the API.
namespace koinon::node {
namespace {

using engine::tensor::IntTensor;

/// Two inputs, two tables, two scores.
program::Program scores() {
  program::Builder b;
  auto x = b.input("x", {program::DType::i8, {1, 2}}, {}, -2, 2);
  const auto w = b.weight(IntTensor::of<std::int8_t>({2, 2}, {1, -1, 2, 1}));
  x = b.lookup(b.matmul(x, w), b.table(IntTensor::of<std::int8_t>({13}, {3, 1, 2, 0, 1, 1, 2, 5, -3, 2, 2, 0, 1})), -6);
  b.output("scores", b.matmul(x, w), {});
  return b.finish({"scores", "the tests", "Apache-2.0", "Scores two numbers."}).value();
}

struct EncryptedOrdersTest : ApiTest {
  json body(const json& model, double a, double b) {
    return {{"program", model["program"]},
            {"input", {{"input_data", {{a, b}}}}},
            {"privacy", "private"},
            {"max_price", kPrice},
            {"audit_bps", 0}};
  }
};

TEST_F(EncryptedOrdersTest, give_their_buyer_the_plain_result) {
  const auto privacies = get("/api/v1/status")["offers"]["privacies"];
  EXPECT_EQ(privacies, (json{"plain", "private"}));
  const auto model = upload(program::encode(scores()));
  std::set<std::string> specs;
  for (const auto& [a, b] : {std::pair{2, -1}, {-2, 1}}) {
    const auto id = post("/api/v1/orders", body(model, a, b), 202)["id"].get<std::string>();
    const auto order = await_order(id, [](const json& o) { return o["receipt_url"].is_string() || o["state"] == "refunded"; });
    ASSERT_EQ(order["state"], "settled") << order.dump(1);
    EXPECT_EQ(order["kind"], "encrypted");
    EXPECT_EQ(order["model"]["name"], "scores");
    EXPECT_NE(order["program"], model["program"]) << "the spec binds the buyer's keys too";
    specs.insert(order["program"].get<std::string>());
    const auto input = IntTensor::of<std::int8_t>({1, 2}, {static_cast<std::int8_t>(a), static_cast<std::int8_t>(b)});
    const auto plain = engine::run::execute(scores(), std::vector{input}, {}).value();
    ASSERT_EQ(order["outputs"].size(), 1U) << order.dump(1);
    EXPECT_EQ(order["outputs"][0]["data"],
              (json{static_cast<double>(plain.outputs[0].at(0)), static_cast<double>(plain.outputs[0].at(1))}));
    const auto receipt = market::Receipt::from_json(call(net::Method::get, "/api/v1/receipts/" + id).body_text()).value();
    EXPECT_EQ(receipt.kind, "encrypted");
    EXPECT_TRUE(market::verify_offline(receipt));
    EXPECT_NE(receipt.outputs.at(0), plain.outputs[0].bytes) << "the ledger's side sees ciphertexts";
  }
  EXPECT_EQ(specs.size(), 1U) << "keys are made once";
  const auto folder = node().config().data / "encrypted";
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    ++files;
    EXPECT_TRUE(base::as_text(base::read_file(entry.path()).value()).starts_with("KNE1")) << "sealed";
    EXPECT_EQ(entry.status().permissions() & std::filesystem::perms::all,
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  EXPECT_EQ(files, 1U);
}

TEST_F(EncryptedOrdersTest, of_what_cannot_run_encrypted_are_refused_before_anything_is_paid) {
  const auto model = upload();  // gives back its input: no layer
  auto wanted = order_body(model);
  wanted["privacy"] = "private";
  const auto asked = call(net::Method::get, std::string("/api/v1/quote?privacy=private&max_price=") + kPrice +
                                                "&program=" + model["program"].get<std::string>());
  EXPECT_EQ(asked.status, 422);
  EXPECT_NE(asked.body_text().find("nothing for a provider to compute"), std::string::npos) << asked.body_text();
  const auto text = post("/api/v1/orders", wanted, 422).dump();
  EXPECT_NE(text.find("nothing for a provider to compute"), std::string::npos) << text;
}

TEST_F(EncryptedOrdersTest, are_quoted_with_what_they_take) {
  const auto model = upload(program::encode(scores()));
  const auto path = std::string("/api/v1/quote?max_price=") + kPrice + "&program=" + model["program"].get<std::string>();
  EXPECT_FALSE(get(path).contains("private"));
  for (int again = 0; again < 2; ++again) {
    const auto quote = get(path + "&privacy=private");
    EXPECT_GT(quote["private"]["memory_bytes"].get<std::uint64_t>(), 1'000'000U);
    EXPECT_GT(quote["private"]["key_bytes"].get<std::uint64_t>(), 1'000'000U);
    EXPECT_GT(quote["private"]["core_seconds"].get<double>(), 0);
  }
  EXPECT_EQ(call(net::Method::get, path + "&privacy=secret").status, 400);
}

}  // namespace
}  // namespace koinon::node
