#include "node/api/programs.hpp"

#include <algorithm>

#include "engine/language/bundle.hpp"
#include "engine/language/text_stream.hpp"
#include "node/api/card.hpp"

namespace koinon::node::api {

std::string TextModel::text(engine::language::Tokens generated, work::language::Ending ending) const {
  if (ending == work::language::Ending::end) generated.pop_back();
  return engine::language::TextStream::whole(tokeniser->text(generated));
}

template <class P, class Make>
base::Result<P> Programs::kept(Kept<P>& list, const base::Hash& id, Make&& make) {
  {
    const std::lock_guard lock(mutex_);
    const auto at = std::find_if(list.begin(), list.end(), [&](const auto& item) { return item.first == id; });
    if (at != list.end()) {
      list.splice(list.begin(), list, at);
      return at->second;
    }
  }
  KOINON_TRY(P made, make());
  const std::lock_guard lock(mutex_);
  list.emplace_front(id, made);
  if (list.size() > kKept) list.pop_back();
  return made;
}

base::Result<Programs::Ptr> Programs::find(const base::Hash& program) {
  return kept(kept_, program, [&] { return read_program(program); });
}

base::Result<Programs::TextPtr> Programs::text(const base::Hash& model) {
  return kept(texts_, model, [&] { return read_text(model); });
}

base::Result<Programs::Ptr> Programs::read_program(const base::Hash& program) {
  KOINON_TRY(const auto record, models_.get(program));
  if (is_text_card(record.card))
    return base::fail(base::Code::unsupported, "[model] '{}' is a language model: it takes a prompt, not values", record.name);
  KOINON_TRY(const auto bytes, artifacts_.get(record.artifact.cid));
  KOINON_TRY(auto decoded, engine::program::decode(bytes));
  if (engine::program::program_id(decoded) != program)
    return base::fail(base::Code::malformed, "[model] artifact {} is not program {}", record.artifact.cid.text(),
                      base::to_hex(program));
  for (auto& weight : decoded.weights) weight.data = {};
  return std::make_shared<const engine::program::Program>(std::move(decoded));
}

base::Result<Programs::TextPtr> Programs::read_text(const base::Hash& model) {
  KOINON_TRY(const auto record, models_.get(model));
  if (!is_text_card(record.card))
    return base::fail(base::Code::unsupported, "[model] '{}' is no language model: it takes values, not a prompt", record.name);
  KOINON_TRY(const auto bytes, artifacts_.get(record.artifact.cid));
  KOINON_TRY(auto folder, engine::language::decode_bundle(bytes));
  if (engine::language::bundle_id(folder) != model)
    return base::fail(base::Code::malformed, "[model] artifact {} is not model {}", record.artifact.cid.text(),
                      base::to_hex(model));
  auto out = std::make_shared<TextModel>();
  out->limits = work::language::Limits::of(folder.model);
  out->tokeniser = std::move(folder.tokeniser);
  out->ends = std::move(folder.ends);
  return TextPtr(std::move(out));
}

std::string Programs::trouble(const ModelRecord& model) {
  if (is_current(model.card)) return {};
  {
    const std::lock_guard lock(mutex_);
    if (const auto at = troubles_.find(model.program); at != troubles_.end()) return at->second;
  }
  const auto bytes = artifacts_.get(model.artifact.cid);
  if (!bytes) return {};
  std::string out;
  if (is_text_card(model.card)) {
    if (const auto read = engine::language::decode_bundle(*bytes); !read) out = read.error().text;
  } else if (const auto read = engine::program::decode(*bytes); !read) {
    out = read.error().text;
  }
  const std::lock_guard lock(mutex_);
  if (troubles_.size() < kMostTroubles) troubles_[model.program] = out;
  return out;
}

std::size_t outside(const engine::program::Input& input, const std::vector<double>& values) {
  const double scale = input.scale.real();
  const double low = (static_cast<double>(input.low) - 0.5) * scale, high = (static_cast<double>(input.high) + 0.5) * scale;
  std::size_t out = 0;
  for (const double value : values) out += value < low || value > high ? 1 : 0;
  return out;
}

}  // namespace koinon::node::api
