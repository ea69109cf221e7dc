#include "engine/language/bundle.hpp"
#include "engine/language/random_model.hpp"
#include "engine/language/text_stream.hpp"
#include "market/receipt/receipt.hpp"
#include "node/api/api_fixture.hpp"
#include "work/language/request.hpp"

// Texts of language models, ordered over the API.
namespace koinon::node {
namespace {

namespace language = engine::language;

const language::Folder& words() {
  static const language::Folder made = [] {
    language::BuildOptions options;
    options.chunk = 4;
    options.metadata = {"words", "the tests", "Apache-2.0", "Continues nothing well."};
    return language::random_folder(
        {"gpt2", 2, 16, 2, 2, 8, 32, 48, 260, 1e-5, 0, language::Activation::gelu_tanh, false, false}, options, 1);
  }();
  return made;
}

struct TextsTest : ApiTest {
  json model = upload(language::encode_bundle(words()));

  json body(json text) {
    return {{"program", model["program"]}, {"input", {{"text", std::move(text)}}}, {"max_price", kPrice}, {"audit_bps", 0}};
  }
  std::string refusal(json text, int status = 400) {
    return post("/api/v1/orders", body(std::move(text)), status)["error"]["text"];
  }
};

/// The tokens that the model itself gives.
language::Tokens generated(const std::string& prompt, const language::SamplingNumbers& numbers, const base::Hash& seed,
                           int count) {
  language::Generator generator(words().model, numbers, seed, {});
  EXPECT_TRUE(generator.prompt(words().tokeniser->encode(prompt).value()));
  language::Tokens out;
  for (int i = 0; i < count; ++i) out.push_back(generator.next().value());
  return out;
}

TEST_F(TextsTest, a_language_model_is_told_as_one) {
  EXPECT_EQ(model["program"], base::to_hex(language::bundle_id(words())));
  EXPECT_EQ(model["name"], "words");
  EXPECT_EQ(model["language"]["context"], 48);
  EXPECT_EQ(model["language"]["vocabulary"], 260);
  EXPECT_EQ(model["language"]["decode"], base::to_hex(words().model.decode_id));
  EXPECT_EQ(model["inputs"], json::array());
  EXPECT_EQ(get("/api/v1/models/" + model["program"].get<std::string>()), model);
  EXPECT_TRUE(upload()["language"].is_null()) << "a program is none";
}

TEST_F(TextsTest, one_order_buys_a_whole_text_with_a_receipt) {
  const auto placed = post("/api/v1/orders",
                           body({{"prompt", "the other"},
                                 {"tokens", 12},
                                 {"temperature", 0.8},
                                 {"top_k", 30},
                                 {"top_p", 0.95},
                                 {"seed", "a seed"},
                                 {"past_end", true}}),
                           202);
  const auto id = placed["id"].get<std::string>();
  const auto order = await_order(id, [](const json& o) { return o["receipt_url"].is_string(); });
  EXPECT_EQ(order["state"], "settled");
  EXPECT_EQ(order["verdict"], "accepted");
  const auto numbers = language::numbers_of({0.8, 30, 0.95, {}}, words().model.programs.candidates).value();
  const auto expected = generated("the other", numbers, base::keccak256(base::as_bytes("a seed")), 12);
  ASSERT_EQ(order["outputs"].size(), 1U);
  EXPECT_EQ(order["outputs"][0]["name"], "tokens");
  EXPECT_EQ(order["outputs"][0]["data"], json(std::vector<double>(expected.begin(), expected.end())));
  const auto& text = order["text"];
  EXPECT_EQ(text["prompt"], "the other");
  EXPECT_EQ(text["generated"], 12);
  EXPECT_EQ(text["ending"], "tokens");
  EXPECT_EQ(text["coldness"], numbers.coldness);
  EXPECT_EQ(text["seed"], base::to_hex(base::keccak256(base::as_bytes("a seed"))));
  EXPECT_FALSE(text["text"].get<std::string>().empty());
  EXPECT_TRUE(order["answer"].is_string());

  const auto receipt = call(net::Method::get, "/api/v1/receipts/" + id).body_text();
  const auto read = market::Receipt::from_json(receipt);
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_TRUE(market::verify_offline(*read));
  EXPECT_EQ(work::language::decode_tokens(read->outputs.at(0)).value(), expected);
}

TEST_F(TextsTest, prompts_may_be_tokens_and_a_trap_runs_the_text_here_first) {
  auto order = body({{"prompt", {5, 9, 200}}, {"tokens", 3}});
  order["trap"] = true;
  const auto id = post("/api/v1/orders", order, 202)["id"].get<std::string>();
  const auto done = await_order(id, [](const json& o) { return o["outputs"].is_array(); });
  EXPECT_EQ(done["text"]["prompt_tokens"], 3);
  EXPECT_LE(done["text"]["generated"], 3);
}

TEST_F(TextsTest, what_a_model_does_not_take_is_refused_before_anything_is_paid) {
  const auto before = get("/api/v1/orders")["orders"].size();
  EXPECT_EQ(refusal({{"prompt", ""}}), "[language] an empty prompt: at least one token expected");
  EXPECT_EQ(refusal({{"prompt", std::string(60, 'x')}}), "[language] a prompt of 60 tokens: the model takes at most 48");
  EXPECT_EQ(refusal({{"prompt", "the"}, {"tokens", 49}}),
            "[language] 49 tokens behind a prompt of 1: the context of 48 leaves room for 48");
  EXPECT_EQ(refusal({{"prompt", {3, 260}}}), "[language] token 260 at place 1 of the prompt: 0 to 259 expected");
  EXPECT_EQ(refusal({{"prompt", {-1}}}), "[text] prompt: place 0 of the list is no token");
  EXPECT_EQ(refusal({{"prompt", 7}}), "[text] prompt: a text or a list of tokens expected");
  EXPECT_EQ(refusal({{"tokens", 7}}), "[text] prompt: a text or a list of tokens expected");
  EXPECT_EQ(refusal({{"prompt", "a"}, {"temperature", -1}}), "[text] temperature: a number from 0 to 256 expected");
  EXPECT_EQ(refusal({{"prompt", "a"}, {"seed", "0x12"}}), "[text] seed: 0x and 64 hex digits, or any other text, expected");
  EXPECT_NE(refusal({{"prompt", "a"}, {"heat", 1}}).find("heat"), std::string::npos);

  auto values = body(json());
  values["input"] = {{"input_data", {{1, 2}}}};
  EXPECT_EQ(post("/api/v1/orders", values, 422)["error"]["text"],
            "[model] 'words' is a language model: it takes a prompt, not values");
  auto other = body({{"prompt", "a"}});
  other["program"] = upload()["program"];
  EXPECT_EQ(post("/api/v1/orders", other, 422)["error"]["text"],
            "[model] 'echo' is no language model: it takes values, not a prompt");
  EXPECT_EQ(get("/api/v1/orders")["orders"].size(), before);
}

TEST_F(TextsTest, are_previewed_with_the_number_of_their_tokens) {
  const auto previewed = [&](json text, int status = 200) {
    return post("/api/v1/preview", {{"program", model["program"]}, {"input", {{"text", std::move(text)}}}}, status);
  };
  const auto tokens = words().tokeniser->encode("the other")->size();
  EXPECT_EQ(previewed({{"prompt", "the other"}, {"tokens", 4}}),
            (json{{"values", tokens}, {"clamped", 0}, {"picture", nullptr}}));
  EXPECT_EQ(previewed({{"prompt", "the"}, {"tokens", 49}}, 400)["error"]["text"],
            "[language] 49 tokens behind a prompt of 1: the context of 48 leaves room for 48");
  const json values = {{"program", model["program"]}, {"input", {{"input_data", {{1, 2}}}}}};
  post("/api/v1/preview", values, 422);
}

/// The events of a stream, without what ends it.
std::vector<json> events_of(const std::string& body) {
  std::vector<json> out;
  EXPECT_TRUE(body.ends_with("data: [DONE]\n\n")) << body;
  for (std::size_t at = 0; at < body.size();) {
    const auto end = body.find("\n\n", at);
    const auto line = body.substr(at + 6, end - at - 6);
    if (line != "[DONE]") out.push_back(json::parse(line));
    at = end + 2;
  }
  return out;
}

json completion(const std::string& prompt, int tokens) {
  return {{"model", "words"}, {"prompt", prompt}, {"max_tokens", tokens}, {"temperature", 0.8}, {"seed", 42}};
}

TEST_F(TextsTest, are_served_by_openais_api) {
  EXPECT_EQ(get("/v1/models")["data"][0]["id"], "words");
  EXPECT_EQ(get("/v1/models/words")["object"], "model");
  const auto seed = base::keccak256(base::as_bytes("42"));
  const auto numbers = language::numbers_of({0.8, 0, 1, {}}, words().model.programs.candidates).value();
  auto tokens = generated("the other", numbers, seed, 12);
  if (const auto end = std::ranges::find(tokens, words().ends[0]); end != tokens.end()) tokens.erase(end + 1, tokens.end());
  const bool over = tokens.back() == words().ends[0];
  auto shown = tokens;
  if (over) shown.pop_back();
  const auto text = language::TextStream::whole(words().tokeniser->text(shown));

  const auto whole = call(net::Method::post, "/v1/completions", completion("the other", 12).dump(), "application/json", false);
  ASSERT_EQ(whole.status, 200) << whole.body_text();
  const auto answer = json::parse(whole.body_text());
  EXPECT_EQ(answer["object"], "text_completion");
  EXPECT_EQ(answer["choices"][0]["text"], text);
  EXPECT_EQ(answer["choices"][0]["finish_reason"], over ? "stop" : "length");
  EXPECT_EQ(answer["usage"]["completion_tokens"], tokens.size());
  EXPECT_EQ(whole.headers.get("Koinon-Program"), model["program"].get<std::string>());
  EXPECT_EQ(whole.headers.get("Koinon-Check"), "none");

  auto asked = completion("the other", 12);
  asked.update({{"stream", true}, {"stream_options", {{"include_usage", true}}}});
  const auto streamed = call(net::Method::post, "/v1/completions", asked.dump(), "application/json", false);
  EXPECT_EQ(streamed.headers.get("Content-Type"), "text/event-stream");
  const auto events = events_of(streamed.body_text());
  ASSERT_GE(events.size(), 3U);
  std::string pieces;
  for (std::size_t i = 0; i + 1 < events.size(); ++i) pieces += events[i]["choices"][0]["text"];
  EXPECT_EQ(pieces, text);
  EXPECT_EQ(events[events.size() - 2]["koinon"]["output_root"], whole.headers.get("Koinon-Output-Root"));
  EXPECT_EQ(events.back()["usage"], answer["usage"]);

  const auto chat =
      call(net::Method::post, "/v1/chat/completions",
           json{{"model", "words"}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}, {"max_tokens", 4}}.dump(),
           "application/json", false);
  EXPECT_EQ(json::parse(chat.body_text())["choices"][0]["message"]["role"], "assistant") << chat.body_text();
}

TEST_F(TextsTest, are_bought_by_openais_api_with_a_receipt) {
  auto asked = completion("the other", 6);
  asked.update({{"check", "quorum"}, {"max_price", kPrice}});
  const auto bought = call(net::Method::post, "/v1/completions", asked.dump(), "application/json");
  ASSERT_EQ(bought.status, 200) << bought.body_text();
  EXPECT_EQ(bought.headers.get("Koinon-Check"), "quorum");
  const auto receipt = bought.headers.get("Koinon-Receipt");
  ASSERT_TRUE(receipt.starts_with("/api/v1/receipts/"));
  const auto here = call(net::Method::post, "/v1/completions", completion("the other", 6).dump(), "application/json", false);
  EXPECT_EQ(json::parse(here.body_text())["choices"], json::parse(bought.body_text())["choices"]);
  EXPECT_EQ(here.headers.get("Koinon-Output-Root"), bought.headers.get("Koinon-Output-Root"));
  asked["stream"] = true;
  const auto streamed = events_of(call(net::Method::post, "/v1/completions", asked.dump(), "application/json").body_text());
  EXPECT_EQ(streamed[0]["choices"][0]["text"], json::parse(bought.body_text())["choices"][0]["text"]);
  EXPECT_EQ(streamed[1]["koinon"]["check"], "quorum");
}

TEST_F(TextsTest, errors_have_openais_form) {
  const auto refused = [&](const json& body, int status, bool token = true) {
    const auto out = call(net::Method::post, "/v1/completions", body.dump(), "application/json", token);
    EXPECT_EQ(out.status, status) << out.body_text();
    return json::parse(out.body_text())["error"];
  };
  auto other = completion("a", 1);
  other["model"] = "none";
  const auto unknown = refused(other, 404);
  EXPECT_EQ(unknown["type"], "invalid_request_error");
  EXPECT_EQ(unknown["message"], "no model 'none': GET /v1/models lists them");
  const auto absent = json::parse(call(net::Method::get, "/v1/models/none").body_text());
  EXPECT_EQ(absent["error"]["message"], unknown["message"]);
  other["model"] = upload()["name"];
  EXPECT_EQ(refused(other, 404)["message"],
            "'echo' is no language model: GET /v1/models lists those; /v2/models/echo serves it");
  const auto form = call(net::Method::post, "/v1/completions", completion("a", 1).dump(), "application/x-www-form-urlencoded");
  EXPECT_EQ(form.status, 422);
  EXPECT_EQ(json::parse(form.body_text())["error"]["message"],
            "[http] Content-Type 'application/x-www-form-urlencoded': application/json expected");
  EXPECT_EQ(refused(completion("a", 100), 400)["message"],
            "[language] 100 tokens behind a prompt of 1: the context of 48 leaves room for 48");
  auto paid = completion("a", 1);
  paid["check"] = "quorum";
  EXPECT_NE(refused(paid, 400)["message"].get<std::string>().find("max_price"), std::string::npos);
  paid["max_price"] = kPrice;
  EXPECT_EQ(refused(paid, 401, false)["type"], "authentication_error");
}

}  // namespace
}  // namespace koinon::node
