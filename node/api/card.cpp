#include "node/api/card.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "market/actor/proofs.hpp"
#include "trust/optimistic/disputable.hpp"

namespace koinon::node::api {
namespace {

namespace program = engine::program;
using nlohmann::json;

/// The document says "int8" where the engine says "i8".
std::string dtype_word(engine::tensor::DType dtype) { return fmt::format("int{}", 8 * engine::tensor::dtype_size(dtype)); }

/// Dimensions of the document are at least 1 and there may be none.
json port(const std::string& name, const program::TensorInfo& info) {
  return {{"name", name}, {"shape", info.shape}, {"dtype", dtype_word(info.dtype)}};
}

json parse_card(const std::string& card) {
  auto out = base::parse_json(card);
  return out.is_object() ? out : json::object();
}

json field_or(const json& object, const char* key, json fallback) {
  const auto at = object.find(key);
  return at == object.end() || at->type() != fallback.type() ? fallback : *at;
}

/// How an order of the model may be checked; a card written before disputes tells of none.
json policies(const json& card) {
  json out = json::array({{{"check", "quorum"}, {"privacy", "plain"}}});
  if (field_or(card, "disputable", false)) out.push_back({{"check", "optimistic"}, {"privacy", "plain"}});
  if (const auto proof = card.find("proof"); proof != card.end() && proof->is_object())
    out.push_back({{"check", "proof"}, {"privacy", "plain"}});
  return out;
}

/// What a proof of a run takes, about; null when no contract could be shown one.
json proof_card(const program::Program& p) {
  const auto able = market::provable(p);
  if (!able) return nullptr;
  return {{"seconds", able->cost.cpu_seconds}, {"bytes", able->cost.bytes}, {"memory", able->cost.memory_bytes}};
}

/// Text of at most `limit` characters, cut at the beginning of one.
std::string shortened(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) --limit;
  text.resize(limit);
  return text;
}

}  // namespace

program::TensorInfo output_info(const program::Program& p, std::size_t index) {
  auto value = p.outputs[index].ref.index();
  if (value < p.inputs.size()) return p.inputs[value].info;
  for (const auto& step : p.steps)
    if (value >= step.first_output && value < step.first_output + step.outputs.size())
      return step.outputs[value - step.first_output];
  return {};
}

std::string card_of(const program::Program& p) {
  json inputs = json::array(), outputs = json::array();
  for (const auto& input : p.inputs) inputs.push_back(port(input.name, input.info));
  for (std::size_t i = 0; i < p.outputs.size(); ++i) outputs.push_back(port(p.outputs[i].name, output_info(p, i)));
  const json out = {{"format", program::kFormatVersion},
                    {"description", shortened(p.metadata.description, 4000)},
                    {"inputs", inputs},
                    {"outputs", outputs},
                    {"disputable", trust::optimistic::disputable(p).has_value()},
                    {"proof", proof_card(p)}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string card_of(const engine::language::Folder& folder) {
  const auto& model = folder.model;
  const bool prefill = model.programs.chunk > 1;
  const json language = {
      {"context", model.programs.context},       {"vocabulary", model.vocabulary()},
      {"candidates", model.programs.candidates}, {"chunk", model.programs.chunk},
      {"decode", base::to_hex(model.decode_id)}, {"prefill", prefill ? json(base::to_hex(model.prefill_id)) : json(nullptr)}};
  const json out = {{"format", program::kFormatVersion},
                    {"description", shortened(model.programs.decode.metadata.description, 4000)},
                    {"inputs", json::array()},
                    {"outputs", json::array()},
                    {"language", language}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool is_text_card(const std::string& card) {
  const auto read = parse_card(card);
  return read.contains("language") && read["language"].is_object();
}

json labels_of(const std::string& card, std::string_view output) {
  const auto all = field_or(parse_card(card), "labels", json::object());
  const auto found = field_or(all, std::string(output).c_str(), json::array());
  const bool texts = std::all_of(found.begin(), found.end(), [](const json& label) { return label.is_string(); });
  return texts && !found.empty() ? found : json(nullptr);
}

bool is_current(const std::string& card) {
  const auto read = parse_card(card);
  return read.contains("format") && read["format"] == program::kFormatVersion;
}

json model_json(const ModelRecord& record, bool held, const std::string& trouble) {
  const auto card = parse_card(record.card);
  json outputs = field_or(card, "outputs", json::array());
  for (auto& output : outputs)
    if (output.is_object()) output["labels"] = labels_of(record.card, output.value("name", ""));
  const auto accuracy = card.find("accuracy");
  return {{"program", base::to_hex(record.program)},
          {"name", shortened(record.name, 120)},
          {"description", field_or(card, "description", "")},
          {"author", shortened(record.author, 200)},
          {"licence", shortened(record.licence, 120)},
          {"price", record.price.is_zero() ? json(nullptr) : json(record.price.text())},
          {"inputs", field_or(card, "inputs", json::array())},
          {"outputs", std::move(outputs)},
          {"language", is_text_card(record.card) ? card["language"] : json(nullptr)},
          {"accuracy", accuracy != card.end() && accuracy->is_number() ? *accuracy : json(nullptr)},
          {"accuracy_data", card.contains("accuracy_data") ? field_or(card, "accuracy_data", "") : json(nullptr)},
          {"size", record.artifact.size},
          {"artifact", held ? json(record.artifact.cid.text()) : json(nullptr)},
          {"trouble", trouble.empty() ? json(nullptr) : json(trouble)},
          {"policies", trouble.empty() ? policies(card) : json::array()}};
}

}  // namespace koinon::node::api
