#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>

#include "base/file.hpp"
#include "base/hash.hpp"
#include "cli/commands/shell.hpp"
#include "engine/program/builder.hpp"
#include "market/onchain/proof_subject.hpp"
#include "market/receipt/sample.hpp"
#include "trust/proof/onchain.hpp"

// The program as its users meet it: built binary, real files, what it prints and how it exits.
namespace koinon::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

/// Without what differs from run to run: the temporary folder and times.
std::string steady(std::string text, const std::filesystem::path& folder) {
  for (auto at = text.find(folder.string()); at != std::string::npos; at = text.find(folder.string()))
    text.replace(at, folder.string().size(), "TMP");
  return std::regex_replace(text, std::regex(R"(\b[0-9]+(\.[0-9] m?s| ms)\b)"), "TIME");
}

/// A transcript: lines that begin with "$ " are typed, the others are what comes back, "[exit N]" last. With
/// KOINON_UPDATE_TRANSCRIPTS set the file is written anew.
class Transcript : public ::testing::TestWithParam<std::string> {};

TEST_P(Transcript, is_what_the_program_says) {
  const base::TempFolder folder;
  const std::filesystem::path file = GetParam();
  const auto expected = base::read_file(file);
  ASSERT_TRUE(expected) << expected.error().text;
  std::string said;
  std::string_view rest = base::as_text(*expected);
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (!line.starts_with("$ ")) continue;
    const auto done = shell(fmt::format("( {} ) 2>&1", line.substr(2)), folder.path());
    said += fmt::format("{}\n{}[exit {}]\n", line, steady(done.text, folder.path()), done.exit);
  }
  if (std::getenv("KOINON_UPDATE_TRANSCRIPTS") != nullptr) ASSERT_TRUE(base::write_file(file, base::as_bytes(said)));
  const auto now = base::read_file(file);
  EXPECT_EQ(base::as_text(*now), said);
}

std::vector<std::string> transcripts() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator("cli/commands/transcripts"))
    out.push_back(entry.path().string());
  std::sort(out.begin(), out.end());
  return out;
}

INSTANTIATE_TEST_SUITE_P(Of, Transcript, ::testing::ValuesIn(transcripts()),
                         [](const auto& param) { return std::filesystem::path(param.param).stem().string(); });

struct Program : ::testing::Test {
  Done run(const std::string& line) { return shell(line, folder.path()); }
  /// The one object on stdout; stderr is dropped.
  json object(const std::string& line) {
    const auto done = run(line + " --json 2>$TMP/stderr");
    EXPECT_EQ(done.exit, 0) << line << "\n" << done.text << run("cat $TMP/stderr").text;
    return json::parse(done.text, nullptr, false);
  }
  json build(const std::string& options = "") {
    return object(
        "koinon model build examples/digits/digits-lenet.onnx --calibrate examples/digits/digit-*.png -o $TMP/n.koinon " +
        options);
  }
  base::TempFolder folder;
};

TEST_F(Program, builds_inspects_and_runs_a_model) {
  const auto built = build("--name lenet --author me --licence MIT --description digits");
  const auto inspected = object("koinon model inspect $TMP/n.koinon");
  EXPECT_EQ(inspected["program"], built["program"]);
  EXPECT_EQ(inspected["name"], "lenet");
  EXPECT_EQ(inspected["licence"], "MIT");
  EXPECT_EQ(inspected["inputs"][0]["shape"], json({1, 1, 28, 28}));
  EXPECT_EQ(inspected["steps"].size(), built["steps"].get<std::size_t>());
  EXPECT_EQ(inspected["steps"][0]["gives"][0].count("range"), 1U);
  int right = 0;  // the model itself reads digit-9.png as a 5, with 16 bits too
  for (int digit = 0; digit < 10; ++digit) {
    const auto result = object(fmt::format("koinon run $TMP/n.koinon --input examples/digits/digit-{}.png", digit));
    EXPECT_EQ(result["program"], built["program"]);
    const auto& scores = result["outputs"][0]["data"];
    ASSERT_EQ(scores.size(), 10U);
    right += std::max_element(scores.begin(), scores.end()) - scores.begin() == digit ? 1 : 0;
    EXPECT_EQ(result["output_root"].get<std::string>().size(), 66U);
  }
  EXPECT_GE(right, 9);
}

TEST_F(Program, gives_the_same_roots_for_any_number_of_threads) {
  build();
  const auto one = object("koinon run $TMP/n.koinon --input examples/digits/digit-4.png --threads 1");
  const auto three = object("koinon run $TMP/n.koinon --input examples/digits/digit-4.png --threads 3");
  EXPECT_EQ(one["trace_root"], three["trace_root"]);
  EXPECT_EQ(one["outputs"], three["outputs"]);
}

TEST_F(Program, writes_a_trace_and_outputs) {
  const auto built = build();
  const auto result =
      object("koinon run $TMP/n.koinon --input examples/digits/digit-4.png --trace $TMP/trace --output $TMP/o.npy");
  const auto trace = json::parse(base::as_text(*base::read_file(folder.path() / "trace/trace.json")), nullptr, false);
  EXPECT_EQ(trace["trace_root"], result["trace_root"]);
  EXPECT_EQ(trace["values"][0]["step"], "input");
  EXPECT_GT(trace["values"].size(), built["steps"].get<std::size_t>());
  for (const auto& value : trace["values"])
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "trace" / value["file"].get<std::string>()));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "o.npy"));
}

TEST_F(Program, feeds_a_written_trace_input_back) {
  build();
  const auto first = object("koinon run $TMP/n.koinon --input examples/digits/digit-4.png --output $TMP/o.json");
  const auto kept = json::parse(base::as_text(*base::read_file(folder.path() / "o.json")), nullptr, false);
  EXPECT_EQ(kept["output_root"], first["output_root"]);
}

TEST_F(Program, draws_a_bar_for_each_class) {
  build();
  const auto done = run("koinon run $TMP/n.koinon --input examples/digits/digit-7.png 2>&1");
  EXPECT_EQ(done.exit, 0);
  EXPECT_THAT(done.text, ::testing::ContainsRegex("7  █.* ◀"));
  EXPECT_THAT(done.text, HasSubstr("trace root"));
}

TEST_F(Program, fails_with_one_clear_line_on_broken_files) {
  build();
  run("head -c 2000 $TMP/n.koinon > $TMP/cut.koinon; head -c 999 examples/digits/digits-lenet.onnx > $TMP/cut.onnx; echo '{' > "
      "$TMP/r.json");
  for (const char* line :
       {"koinon run $TMP/cut.koinon --input examples/digits/digit-7.png", "koinon model inspect $TMP/cut.koinon",
        "koinon model build $TMP/cut.onnx -o $TMP/x.koinon", "koinon receipt verify $TMP/r.json",
        "koinon run $TMP/n.koinon --input $TMP/r.json", "koinon run $TMP/n.koinon --input $TMP/none.png"}) {
    const auto done = run(std::string(line) + " 2>&1 >/dev/null");
    EXPECT_EQ(done.exit, 1) << line;
    EXPECT_THAT(done.text, ::testing::StartsWith("koinon: ")) << line;
  }
}

TEST_F(Program, says_errors_as_json_too) {
  const auto done = run("koinon receipt show $TMP/none.json --json 2>/dev/null");
  EXPECT_EQ(done.exit, 1);
  EXPECT_EQ(json::parse(done.text, nullptr, false)["error"]["code"], "not_found");
}

TEST_F(Program, says_what_of_the_input_it_cut_off) {
  build();
  std::string values;
  for (int i = 0; i < 784; ++i) values += fmt::format("{}{}", i == 0 ? "" : ",", i % 256);
  ASSERT_TRUE(base::write_file(folder.path() / "bytes.json", base::as_bytes("{\"input_data\":[[" + values + "]]}")));
  const auto line = "koinon run $TMP/n.koinon --input $TMP/bytes.json";
  EXPECT_GT(object(line)["clamped"].get<int>(), 700);
  const auto told = run(std::string(line) + " 2>&1 >/dev/null").text;
  EXPECT_THAT(told, HasSubstr("of 784 values of input image lie outside -1 to 1"));
  EXPECT_THAT(told, HasSubstr("the farthest is 255"));
  EXPECT_THAT(told, HasSubstr("divide them by 255"));
  EXPECT_EQ(object("koinon run $TMP/n.koinon --input examples/digits/digit-4.png")["clamped"], 0);
  const auto order = run("koinon order $TMP/n.koinon --input $TMP/bytes.json --price 1 --node http://127.0.0.1:9 2>&1");
  EXPECT_EQ(order.exit, 1);
  EXPECT_THAT(order.text, HasSubstr("or add --clamp"));
  EXPECT_THAT(run("koinon order $TMP/n.koinon --input $TMP/bytes.json --price 1 --clamp --node http://127.0.0.1:9 2>&1").text,
              HasSubstr("is a node running"));
}

TEST_F(Program, gives_the_input_root_of_an_order_from_its_salt) {
  build();
  const auto line =
      std::string("koinon run $TMP/n.koinon --input examples/digits/digit-4.png --salt 0x") + std::string(64, '7');
  const auto salted = object(line);
  EXPECT_EQ(salted["salted_input_root"].get<std::string>().size(), 66U);
  EXPECT_NE(salted["salted_input_root"], salted["input_root"]);
  EXPECT_EQ(object(line)["salted_input_root"], salted["salted_input_root"]);
}

TEST_F(Program, draws_a_program) {
  build();
  ASSERT_EQ(run("koinon model inspect $TMP/n.koinon --svg $TMP/n.svg 2>/dev/null").exit, 0);
  const auto file = *base::read_file(folder.path() / "n.svg");
  EXPECT_THAT(std::string(base::as_text(file)), ::testing::AllOf(HasSubstr("conv"), HasSubstr("[1, 10]"), HasSubstr("</svg>")));
}

TEST_F(Program, says_what_of_a_receipt_it_checked_and_which_check_failed) {
  const auto write = [&](const market::Receipt& receipt) {
    ASSERT_TRUE(base::write_file(folder.path() / "r.json", base::as_bytes(receipt.to_json())));
  };
  auto receipt = market::sample_receipt();
  write(receipt);
  const auto good = run("koinon receipt verify $TMP/r.json");
  EXPECT_EQ(good.exit, 0);
  EXPECT_THAT(good.text, HasSubstr("not checked: that the order was placed"));
  EXPECT_THAT(object("koinon receipt verify $TMP/r.json")["unchecked"], json({"order", "membership", "payment"}));
  receipt.paid = base::Wei(7);
  write(receipt);
  const auto changed = run("koinon receipt verify $TMP/r.json 2>&1");
  EXPECT_EQ(changed.exit, 1);
  EXPECT_THAT(changed.text, HasSubstr("Means: something in it was changed after its issuer signed it"));
  receipt.outputs = {{9}};
  market::sign_sample(receipt);
  write(receipt);
  EXPECT_THAT(run("koinon receipt verify $TMP/r.json 2>&1").text, HasSubstr("Means: the outputs in it are not those"));
}

/// Buyer and provider together could name a proof of another input that gives the same output.
TEST_F(Program, tells_a_proof_of_another_input_than_the_receipts) {
  using engine::tensor::DType;
  using engine::tensor::IntTensor;
  engine::program::Builder b;
  const auto x = b.input("x", {DType::i8, {1, 4}}, {}, -127, 127);
  b.output("y", b.matmul(x, b.weight(IntTensor::zeros(DType::i8, {2, 4}))), {});  // every input gives zeros
  const auto program = b.finish({"zeros", "", "", ""}).value();
  ASSERT_TRUE(base::write_file(folder.path() / "p.koinon", engine::program::encode(program)));
  base::SeededRandom random(3);
  auto input = IntTensor::zeros(DType::i8, {1, 4});
  const auto proof = trust::proof::prove(program, std::vector{input}, {}, random).value();
  const auto bytes = trust::proof::encode_proof(proof);
  ASSERT_TRUE(base::write_file(folder.path() / "p.proof", bytes));
  const auto said = [&](std::uint8_t first) {
    work::Parcel parcel;
    parcel.salt = market::proof_subject(trust::proof::onchain_circuit(program, {}).value(), 0, {}).value();
    parcel.parts = {{first, 0, 0, 0}};
    auto r = market::sample_receipt();
    r.check = "proof";
    r.n = r.k = 1;
    r.spec = engine::program::program_id(program);
    r.input_root = parcel.root();
    r.outputs = {base::Bytes(proof.outputs[0].bytes.begin(), proof.outputs[0].bytes.end())};
    r.output_root = work::outputs_root(r.outputs);
    r.proof = base::keccak256(bytes);
    r.claims.resize(1);
    r.payments.resize(1);
    auto& claim = r.claims[0];
    claim.output_root = r.output_root;
    claim.signature = base::fixed<65>(
        market::sample_key(1)
            .sign(market::claim_digest({r.chain_id, r.market, r.order}, 1, r.spec, r.input_root, r.output_root, r.trace_root))
            .bytes());
    market::sign_sample(r);
    EXPECT_TRUE(base::write_file(folder.path() / "r.json", base::as_bytes(r.to_json())));
    return run("koinon receipt verify $TMP/r.json --proof $TMP/p.proof --program $TMP/p.koinon 2>&1");
  };
  EXPECT_EQ(said(0).exit, 0) << said(0).text;
  EXPECT_THAT(said(1).text, HasSubstr("is of another input than the receipt's"));
}

/// Of a claim that fell nothing here shows that it fell, nor whose key signed it.
TEST_F(Program, receipt_of_a_claim_that_fell_is_called_unchecked) {
  auto receipt = market::sample_condemned();
  ASSERT_TRUE(base::write_file(folder.path() / "r.json", base::as_bytes(receipt.to_json())));
  const auto good = run("koinon receipt verify $TMP/r.json");
  EXPECT_EQ(good.exit, 0);
  EXPECT_THAT(good.text, HasSubstr("unchecked: condemned"));
  EXPECT_THAT(good.text, HasSubstr("only the ledger knows whether that is a key of account 3"));
  EXPECT_THAT(good.text, ::testing::Not(HasSubstr("tokens paid")));
  EXPECT_THAT(object("koinon receipt verify $TMP/r.json")["unchecked"], json({"order", "membership", "payment", "condemned"}));
  receipt.condemned->claimant = 9;
  market::sign_sample(receipt);
  ASSERT_TRUE(base::write_file(folder.path() / "r.json", base::as_bytes(receipt.to_json())));
  EXPECT_THAT(run("koinon receipt verify $TMP/r.json 2>&1").text, HasSubstr("Means: somebody else's claim"));
}

TEST_F(Program, makes_a_key_once) {
  const auto key = object("koinon account new-key $TMP/k.json");
  EXPECT_EQ(object("koinon account address $TMP/k.json")["keys"][0]["address"], key["address"]);
  EXPECT_EQ(run("koinon account new-key $TMP/k.json 2>/dev/null").exit, 1);
  EXPECT_EQ(std::filesystem::status(folder.path() / "k.json.password").permissions() & std::filesystem::perms::others_all,
            std::filesystem::perms::none);
}

// In the program itself, where ONNX brings another version of protobuf than the SentencePiece library holds.
TEST_F(Program, compiles_a_language_model_with_a_sentencepiece_tokeniser) {
  run("cp -r examples/language/harbour $TMP/h && rm $TMP/h/tokenizer.json && "
      "cp engine/language/sentencepiece_test.model $TMP/h/tokenizer.model");
  const auto built = run("koinon language build $TMP/h --calibrate examples/language/harbour/calibration.txt -o $TMP/l 2>&1");
  EXPECT_EQ(built.exit, 0) << built.text;
  EXPECT_THAT(built.text, HasSubstr("called l\n"));
  const auto model = built.text.substr(built.text.find("  model       ") + 14, 66);
  const auto said = run("koinon generate $TMP/l --prompt Mira --tokens 3 2>&1");
  EXPECT_EQ(said.exit, 0) << said.text;
  EXPECT_THAT(said.text, HasSubstr("model        " + model + "\n"));
}

TEST_F(Program, tries_where_an_order_writes_before_it_asks_anybody) {
  for (const auto* words : {"order x --input y --check proof --proof /nonexistent/x",
                            "order x --input y --receipt /nonexistent/x", "order --train x.toml -o /nonexistent/x"}) {
    const auto said = run(fmt::format("koinon {} --price 0.01 --node http://127.0.0.1:1 2>&1", words));
    EXPECT_EQ(said.exit, 1) << words;
    EXPECT_NE(said.text.find("no file can be written in /nonexistent"), std::string::npos) << said.text;
  }
}

TEST_F(Program, says_in_json_what_is_wrong_with_a_line) {
  const auto wrong = run("koinon order --json 2>/dev/null");
  EXPECT_EQ(wrong.exit, 2);
  EXPECT_EQ(nlohmann::json::parse(wrong.text)["error"]["code"], "invalid_argument");
}

TEST_F(Program, fails_when_its_output_cannot_be_written) { EXPECT_EQ(run("koinon version > /dev/full 2>/dev/null").exit, 1); }

}  // namespace
}  // namespace koinon::cli
