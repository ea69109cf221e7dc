#include "market/watch/game.hpp"

#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace koinon::market {

using base::Code;
using base::fail;
using nlohmann::json;

std::string_view stage_name(GameStage stage) {
  switch (stage) {
    case GameStage::agreed: return "agreed";
    case GameStage::found: return "found";
    case GameStage::stuck: return "stuck";
    case GameStage::differs: return "differs";
  }
  return "unknown";
}

std::string game_key(const OrderView& order) { return fmt::format("game/{}/{}", order.id, base::to_hex(order.placed_tx)); }

std::string GameNote::to_json() const {
  return json{{"stage", static_cast<unsigned>(stage)},
              {"trace_root", base::to_hex(trace_root)},
              {"checked_ms", checked_ms},
              {"run_ms", run_ms},
              {"fraud", fraud},
              {"proof_digest", base::to_hex(proof.cid.digest)},
              {"proof_size", proof.size},
              {"salt", base::to_hex(salt)},
              {"text", text},
              {"trouble", trouble}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<GameNote> GameNote::from_json(std::string_view text) {
  const auto parsed = base::parse_json(text);
  bool good = parsed.is_object();
  const auto number = [&](const char* key) -> std::uint64_t {
    const auto at = good ? parsed.find(key) : parsed.end();
    good = good && at != parsed.end() && at->is_number_unsigned();
    return good ? at->get<std::uint64_t>() : 0;
  };
  const auto words = [&](const char* key) -> std::string {
    const auto at = good ? parsed.find(key) : parsed.end();
    good = good && at != parsed.end() && at->is_string();
    return good ? at->get<std::string>() : std::string();
  };
  const auto hash = [&](const char* key) -> Hash {
    const auto read = base::fixed_from_hex<32>(words(key));
    good = good && read;
    return good ? *read : Hash{};
  };
  GameNote out;
  const auto stage = number("stage");
  out.trace_root = hash("trace_root");
  out.checked_ms = static_cast<std::int64_t>(number("checked_ms"));
  out.run_ms = number("run_ms");
  const auto fraud = number("fraud");
  out.proof = {base::Cid{hash("proof_digest")}, number("proof_size")};
  out.salt = hash("salt");
  out.text = words("text");
  if (good && parsed.contains("trouble")) out.trouble = words("trouble");  // notes of earlier versions lack it
  if (!good || stage < 1 || stage > 4 || fraud > 255)
    return fail(Code::malformed, "[note] of a dispute is not one: the database is damaged");
  out.stage = static_cast<GameStage>(stage);
  out.fraud = static_cast<std::uint8_t>(fraud);
  return out;
}

}  // namespace koinon::market
