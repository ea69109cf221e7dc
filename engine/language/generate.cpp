#include <algorithm>

#include "engine/language/chain.hpp"
#include "engine/run/roots.hpp"

namespace koinon::engine::language {
namespace {

constexpr std::int64_t kWorthAChunk = 4;  ///< a quarter of a chunk costs about as much token by token

using base::Code;
using base::fail;
using base::Hash;
using base::Result;
using base::Status;
using tensor::DType;
using tensor::IntTensor;

IntTensor one(std::int64_t value) {
  IntTensor out = IntTensor::zeros(DType::i32, {1});
  out.set(0, value);
  return out;
}

/// Prompt and generated tokens in one.
Tokens all_tokens(const Transcript& t) {
  Tokens out = t.prompt;
  out.insert(out.end(), t.generated.begin(), t.generated.end());
  return out;
}

std::span<const std::int64_t> taken_by(const Tokens& tokens, const Link& link) {
  return std::span(tokens).subspan(static_cast<std::size_t>(link.position), static_cast<std::size_t>(link.taken));
}

}  // namespace

Hash output_root(const Link& link) {
  std::vector<Hash> roots{tensor::tensor_root(one(link.token)), link.logits};
  roots.insert(roots.end(), link.states.begin(), link.states.end());
  return base::list_root(base::Domain::outputs, roots);
}

Hash input_root(const Model& model, const Transcript& t, std::size_t number) {
  const auto tokens = all_tokens(t);
  const auto& link = t.links[number];
  const auto states = number == 0 ? run::tensor_roots(first_state(model)) : t.links[number - 1].states;
  return input_root_of(small_inputs(taken_by(tokens, link), link.position, t.sampling, t.seed), states);
}

Hash commitment(const Transcript& t) {
  base::Bytes head;
  const auto add = [&](base::ByteView bytes) { head.insert(head.end(), bytes.begin(), bytes.end()); };
  const auto number = [&](std::int64_t value) { add(base::be64(static_cast<std::uint64_t>(value))); };
  add(base::as_bytes("koinon.generation"));
  add(t.decode_id.view());
  add(t.prefill_id.view());
  number(static_cast<std::int64_t>(t.prompt.size()));
  number(static_cast<std::int64_t>(t.generated.size()));
  for (auto token : t.prompt) number(token);
  for (auto token : t.generated) number(token);
  number(t.sampling.coldness);
  number(t.sampling.top_k);
  number(t.sampling.top_p);
  add(t.seed.view());
  Hash out = base::keccak256(head);
  for (const auto& link : t.links) out = base::keccak256({out.view(), link.input_root.view(), link.output_root.view()});
  return out;
}

namespace {

/// Whether a link takes what it must and fits the transcript so far.
Status check_place(const Model& model, const Transcript& t, const Tokens& tokens, std::size_t number, std::int64_t position) {
  const auto& link = t.links[number];
  const auto wrong = [&](std::string_view what) { return fail(Code::rejected, "[generation] link {}: {}", number, what); };
  if (link.position < 0 || link.position > position || link.position + link.taken <= position)
    return wrong("it does not go on where the one before ends");
  if (link.taken != 1 && (link.taken != model.programs.chunk || model.programs.chunk < 2))
    return wrong("it takes a number of tokens that neither program takes");
  const auto end = link.position + link.taken;
  if (end > model.programs.context) return wrong("it goes beyond the context");
  if (end > static_cast<std::int64_t>(tokens.size())) return wrong("it takes tokens that are not there");
  if (link.taken > 1 && end > static_cast<std::int64_t>(t.prompt.size())) return wrong("a chunk that is not all prompt");
  if (link.states.size() != model.states()) return wrong("another number of state tensors");
  for (auto token : taken_by(tokens, link))
    if (token < 0 || token >= model.vocabulary()) return wrong("a token outside the vocabulary");
  // What was chosen is what comes next, once the prompt is over.
  if (end >= static_cast<std::int64_t>(t.prompt.size()) && end < static_cast<std::int64_t>(tokens.size()) &&
      tokens[static_cast<std::size_t>(end)] != link.token)
    return wrong("the token that it chose is not the one that follows");
  return {};
}

}  // namespace

Status check(const Model& model, const Transcript& t) {
  if (t.decode_id != model.decode_id || t.prefill_id != model.prefill_id)
    return fail(Code::rejected, "[generation] it is of another model");
  if (t.prompt.empty()) return fail(Code::rejected, "[generation] no prompt");
  const auto& inputs = model.programs.decode.inputs;
  const auto outside = [](const program::Input& input, std::int64_t value) { return value < input.low || value > input.high; };
  if (outside(inputs[kColdness], t.sampling.coldness) || outside(inputs[kTopK], t.sampling.top_k) ||
      outside(inputs[kTopP], t.sampling.top_p))
    return fail(Code::rejected, "[generation] sampling numbers that the programs do not take");
  const auto tokens = all_tokens(t);
  auto states = run::tensor_roots(first_state(model));
  std::int64_t position = 0;
  for (std::size_t i = 0; i < t.links.size(); ++i) {
    KOINON_CHECK(check_place(model, t, tokens, i, position));
    const auto& link = t.links[i];
    if (link.input_root != input_root_of(small_inputs(taken_by(tokens, link), link.position, t.sampling, t.seed), states))
      return fail(Code::rejected, "[generation] link {}: its input root is not that of its tokens, draw and state", i);
    if (link.output_root != output_root(link))
      return fail(Code::rejected, "[generation] link {}: its output root is not that of its token, logits and state", i);
    states = link.states;
    position = link.position + link.taken;
  }
  // Every token but the last generated one was taken, which the last link chose.
  const auto wanted = static_cast<std::int64_t>(tokens.size()) - (t.generated.empty() ? 0 : 1);
  if (position != wanted) return fail(Code::rejected, "[generation] the links take {} tokens: {} expected", position, wanted);
  return {};
}

namespace {

Status compare_links(const Link& link, const Link& claimed, std::size_t number) {
  const auto differs = [&](std::string_view what) {
    return fail(Code::rejected, "[generation] link {}: run again, its {} differs", number, what);
  };
  if (link.input_root != claimed.input_root) return differs("input root");
  if (link.token != claimed.token) return differs("token");
  if (link.logits != claimed.logits) return differs("logits' root");
  if (link.states != claimed.states) return differs("state");
  if (link.output_root != claimed.output_root) return differs("output root");
  return {};
}

std::vector<IntTensor> inputs_of(std::vector<IntTensor> small, std::span<const IntTensor> state) {
  small.insert(small.end(), state.begin(), state.end());
  return small;
}

}  // namespace

Result<std::vector<IntTensor>> replay_link(const Model& model, const Transcript& t, std::size_t number,
                                           std::span<const IntTensor> state, Runner& runner, const run::RunOptions& options) {
  if (number >= t.links.size()) return fail(Code::invalid_argument, "[generation] link {} of {}", number, t.links.size());
  const auto& claimed = t.links[number];
  const auto tokens = all_tokens(t);
  KOINON_CHECK(check_place(model, t, tokens, number, claimed.position));
  const auto inputs = inputs_of(small_inputs(taken_by(tokens, claimed), claimed.position, t.sampling, t.seed), state);
  KOINON_TRY(auto done, runner.run(claimed.taken, inputs, options));
  const auto link = link_of(claimed.position, claimed.taken, done);
  KOINON_CHECK(compare_links(link, claimed, number));
  done.outputs.erase(done.outputs.begin(), done.outputs.begin() + kFirstStateOut);
  return std::move(done.outputs);
}

Status replay(const Model& model, const Transcript& t, const run::RunOptions& options) {
  KOINON_CHECK(check(model, t));
  const auto tokens = all_tokens(t);
  Chain chain(model, options);
  for (std::size_t i = 0; i < t.links.size(); ++i) {
    KOINON_TRY(const auto step, chain.advance(taken_by(tokens, t.links[i]), t.links[i].position, t.sampling, t.seed));
    KOINON_CHECK(compare_links(step.link, t.links[i], i));
  }
  return {};
}

Status Generator::warm() { return chain_.warm(); }

Generator::Generator(const Model& model, const SamplingNumbers& sampling, const Hash& seed, run::RunOptions options,
                     std::shared_ptr<Runner> runner)
    : model_(model), chain_(model, std::move(options), std::move(runner)) {
  transcript_.decode_id = model.decode_id;
  transcript_.prefill_id = model.prefill_id;
  transcript_.sampling = sampling;
  transcript_.seed = seed;
}

Status Generator::take(std::span<const std::int64_t> tokens, std::int64_t position) {
  const auto count = static_cast<std::int64_t>(tokens.size());
  if (position + count > model_.programs.context)
    return fail(Code::exhausted, "[generation] the context of {} tokens is full", model_.programs.context);
  KOINON_TRY(auto step, chain_.advance(tokens, position, transcript_.sampling, transcript_.seed));
  transcript_.links.push_back(std::move(step.link));
  chosen_ = transcript_.links.back().token;
  logits_ = std::move(step.logits);
  trace_root_ = step.trace_root;
  position_ = position + count;
  return {};
}

Status Generator::prompt(const Tokens& tokens) {
  if (!transcript_.prompt.empty()) return fail(Code::invalid_argument, "[generation] a prompt was given before");
  if (tokens.empty()) return fail(Code::invalid_argument, "[generation] an empty prompt");
  for (auto token : tokens)
    if (token < 0 || token >= model_.vocabulary())
      return fail(Code::invalid_argument, "[generation] token {}: 0 to {} expected", token, model_.vocabulary() - 1);
  if (static_cast<std::int64_t>(tokens.size()) > model_.programs.context)
    return fail(Code::exhausted, "[generation] a prompt of {} tokens: the context has {}", tokens.size(),
                model_.programs.context);
  transcript_.prompt = tokens;
  // What is left behind the last whole chunk goes through one more that ends with the prompt: its first tokens leave the same
  // rows again.
  const auto count = static_cast<std::int64_t>(tokens.size()), chunk = model_.programs.chunk;
  for (std::int64_t at = 0; at < count;) {
    const auto left = count - at;
    const bool whole = chunk > 1 && count >= chunk && left * kWorthAChunk >= chunk;
    const auto taken = whole ? chunk : 1;
    const auto first = whole && left < chunk ? count - chunk : at;
    KOINON_CHECK(take(std::span(tokens).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(taken)), first));
    at = first + taken;
  }
  return {};
}

Status Generator::force(std::int64_t token) {
  if (!transcript_.generated.empty()) return fail(Code::invalid_argument, "[generation] tokens were generated before");
  if (transcript_.prompt.empty()) return prompt({token});
  if (token < 0 || token >= model_.vocabulary())
    return fail(Code::invalid_argument, "[generation] token {}: 0 to {} expected", token, model_.vocabulary() - 1);
  KOINON_CHECK(take({&token, 1}, position_));
  transcript_.prompt.push_back(token);
  return {};
}

Result<std::int64_t> Generator::next() {
  if (transcript_.prompt.empty()) return fail(Code::invalid_argument, "[generation] no prompt");
  if (!chosen_) {
    const auto last = transcript_.generated.back();
    KOINON_CHECK(take({&last, 1}, position_));
  }
  const auto token = *chosen_;
  chosen_.reset();
  transcript_.generated.push_back(token);
  return token;
}

}  // namespace koinon::engine::language
