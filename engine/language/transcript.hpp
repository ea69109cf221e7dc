#pragma once
#include <nlohmann/json_fwd.hpp>

#include "engine/language/generate.hpp"

namespace koinon::engine::language {

/// {"commitment", "decode", "prefill", "prompt", "generated", "coldness", "top_k", "top_p", "seed", "links": [{"position",
/// "taken", "token", "logits", "states", "input_root", "output_root"}]}: hashes as hex, the rest as numbers.
nlohmann::json to_json(const Transcript& transcript);

/// Reads the same from a file that nobody vouches for. Errors: malformed; rejected when the commitment is not that of the rest.
base::Result<Transcript> read_transcript(base::ByteView file);

}  // namespace koinon::engine::language
