#include "node/api/training_request.hpp"

#include <nlohmann/json.hpp>

#include "node/api/fields.hpp"

namespace koinon::node::api {
namespace {

using base::Code;
using base::fail;
using base::Result;
using nlohmann::json;

constexpr std::size_t kMaxRecipe = std::size_t{1} << 20, kMaxPart = std::size_t{64} << 20;

Result<base::Bytes> part(const json& value, const char* key, bool required) {
  if (!required && !value.contains(key)) return base::Bytes{};
  KOINON_TRY(const auto text, text_field(value, key, (kMaxPart + 2) / 3 * 4));
  KOINON_TRY(auto bytes, decode_base64(text));
  if (bytes.empty()) return fail(Code::invalid_argument, "[order] training.{}: at least one byte expected", key);
  return bytes;
}

}  // namespace

std::vector<base::Bytes> TrainingAsked::inputs() const {
  std::vector<base::Bytes> out = {data};
  if (!model.empty()) out.push_back(model);
  if (!checkpoint.empty()) out.push_back(checkpoint);
  return out;
}

Result<TrainingAsked> parse_training(const json& value) {
  if (!value.is_object()) return fail(Code::invalid_argument, "[order] training: an object expected");
  KOINON_CHECK(only_fields(value, {"recipe", "data", "model", "checkpoint"}, "training"));
  TrainingAsked out;
  KOINON_TRY(const auto recipe, text_field(value, "recipe", kMaxRecipe));
  const auto bytes = base::as_bytes(recipe);
  out.recipe.assign(bytes.begin(), bytes.end());
  KOINON_TRY(out.data, part(value, "data", true));
  KOINON_TRY(out.model, part(value, "model", false));
  KOINON_TRY(out.checkpoint, part(value, "checkpoint", false));
  return out;
}

}  // namespace koinon::node::api
