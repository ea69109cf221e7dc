#include "engine/language/folder.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "engine/language/transcript.hpp"

namespace koinon::engine::language {
namespace {

using base::Code;

constexpr const char* kSource = "examples/language/harbour";

std::string calibration() {
  const auto bytes = base::read_file(std::string(kSource) + "/calibration.txt").value();
  return std::string(base::as_text(bytes));
}

const Compiled& harbour() {
  static const Compiled compiled = [] {
    CompileOptions options;
    options.most_tokens = 1024;
    return compile(kSource, calibration(), options).value();
  }();
  return compiled;
}

run::RunOptions plain() {
  run::RunOptions out;
  out.trace = false;
  return out;
}

std::string continue_text(const Model& model, const Tokeniser& tokeniser, const std::string& prompt, int count) {
  Generator generator(model, SamplingNumbers{}, base::Hash{}, plain());
  EXPECT_TRUE(generator.prompt(tokeniser.encode(prompt).value()));
  for (int i = 0; i < count; ++i) EXPECT_TRUE(generator.next());
  return tokeniser.text(generator.transcript().generated);
}

TEST(Harbour, is_as_good_as_in_float) {
  const auto& a = harbour().accuracy;
  EXPECT_EQ(a.compared, 256U);
  EXPECT_GE(a.same_top, 0.98);
  EXPECT_LT(a.largest, 0.05 * a.range);
  EXPECT_LT(a.nats - a.nats_float, 0.01);
  EXPECT_LT(a.nats_float, 0.6);  // it was trained at all
}

TEST(Harbour, greedy_text_is_that_of_float_for_most_prompts) {
  const auto& h = harbour();
  const auto config = read_config(base::as_text(base::read_file(std::string(kSource) + "/config.json").value())).value();
  const auto weights =
      assemble(config, read_safetensors(base::read_file(std::string(kSource) + "/model.safetensors").value()).value()).value();
  const std::vector<std::string> prompts = {"Mira was selling", "It was raining at the", "Tomas gave nine coins.",
                                            "A cold wind blew at the mill. Ivo", "\"How much is it?\" she"};
  int same = 0;
  for (const auto& prompt : prompts) {
    const auto tokens = h.folder.tokeniser->encode(prompt).value();
    Generator generator(h.folder.model, SamplingNumbers{}, base::Hash{}, plain());
    ASSERT_TRUE(generator.prompt(tokens));
    Reference reference(weights);
    std::vector<float> logits;
    for (auto token : tokens) logits = reference.step(token);
    bool as_float = true;
    for (int i = 0; i < 32; ++i) {
      const auto token = generator.next().value();
      const auto best = std::ranges::max_element(logits) - logits.begin();
      as_float &= token == best;
      // Where they part, float finds both about equally likely.
      EXPECT_LT(logits[static_cast<std::size_t>(best)] - logits[static_cast<std::size_t>(token)], 0.25F) << prompt << " " << i;
      logits = reference.step(token);
    }
    same += as_float ? 1 : 0;
  }
  EXPECT_GE(same, 3);
}

// The same on every machine and with every compiler.
TEST(Harbour, programs_have_these_ids) {
  EXPECT_EQ(base::to_hex(harbour().folder.model.decode_id),
            "0x20e74f2c5a103e73f51810760c3956aecc639cf0f34bb1c1eded33f37b6aa3e8");
  EXPECT_EQ(base::to_hex(harbour().folder.model.prefill_id),
            "0x006b1b646c623ae0d84d8ced1caf788280957c008f38119b7ac1358c9326b58f");
}

TEST(Harbour, is_loaded_as_it_was_saved) {
  const auto& h = harbour().folder;
  const base::TempFolder folder;
  ASSERT_TRUE(h.save(folder.path()));
  const auto again = Folder::load(folder.path());
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(again->model.decode_id, h.model.decode_id);
  EXPECT_EQ(again->model.prefill_id, h.model.prefill_id);
  EXPECT_EQ(again->ends, h.ends);
  EXPECT_EQ(continue_text(again->model, *again->tokeniser, "Mira", 8), continue_text(h.model, *h.tokeniser, "Mira", 8));

  ASSERT_TRUE(base::write_file(folder.path() / "tokeniser", base::as_bytes("{}")));
  EXPECT_EQ(Folder::load(folder.path()).error().code, Code::malformed);
  ASSERT_TRUE(base::write_file(folder.path() / "model.json", base::as_bytes("{}")));
  EXPECT_EQ(Folder::load(folder.path()).error().code, Code::malformed);
  EXPECT_EQ(Folder::load(folder.path() / "nothing").error().code, Code::not_found);
}

TEST(Harbour, a_transcript_is_read_as_it_was_written) {
  const auto& h = harbour().folder;
  Generator generator(h.model, {4096, 40, 60000}, base::Hash{}, plain());
  ASSERT_TRUE(generator.prompt(h.tokeniser->encode("Fog lay on").value()));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(generator.next());
  auto json = to_json(generator.transcript());
  const auto text = json.dump();
  EXPECT_EQ(read_transcript(base::as_bytes(text)).value(), generator.transcript());
  EXPECT_TRUE(replay(h.model, generator.transcript(), plain()));
  json["generated"][0] = 1;
  const auto changed = json.dump();
  EXPECT_EQ(read_transcript(base::as_bytes(changed)).error().code, Code::rejected);
  auto more = text;
  more.insert(more.find('{') + 1, R"("text":"nobody said so",)");
  EXPECT_EQ(read_transcript(base::as_bytes(more)).error().text, "[transcript] unknown field 'text'");
  EXPECT_EQ(read_transcript(base::as_bytes("{}")).error().code, Code::malformed);
}

TEST(Compile, says_what_is_missing) {
  const base::TempFolder folder;
  const auto error = [&] { return compile(folder.path(), "text", {}).error(); };
  EXPECT_EQ(error().code, Code::not_found);
  const auto copy = [&](const char* name) {
    ASSERT_TRUE(base::write_file(folder.path() / name, base::read_file(std::filesystem::path(kSource) / name).value()));
  };
  copy("config.json");
  EXPECT_NE(error().text.find("tokenizer.json"), std::string::npos);
  copy("tokenizer.json");
  EXPECT_NE(error().text.find("model.safetensors"), std::string::npos);
  ASSERT_TRUE(base::write_file(folder.path() / "config.json", base::as_bytes(R"({"model_type": "mamba"})")));
  EXPECT_EQ(error().text, "[config] model_type 'mamba': gpt2, llama or mistral expected");
}

}  // namespace
}  // namespace koinon::engine::language
