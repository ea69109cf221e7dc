#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.hpp"
#include "engine/language/folder.hpp"
#include "engine/language/random_model.hpp"

namespace koinon::engine::language {
namespace {

using base::Code;

Config gpt2_config() { return {"gpt2", 2, 32, 4, 4, 8, 64, 48, 61, 1e-5, 0, Activation::gelu_tanh, false, false}; }
/// Two heads of queries share one of keys; head size and width are independent.
Config llama_config() { return {"llama", 2, 40, 4, 2, 12, 56, 48, 61, 1e-6, 10000, Activation::silu, true, true}; }

Tokens some_tokens(std::int64_t count, std::int64_t vocabulary, std::uint64_t seed) {
  base::SeededRandom random(seed);
  Tokens out;
  for (std::int64_t i = 0; i < count; ++i)
    out.push_back(static_cast<std::int64_t>(random.u64() % static_cast<std::uint64_t>(vocabulary)));
  return out;
}

struct Made {
  Transformer weights;
  Model model;
};

Made make(const Config& config, const BuildOptions& options) {
  Made out;
  out.weights = random_model(config, 5);
  const auto ranges = calibrate(out.weights, {some_tokens(48, config.vocabulary, 1), some_tokens(48, config.vocabulary, 2)});
  EXPECT_TRUE(ranges.has_value());
  auto programs = build_programs(out.weights, *ranges, options);
  if (!programs) {
    ADD_FAILURE() << programs.error().text;
    std::abort();
  }
  std::optional<program::Program> prefill;
  if (programs->chunk > 1) prefill = std::move(programs->prefill);
  out.model = Model::from(std::move(programs->decode), std::move(prefill)).value();
  return out;
}

BuildOptions chunks_of(std::int64_t chunk) {
  BuildOptions out;
  out.chunk = chunk;
  return out;
}

run::RunOptions plain() {
  run::RunOptions out;
  out.trace = false;
  return out;
}

Generator greedy(const Model& model) { return {model, SamplingNumbers{}, base::Hash{}, plain()}; }

class Families : public testing::TestWithParam<int> {
 protected:
  static Config config() { return GetParam() == 0 ? gpt2_config() : llama_config(); }
};
INSTANTIATE_TEST_SUITE_P(All, Families, testing::Values(0, 1),
                         [](const auto& param) { return param.param == 0 ? "gpt2" : "llama"; });

TEST_P(Families, prefill_and_decode_leave_the_same_state_logits_and_tokens) {
  const auto made = make(config(), chunks_of(8));
  const auto prompt = some_tokens(27, config().vocabulary, 3);  // three chunks, and one that begins within the third
  auto chunked = greedy(made.model);
  ASSERT_TRUE(chunked.prompt(prompt));
  Model alone = made.model;
  alone.programs.chunk = 1;
  auto single = greedy(alone);
  ASSERT_TRUE(single.prompt(prompt));
  EXPECT_EQ(chunked.transcript().links.size(), 4U);
  EXPECT_EQ(chunked.transcript().links.back().position, 19);
  EXPECT_TRUE(check(made.model, chunked.transcript()));
  EXPECT_TRUE(replay(made.model, chunked.transcript(), plain()));
  EXPECT_EQ(single.transcript().links.size(), 27U);
  EXPECT_EQ(chunked.state(), single.state());
  EXPECT_EQ(chunked.logits(), single.logits());
  for (int i = 0; i < 21; ++i) EXPECT_EQ(chunked.next().value(), single.next().value());
  EXPECT_EQ(chunked.state(), single.state());
}

TEST_P(Families, every_instruction_set_and_thread_count_gives_the_same_transcript) {
  const auto made = make(config(), chunks_of(8));
  const auto prompt = some_tokens(11, config().vocabulary, 4);
  base::ThreadPool pool(2);
  std::vector<Transcript> transcripts;
  for (int how = 0; how < 3; ++how) {
    auto options = plain();
    options.force_ref = how == 1;
    if (how == 2) options.pool = &pool;
    Generator generator(made.model, SamplingNumbers{}, base::Hash{}, options);
    ASSERT_TRUE(generator.prompt(prompt));
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(generator.next());
    transcripts.push_back(generator.transcript());
  }
  EXPECT_EQ(transcripts[0], transcripts[1]);
  EXPECT_EQ(transcripts[0], transcripts[2]);
}

/// Largest difference of logits, as a share of their range, and how often the most likely token is the same one.
std::pair<double, double> against_float(const BuildOptions& options, const Config& config) {
  const auto made = make(config, options);
  const auto a = compare(made.weights, made.model, some_tokens(48, config.vocabulary, 7)).value();
  EXPECT_EQ(a.compared, 48U);
  return {a.largest / a.range, a.same_top};
}

TEST_P(Families, logits_are_near_those_of_float) {
  auto options = chunks_of(1);
  const auto narrow = against_float(options, config());
  EXPECT_LT(narrow.first, 0.03);
  EXPECT_GE(narrow.second, 0.9);
  options.state = 16;
  const auto wide = against_float(options, config());
  EXPECT_LT(wide.first, 0.02);
  EXPECT_GE(wide.second, 0.9);
  options.activations = 8;
  options.state = 8;
  EXPECT_LT(against_float(options, config()).first, 0.10);
}

TEST_P(Families, the_end_of_the_context_is_an_error_that_says_so) {
  const auto made = make(config(), chunks_of(8));
  auto generator = greedy(made.model);
  ASSERT_TRUE(generator.prompt(some_tokens(47, config().vocabulary, 3)));
  ASSERT_TRUE(generator.next());  // chosen with the prompt
  ASSERT_TRUE(generator.next());  // takes place 47, the last
  const auto beyond = generator.next();
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, Code::exhausted);
  EXPECT_EQ(beyond.error().text, "[generation] the context of 48 tokens is full");
  EXPECT_TRUE(check(made.model, generator.transcript()));
  auto longer = greedy(made.model);
  EXPECT_EQ(longer.prompt(some_tokens(49, config().vocabulary, 3)).error().code, Code::exhausted);
}

std::string llama_json(const std::string& more) {
  return R"({"model_type":"llama","num_hidden_layers":2,"num_attention_heads":4,"hidden_size":512,"head_dim":128,)"
         R"("intermediate_size":64,"max_position_embeddings":48,"rope_theta":500000,"vocab_size":61)" +
         more + "}";
}

// The numbers are those of transformers' formulas, worked out apart.
TEST(Config, rotary_frequencies_are_scaled_as_the_file_says) {
  const auto plain = read_config(llama_json("")).value();
  const auto linear = read_config(llama_json(R"(,"rope_scaling":{"type":"linear","factor":2.0})")).value();
  const auto llama3 = read_config(llama_json(R"(,"rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,)"
                                             R"("high_freq_factor":4.0,"original_max_position_embeddings":8192})"))
                          .value();
  EXPECT_EQ(rope_frequency(plain, 0), 1);
  EXPECT_EQ(rope_frequency(linear, 0), 0.5);
  EXPECT_EQ(rope_frequency(llama3, 0), 1);
  EXPECT_NEAR(rope_frequency(llama3, 30), 0.0013718935677611381, 1e-12);
  EXPECT_NEAR(rope_frequency(llama3, 63), 3.068925988914511e-07, 1e-15);
}

TEST(Config, what_is_computed_otherwise_is_refused_by_name) {
  const auto refused = [](const std::string& more) { return read_config(llama_json(more)).error().text; };
  EXPECT_EQ(refused(R"(,"rope_scaling":{"rope_type":"yarn","factor":4})"),
            "[config] rope_scaling: rope_type 'yarn': default, linear or llama3 expected");
  EXPECT_EQ(refused(R"(,"rope_scaling":{"type":"linear"})"), "[config] rope_scaling: no factor");
  EXPECT_EQ(refused(R"(,"sliding_window":16)"),
            "[config] sliding_window 16: none, or one of the whole context of 48, expected");
  EXPECT_TRUE(read_config(llama_json(R"(,"sliding_window":4096)")));
  EXPECT_EQ(read_config(R"({"model_type":"gpt2","n_layer":1,"n_head":2,"n_embd":8,"n_positions":16,"vocab_size":9,)"
                        R"("scale_attn_by_inverse_layer_idx":true})")
                .error()
                .text,
            "[config] scale_attn_by_inverse_layer_idx: false expected");
}

TEST(Config, scaled_positions_are_near_those_of_float) {
  auto config = llama_config();
  config.scaling = {RopeScaling::Kind::llama3, 4, 1, 4, 16};
  EXPECT_LT(against_float(chunks_of(1), config).first, 0.03);
}

// The names and layouts of a published Llama: every matrix [out, in], the head apart.
TEST(Weights, of_llama_are_found_by_their_names) {
  const auto model = random_model(llama_config(), 3);
  const auto& layer = model.layers[1];
  Tensors tensors;
  const auto matrix = [&](const std::string& name, const Linear& linear) {
    tensors[name + ".weight"] = {{linear.out, linear.in}, linear.weights};
  };
  tensors["model.embed_tokens.weight"] = {{61, 40}, model.embedding};
  tensors["model.norm.weight"] = {{40}, model.last.gain};
  matrix("lm_head", model.head);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto at = fmt::format("model.layers.{}.", i);
    const auto& l = model.layers[i];
    tensors[at + "input_layernorm.weight"] = {{40}, l.before_attention.gain};
    tensors[at + "post_attention_layernorm.weight"] = {{40}, l.before_mlp.gain};
    matrix(at + "self_attn.q_proj", l.q);
    matrix(at + "self_attn.k_proj", l.k);
    matrix(at + "self_attn.v_proj", l.v);
    matrix(at + "self_attn.o_proj", l.o);
    matrix(at + "mlp.gate_proj", l.gate);
    matrix(at + "mlp.up_proj", l.up);
    matrix(at + "mlp.down_proj", l.down);
  }
  const auto found = assemble(llama_config(), tensors);
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_EQ(found->layers[1].k.weights, layer.k.weights);
  EXPECT_EQ(found->layers[1].down.weights, layer.down.weights);
  EXPECT_EQ(found->head.weights, model.head.weights);
  EXPECT_EQ(found->last.gain, model.last.gain);
  tensors.erase("model.layers.1.mlp.up_proj.weight");
  const auto missing = assemble(llama_config(), tensors);
  EXPECT_EQ(missing.error().text, "[weights] no tensor 'layers.1.mlp.up_proj.weight'");
  tensors["model.layers.1.mlp.up_proj.weight"] = {{40, 56}, layer.up.weights};
  EXPECT_EQ(assemble(llama_config(), tensors).error().code, Code::malformed);
}

TEST(Build, is_the_same_to_the_byte) {
  const auto first = make(gpt2_config(), chunks_of(8)), second = make(gpt2_config(), chunks_of(8));
  EXPECT_EQ(first.model.decode_id, second.model.decode_id);
  EXPECT_EQ(first.model.prefill_id, second.model.prefill_id);
}

TEST(Build, refuses_options_that_do_not_fit) {
  const auto weights = random_model(gpt2_config(), 1);
  const Ranges ranges(weights.config);
  const auto refused = [&](auto change) {
    BuildOptions options;
    change(options);
    const auto made = build_programs(weights, ranges, options);
    return !made && made.error().code == Code::invalid_argument;
  };
  EXPECT_TRUE(refused([](auto& o) { o.activations = 9; }));
  EXPECT_TRUE(refused([](auto& o) { o.weights = 3; }));
  EXPECT_TRUE(refused([](auto& o) { o.state = 12; }));
  EXPECT_TRUE(refused([](auto& o) { o.context = 49; }));
  EXPECT_TRUE(refused([](auto& o) { o.chunk = 49; }));
  EXPECT_TRUE(refused([](auto& o) { o.candidates = 62; }));
}

// ---- the chain --------------------------------------------------------------------------------------------------------------

Transcript some_transcript(const Model& model) {
  Sampling sampling;
  sampling.temperature = 0.9;
  sampling.top_k = 20;
  sampling.top_p = 0.95;
  sampling.seed.bytes[0] = 7;
  Generator generator(model, numbers_of(sampling, model.programs.candidates).value(), sampling.seed, plain());
  EXPECT_TRUE(generator.prompt(some_tokens(11, model.vocabulary(), 6)));
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(generator.next());
  return generator.transcript();
}

TEST(Chain, an_honest_transcript_passes_both_checks) {
  const auto made = make(gpt2_config(), chunks_of(4));
  const auto t = some_transcript(made.model);
  EXPECT_TRUE(check(made.model, t));
  EXPECT_TRUE(replay(made.model, t, plain()));
}

/// Gives a link the roots that its own fields ask for, as a liar would.
void forge_roots(Transcript& t, const Model& model) {
  for (std::size_t i = 0; i < t.links.size(); ++i) t.links[i].output_root = output_root(t.links[i]);
  for (std::size_t i = 0; i < t.links.size(); ++i) t.links[i].input_root = input_root(model, t, i);
}

TEST(Chain, every_changed_field_is_refused) {
  const auto made = make(gpt2_config(), chunks_of(4));
  const auto honest = some_transcript(made.model);
  const auto refused = [&](auto change) {
    Transcript t = honest;
    change(t);
    const auto checked = check(made.model, t);
    return !checked && checked.error().code == Code::rejected && commitment(t) != commitment(honest);
  };
  EXPECT_TRUE(refused([](auto& t) { t.prompt[2] ^= 1; }));
  EXPECT_TRUE(refused([](auto& t) { t.generated[2] ^= 1; }));
  EXPECT_TRUE(refused([](auto& t) { t.generated.pop_back(); }));
  EXPECT_TRUE(refused([](auto& t) { t.seed.bytes[31] ^= 1; }));
  EXPECT_TRUE(refused([](auto& t) { ++t.sampling.coldness; }));
  EXPECT_TRUE(refused([](auto& t) { ++t.sampling.top_k; }));
  EXPECT_TRUE(refused([](auto& t) { --t.sampling.top_p; }));
  EXPECT_TRUE(refused([](auto& t) { t.decode_id.bytes[0] ^= 1; }));
  EXPECT_TRUE(refused([](auto& t) { t.prefill_id.bytes[0] ^= 1; }));
  EXPECT_TRUE(refused([](auto& t) { t.links.pop_back(); }));
  EXPECT_TRUE(refused([](auto& t) { t.links[3].input_root.bytes[5] ^= 1; }));
  EXPECT_TRUE(refused([](auto& t) { t.links[3].output_root.bytes[5] ^= 1; }));
  // What the roots are made of: the commitment binds it through them.
  const auto not_its_roots = [&](auto change) {
    Transcript t = honest;
    change(t.links[3]);
    return !check(made.model, t);
  };
  EXPECT_TRUE(not_its_roots([](auto& link) { link.token ^= 1; }));
  EXPECT_TRUE(not_its_roots([](auto& link) { link.logits.bytes[0] ^= 1; }));
  EXPECT_TRUE(not_its_roots([](auto& link) { link.states[1].bytes[0] ^= 1; }));
  EXPECT_TRUE(not_its_roots([](auto& link) { ++link.position; }));
  EXPECT_TRUE(not_its_roots([](auto& link) { link.taken = 4; }));
  EXPECT_TRUE(not_its_roots([](auto& link) { link.states.pop_back(); }));
}

TEST(Chain, a_liar_who_makes_the_roots_agree_is_caught_at_the_link_that_is_run_again) {
  const auto made = make(gpt2_config(), chunks_of(4));
  const auto honest = some_transcript(made.model);
  const auto caught_at = [&](auto change) {
    Transcript t = honest;
    change(t);
    forge_roots(t, made.model);
    EXPECT_TRUE(check(made.model, t)) << check(made.model, t).error().text;
    const auto again = replay(made.model, t, plain());
    return again ? std::string("accepted") : again.error().text;
  };
  EXPECT_EQ(caught_at([](auto& t) { t.links[2].states[0].bytes[9] ^= 1; }),
            "[generation] link 2: run again, its state differs");
  EXPECT_EQ(caught_at([](auto& t) { t.links[4].logits.bytes[9] ^= 1; }),
            "[generation] link 4: run again, its logits' root differs");
  EXPECT_EQ(caught_at([](auto& t) { t.links.back().token = t.generated.back() = (t.generated.back() + 1) % 61; }),
            "[generation] link 7: run again, its token differs");
}

TEST(Chain, the_same_seed_gives_the_same_tokens_and_another_seed_others) {
  const auto made = make(gpt2_config(), chunks_of(4));
  const auto run = [&](std::uint8_t seed) {
    base::Hash hash;
    hash.bytes[0] = seed;
    Generator generator(made.model, {kColdnessOne / 2, 61, kShareOne}, hash, plain());
    EXPECT_TRUE(generator.prompt(some_tokens(5, 61, 6)));
    for (int i = 0; i < 16; ++i) EXPECT_TRUE(generator.next());
    return generator.transcript().generated;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(Model, refuses_programs_of_another_form) {
  const auto made = make(gpt2_config(), chunks_of(8));
  EXPECT_EQ(Model::from(made.model.programs.prefill, {}).error().code, Code::malformed);
  EXPECT_EQ(Model::from(made.model.programs.decode, made.model.programs.decode).error().code, Code::malformed);
  auto other = made.model.programs.decode;
  std::swap(other.outputs[2], other.outputs[3]);
  EXPECT_EQ(Model::from(other, {}).error().code, Code::malformed);
}

}  // namespace
}  // namespace koinon::engine::language
