#include "engine/language/folder.hpp"

#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/json.hpp"

namespace koinon::engine::language {
namespace {

using base::Code;
using base::fail;
using base::Result;
using nlohmann::json;

constexpr int kVersion = 1;

/// A program of the folder, which must have the id that model.json says.
Result<program::Program> load_program(const std::filesystem::path& file, const json& id) {
  KOINON_TRY(const auto bytes, base::read_file(file));
  auto decoded = program::decode(bytes);
  if (!decoded) return fail(std::move(decoded).error().within(file.filename().string()));
  if (!id.is_string() || base::to_hex(program::program_id(*decoded)) != id.get<std::string>())
    return fail(Code::malformed, "[language] {} is not the program that model.json names", file.filename().string());
  return *std::move(decoded);
}

}  // namespace

Result<Folder> Folder::load(const std::filesystem::path& path) {
  KOINON_TRY(const auto text, base::read_file(path / "model.json", 1 << 20));
  const auto index = base::parse_json(base::as_text(text));
  if (index.is_discarded() || !index.is_object() || index.value("format", json()) != "koinon.language" ||
      index.value("version", json()) != kVersion)
    return fail(Code::malformed, "[language] {}: not a compiled language model of version {}", path.string(), kVersion);
  KOINON_TRY(auto decode, load_program(path / "decode.koinon", index.value("decode", json())));
  std::optional<program::Program> prefill;
  if (!index.value("prefill", json()).is_null()) {
    KOINON_TRY(prefill, load_program(path / "prefill.koinon", index["prefill"]));
  }
  Folder out;
  KOINON_TRY(out.model, Model::from(std::move(decode), std::move(prefill)));
  KOINON_TRY(out.tokeniser_bytes, base::read_file(path / "tokeniser", 1 << 28));
  if (index.value("tokeniser", json()) != base::to_hex(base::keccak256(out.tokeniser_bytes)))
    return fail(Code::malformed, "[language] the tokeniser is not the one that model.json names");
  KOINON_TRY(out.tokeniser, read_tokeniser(out.tokeniser_bytes));
  for (const auto& end : index.value("ends", json::array())) {
    if (!end.is_number_unsigned() || end.get<std::uint64_t>() >= static_cast<std::uint64_t>(out.model.vocabulary()))
      return fail(Code::malformed, "[language] model.json: an end that is no token");
    out.ends.push_back(end.get<std::int64_t>());
  }
  return out;
}

base::Status Folder::save(const std::filesystem::path& path) const {
  KOINON_CHECK(base::make_folder(path));
  const bool prefill = model.programs.chunk > 1;
  KOINON_CHECK(base::write_file(path / "decode.koinon", program::encode(model.programs.decode)));
  if (prefill) KOINON_CHECK(base::write_file(path / "prefill.koinon", program::encode(model.programs.prefill)));
  KOINON_CHECK(base::write_file(path / "tokeniser", tokeniser_bytes));
  const json index = {{"format", "koinon.language"},
                      {"version", kVersion},
                      {"decode", base::to_hex(model.decode_id)},
                      {"prefill", prefill ? json(base::to_hex(model.prefill_id)) : json()},
                      {"tokeniser", base::to_hex(base::keccak256(tokeniser_bytes))},
                      {"ends", ends}};
  return base::write_file(path / "model.json", base::as_bytes(index.dump(1) + "\n"));
}

}  // namespace koinon::engine::language
