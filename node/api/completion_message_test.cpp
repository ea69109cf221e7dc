#include "node/api/completion_message.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace koinon::node::api {
namespace {

using nlohmann::json;

json body() { return {{"model", "words"}, {"prompt", "the other"}}; }
json chat() { return {{"model", "words"}, {"messages", {{{"role", "user"}, {"content", "who?"}}}}}; }

std::string refusal(const json& asked, bool is_chat = false) { return read_completion(asked.dump(), is_chat).error().text; }

TEST(Completion, reads_what_clients_send) {
  auto asked = body();
  asked.update({{"max_tokens", 5},
                {"temperature", 0.5},
                {"top_p", 0.9},
                {"seed", 42},
                {"stop", "."},
                {"stream", true},
                {"stream_options", {{"include_usage", true}}},
                {"user", "someone"},
                {"n", 1},
                {"logprobs", nullptr}});
  const auto read = read_completion(asked.dump(), false).value();
  EXPECT_EQ(std::get<std::string>(read.text.prompt), "the other");
  EXPECT_EQ(read.text.tokens, 5);
  EXPECT_EQ(read.text.sampling.temperature, 0.5);
  EXPECT_EQ(read.text.sampling.seed, base::keccak256(base::as_bytes("42"))) << "as of koinon generate --seed 42";
  EXPECT_EQ(read.stops, std::vector<std::string>{"."});
  EXPECT_TRUE(read.stream && read.stream_usage);
}

TEST(Completion, has_the_defaults_of_the_original) {
  const auto read = read_completion(body().dump(), false).value();
  EXPECT_EQ(read.text.tokens, 16);
  EXPECT_EQ(read.text.sampling.temperature, 1);
  EXPECT_FALSE(read.text.has_seed);
  EXPECT_EQ(read_completion(chat().dump(), true).value().text.tokens, 0) << "as many as fit";
}

TEST(Completion, takes_one_prompt_in_every_form) {
  for (const auto& prompt : {json("the"), json{"the"}}) {
    auto asked = body();
    asked["prompt"] = prompt;
    EXPECT_EQ(std::get<std::string>(read_completion(asked.dump(), false).value().text.prompt), "the");
  }
  for (const auto& prompt : {json{1, 2}, json{{1, 2}}}) {
    auto asked = body();
    asked["prompt"] = prompt;
    EXPECT_EQ(std::get<work::language::Tokens>(read_completion(asked.dump(), false).value().text.prompt),
              (work::language::Tokens{1, 2}));
  }
}

TEST(Completion, makes_a_prompt_of_a_chat) {
  auto asked = chat();
  const json part = {{"type", "text"}, {"text", "be brief"}};
  const json system = {{"role", "system"}, {"content", json::array({part})}};
  asked["messages"].insert(asked["messages"].begin(), system);
  EXPECT_EQ(std::get<std::string>(read_completion(asked.dump(), true).value().text.prompt),
            "system: be brief\nuser: who?\nassistant:");
}

TEST(Completion, refuses_by_name_what_it_does_not_serve) {
  const auto with = [](const char* field, const json& value) {
    auto asked = body();
    asked[field] = value;
    return refusal(asked);
  };
  EXPECT_EQ(with("logprobs", 3), "logprobs: this node does not serve it");
  EXPECT_EQ(with("n", 2), "n: this node does not serve it");
  EXPECT_EQ(with("presence_penalty", 0.5), "presence_penalty: this node does not serve it");
  EXPECT_EQ(with("heat", 1), "unrecognized request argument: heat");
  EXPECT_EQ(with("messages", json::array({1})), "unrecognized request argument: messages");
  EXPECT_EQ(with("temperature", 3), "temperature: a number from 0 to 2 expected");
  EXPECT_EQ(with("max_tokens", 0), "max_tokens: a whole number from 1 on expected");
  EXPECT_EQ(with("stop", {"a", "b", "c", "d", "e"}), "stop: at most 4 texts of 1 to 1000 bytes expected");
  EXPECT_EQ(with("prompt", {"a", "b"}), "prompt: 2 prompts: one expected");
  EXPECT_EQ(refusal(json::array()), "the body is no JSON object");
  EXPECT_EQ(refusal({{"model", "words"}}), "prompt: a text or a list of tokens expected");
  auto asked = chat();
  asked["messages"][0]["role"] = "tool";
  EXPECT_EQ(refusal(asked, true), "messages[0].role: system, developer, user or assistant expected");
  asked = chat();
  asked["messages"][0]["content"] = {{{"type", "image_url"}}};
  EXPECT_EQ(refusal(asked, true), "messages[0].content: a text, or a list of parts of type text, expected");
}

TEST(Completion, writes_answers_and_streams) {
  const CompletionHead head{true, "chatcmpl-1", "words", 7};
  const auto whole = json::parse(write_completion(head, "hi", "stop", {3, 2}));
  EXPECT_EQ(whole["object"], "chat.completion");
  EXPECT_EQ(whole["choices"][0]["message"]["content"], "hi");
  EXPECT_EQ(whole["usage"]["total_tokens"], 5);
  const auto event = write_chunk(head, "hi", true, {}, json());
  ASSERT_TRUE(event.starts_with("data: {") && event.ends_with("}\n\n"));
  const auto chunk = json::parse(event.substr(6));
  EXPECT_EQ(chunk["object"], "chat.completion.chunk");
  EXPECT_EQ(chunk["choices"][0]["delta"], (json{{"role", "assistant"}, {"content", "hi"}}));
  EXPECT_TRUE(chunk["choices"][0]["finish_reason"].is_null());
  const auto last = json::parse(write_chunk({false, "cmpl-1", "words", 7}, "", false, "length", {{"check", "none"}}).substr(6));
  EXPECT_EQ(last["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(last["koinon"]["check"], "none");
}

TEST(StopFilter, cuts_before_the_first_stop_wherever_pieces_end) {
  for (std::size_t piece = 1; piece < 12; ++piece) {
    const std::string text = "one two three four";
    StopFilter stops({"three", "twox", "four"});
    std::string shown;
    for (std::size_t at = 0; at < text.size(); at += piece) shown += stops.add(text.substr(at, piece));
    EXPECT_TRUE(stops.stopped());
    EXPECT_EQ(shown + stops.finish(), "one two ") << piece;
  }
  StopFilter none({"xyz"});
  EXPECT_EQ(none.add("one x"), "one ");
  EXPECT_EQ(none.finish(), "x");
  EXPECT_FALSE(none.stopped());
}

}  // namespace
}  // namespace koinon::node::api
