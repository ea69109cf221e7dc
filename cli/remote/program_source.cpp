#include "cli/remote/program_source.hpp"

#include <nlohmann/json.hpp>

#include "base/cid.hpp"
#include "cli/remote/reply.hpp"
#include "cli/terminal/console.hpp"
#include "node/artifacts/manifest.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::fail;
using base::Result;
using nlohmann::json;

constexpr std::size_t kIdDigits = 64;
constexpr std::size_t kLeastDigits = 8;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;

Result<std::string> fetch_blob(NodeClient& node, const base::Cid& cid) {
  KOINON_TRY(auto bytes, node.get_text("/artifacts/" + cid.text()));
  if (base::Cid::of(base::as_bytes(bytes)) != cid)
    return fail(Code::rejected, "[program] artifact {}: the node sent other bytes", cid.text());
  return bytes;
}

/// An artifact of `size` bytes: one blob, or a manifest and its chunks.
Result<std::string> fetch_artifact(NodeClient& node, const base::Cid& cid, std::uint64_t size, Progress& progress) {
  KOINON_TRY(auto first, fetch_blob(node, cid));
  if (size <= node::kChunkSize) return first;
  KOINON_TRY(const auto manifest, node::Manifest::decode(base::as_bytes(first)));
  if (manifest.size > kMostBytes)
    return fail(Code::out_of_range, "[program] {} bytes: at most {} are fetched", manifest.size, kMostBytes);
  std::string out;
  for (const auto& chunk : manifest.chunks) {
    KOINON_TRY(const auto bytes, fetch_blob(node, chunk));
    out += bytes;
    progress.update(out.size(), manifest.size);
  }
  return out;
}

}  // namespace

bool is_program_id(const std::string& text) {
  const auto digits = text.starts_with("0x") ? text.size() - 2 : 0;
  return digits >= kLeastDigits && digits <= kIdDigits && text.find_first_not_of("0123456789abcdef", 2) == std::string::npos;
}

Result<json> find_model(NodeClient& node, const std::string& id) {
  if (id.size() == 2 + kIdDigits) return node.get("/api/v1/models/" + id);
  KOINON_TRY(const auto models, node.get("/api/v1/models"));
  json found;
  if (models.is_array())
    for (const auto& model : models) {
      if (!text_at(model, "program").starts_with(id)) continue;
      if (!found.is_null())
        return fail(Code::conflict, "[program] {}: several models of the node begin so; give more digits", id);
      found = model;
    }
  if (found.is_null())
    return advise({Code::not_found, fmt::format("[program] {}: no model of the node begins so", id)}, "koinon models");
  return found;
}

Result<ModelFile> fetch_program(NodeClient& node, const std::string& id, Progress& progress) {
  KOINON_TRY(const auto model, find_model(node, id));
  const auto held = text_at(model, "artifact");
  if (held.empty()) return fail(Code::not_found, "[program] {}: the node knows this model, and no longer holds its bytes", id);
  KOINON_TRY(const auto cid, base::Cid::parse(held));
  progress.stage(fmt::format("fetching the program {} from the node", clean(text_at(model, "name", id), 60)));
  KOINON_TRY(const auto bytes, fetch_artifact(node, cid, number_at(model, "size"), progress));
  const auto view = base::as_bytes(bytes);
  KOINON_TRY(auto program, engine::program::decode(view));
  if (const auto is = base::to_hex(engine::program::program_id(program)); !is.starts_with(id))
    return fail(Code::rejected, "[program] the node sent program {}: {} expected", is, id);
  return ModelFile{base::Bytes(view.begin(), view.end()), std::move(program)};
}

}  // namespace koinon::cli
