#include <gtest/gtest.h>

#include <algorithm>

#include "engine/language/bundle.hpp"
#include "engine/language/random_model.hpp"
#include "work/language/request.hpp"
#include "work/language/texts.hpp"
#include "work/parcel.hpp"

namespace koinon::work::language {
namespace {

using base::Code;
using engine::language::Folder;

const Folder& folder() {
  static const Folder made = [] {
    engine::language::BuildOptions options;
    options.chunk = 4;
    return engine::language::random_folder(
        {"gpt2", 2, 16, 2, 2, 8, 32, 24, 260, 1e-5, 0, engine::language::Activation::gelu_tanh, false, false}, options, 1);
  }();
  return made;
}

Request request() {
  Request out;
  out.prompt = {5, 9, 200, 14, 7, 7};
  out.tokens = 6;
  out.sampling = {4096, 20, 60000};
  out.seed.bytes[3] = 9;
  out.past_end = true;
  return out;
}

Job job(const Request& asked = request()) {
  return {engine::language::bundle_id(folder()), engine::language::encode_bundle(folder()), asked.parts()};
}

Texts texts() { return {std::uint64_t{1} << 30, std::uint64_t{1} << 30}; }

engine::run::RunOptions plain() {
  engine::run::RunOptions out;
  out.trace = false;
  return out;
}

TEST(Texts, are_those_of_a_generation_and_the_trace_root_is_its_commitment) {
  const auto outcome = texts().run(job(), {}).value();
  const auto asked = request();
  engine::language::Generator generator(folder().model, asked.sampling, asked.seed, plain());
  ASSERT_TRUE(generator.prompt(asked.prompt));
  for (std::int64_t i = 0; i < asked.tokens; ++i) ASSERT_TRUE(generator.next());
  const auto& transcript = generator.transcript();
  ASSERT_EQ(outcome.outputs.size(), 1U);
  EXPECT_EQ(decode_tokens(outcome.outputs[0]).value(), transcript.generated);
  EXPECT_EQ(outcome.roots.output, outputs_root(outcome.outputs));
  EXPECT_EQ(outcome.roots.trace, engine::language::commitment(transcript));
  EXPECT_FALSE(outcome.roots.witness.is_zero());
  EXPECT_TRUE(engine::language::replay(folder().model, transcript, plain()));
}

TEST(Texts, have_the_same_roots_again_and_others_for_all_that_an_order_binds) {
  const auto kind = texts();
  const auto first = kind.run(job(), {}).value();
  EXPECT_EQ(kind.run(job(), {}).value().roots, first.roots);
  EXPECT_EQ(texts().run(job(), {}).value().roots, first.roots);
  const auto other = [&](auto change) {
    auto asked = request();
    change(asked);
    return kind.run(job(asked), {}).value().roots;
  };
  EXPECT_NE(other([](Request& r) { r.prompt[0] = 6; }).trace, first.roots.trace);
  EXPECT_NE(other([](Request& r) { r.seed.bytes[3] = 1; }).trace, first.roots.trace);
  EXPECT_NE(other([](Request& r) { r.sampling.top_k = 19; }).trace, first.roots.trace);
  EXPECT_NE(other([](Request& r) { r.tokens = 5; }).output, first.roots.output);
}

// A liar that changes one token must say which state follows from it, whatever it says.
TEST(Texts, one_other_token_is_another_output_and_another_trace) {
  const auto kind = texts();
  const auto honest = kind.run(job(), {}).value();
  for (std::size_t j = 0; j < 6; ++j) {
    auto tokens = decode_tokens(honest.outputs[0]).value();
    tokens[j] = (tokens[j] + 1) % 260;
    const std::vector<base::Bytes> lie{encode_tokens(tokens)};
    EXPECT_NE(outputs_root(lie), honest.roots.output) << j;
  }
}

TEST(Texts, end_where_the_model_says_so) {
  auto asked = request();
  const auto tokens = decode_tokens(texts().run(job(asked), {}).value().outputs[0]).value();
  engine::language::BuildOptions options;
  options.chunk = 4;
  auto ending = engine::language::random_folder(
      {"gpt2", 2, 16, 2, 2, 8, 32, 24, 260, 1e-5, 0, engine::language::Activation::gelu_tanh, false, false}, options, 1);
  ending.ends = {tokens[2]};
  const auto first = std::ranges::find(tokens, tokens[2]) - tokens.begin() + 1;
  asked.past_end = false;
  const Job early{engine::language::bundle_id(ending), engine::language::encode_bundle(ending), asked.parts()};
  const auto cut = decode_tokens(texts().run(early, {}).value().outputs[0]).value();
  EXPECT_EQ(cut, engine::language::Tokens(tokens.begin(), tokens.begin() + first));
  EXPECT_EQ(ending_of(asked, cut, ending.ends), Ending::end);
  EXPECT_EQ(ending_of(asked, cut, {}), Ending::tokens);
}

TEST(Texts, blame_the_buyer_for_what_the_buyer_sent) {
  const auto kind = texts();
  const auto refused = [&](auto change) {
    auto asked = request();
    change(asked);
    const auto error = kind.run(job(asked), {}).error();
    EXPECT_EQ(error.code, Code::rejected) << error.text;
    return error.text;
  };
  EXPECT_EQ(refused([](Request& r) { r.prompt.clear(); }), "[language] an empty prompt: at least one token expected");
  EXPECT_EQ(refused([](Request& r) { r.prompt.assign(25, 1); }),
            "[language] a prompt of 25 tokens: the model takes at most 24");
  EXPECT_EQ(refused([](Request& r) { r.prompt[2] = 260; }), "[language] token 260 at place 2 of the prompt: 0 to 259 expected");
  EXPECT_EQ(refused([](Request& r) { r.tokens = 20; }),
            "[language] 20 tokens behind a prompt of 6: the context of 24 leaves room for 19");
  EXPECT_EQ(refused([](Request& r) { r.tokens = 0; }), "[language] 0 tokens to generate: at least 1 expected");
  EXPECT_EQ(refused([](Request& r) { r.sampling.top_k = 257; }), "[language] top_k 257: 1 to 256 expected");
  EXPECT_EQ(refused([](Request& r) { r.sampling.top_p = 0; }), "[language] top_p 0: 1 to 65536 expected");
  EXPECT_EQ(refused([](Request& r) { r.sampling.coldness = 1; }), "[language] coldness 1: 16 to 1048576 expected");

  auto wrong = job();
  wrong.inputs.pop_back();
  EXPECT_EQ(kind.run(wrong, {}).error().code, Code::rejected);
  wrong = job();
  wrong.inputs[1][16] = 2;
  EXPECT_EQ(kind.run(wrong, {}).error().text, "[language] unknown flags 0x2");
  wrong = job();
  wrong.spec.bytes[0] ^= 1;
  EXPECT_EQ(kind.run(wrong, {}).error().code, Code::rejected);
  wrong.artifact.resize(100);
  EXPECT_EQ(kind.run(wrong, {}).error().code, Code::rejected);
}

TEST(Texts, take_all_of_the_context) {
  auto asked = request();
  asked.tokens = 19;
  EXPECT_EQ(decode_tokens(texts().run(job(asked), {}).value().outputs[0]).value().size(), 19U);
  asked.prompt.assign(24, 3);
  asked.tokens = 1;
  EXPECT_TRUE(texts().run(job(asked), {}));
}

TEST(Texts, want_of_memory_and_a_stop_are_the_providers_own_trouble) {
  EXPECT_EQ(Texts(1, 1).run(job(), {}).error().code, Code::exhausted);
  std::stop_source stop;
  stop.request_stop();
  Means means;
  means.stop = stop.get_token();
  EXPECT_EQ(texts().run(job(), means).error().code, Code::cancelled);
}

TEST(Texts, tell_how_far_they_are) {
  std::vector<std::uint64_t> seen;
  Means means;
  means.progress = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_EQ(total, 6U);
    seen.push_back(done);
  };
  const auto outcome = texts().run(job(), means).value();
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_GT(outcome.meter.steps, 0U);
  EXPECT_EQ(outcome.meter.output_bytes, 24U);
}

TEST(Request, is_read_as_it_was_written) {
  EXPECT_EQ(Request::read(request().parts()).value(), request());
  EXPECT_EQ(decode_tokens({base::Bytes{1, 0, 0}}).error().code, Code::malformed);
}

}  // namespace
}  // namespace koinon::work::language
