#include "node/backup/manifest.hpp"

#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace koinon::node {
namespace {

using base::Code;
using base::fail;
using nlohmann::json;

/// Of a manifest of 256 MiB, which names more than a million files.
constexpr std::uint64_t kMostMemory = std::uint64_t{3} << 30;

/// A path below the folder, in its only writing: no empty part, "." or "..", nothing absolute, no control character.
bool is_below(std::string_view path) {
  if (path.empty() || path.size() > 1024 || path == BackupManifest::kName) return false;
  for (std::string_view rest = path;;) {
    const auto cut = rest.find('/');
    const auto part = rest.substr(0, cut);
    if (part.empty() || part == "." || part == "..") return false;
    for (const char c : part)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\') return false;
    if (cut == std::string_view::npos) return true;
    rest.remove_prefix(cut + 1);
  }
}

base::Result<BackupFile> file_of(const json& value) {
  const auto text = [&](const char* key) { return value.contains(key) && value[key].is_string(); };
  const auto number = [&](const char* key) { return value.contains(key) && value[key].is_number_unsigned(); };
  if (!value.is_object() || value.size() != 4 || !text("path") || !text("sha256") || !number("size") || !number("mode"))
    return fail(Code::malformed, "[backup] a file is named by path, size, mode and sha256, and by nothing else");
  BackupFile out;
  out.path = value["path"].get<std::string>();
  if (!is_below(out.path)) return fail(Code::malformed, "[backup] a path below the folder expected, got one that is none");
  out.size = value["size"].get<std::uint64_t>();
  const auto mode = value["mode"].get<std::uint64_t>();
  if (mode > 0777) return fail(Code::malformed, "[backup] {}: permissions up to 0777 expected", out.path);
  out.mode = static_cast<std::uint32_t>(mode);
  KOINON_TRY(out.sha256, base::fixed_from_hex<32>(value["sha256"].get<std::string>()));
  return out;
}

}  // namespace

std::uint64_t BackupManifest::bytes() const {
  std::uint64_t out = 0;
  for (const auto& file : files) out += file.size;
  return out;
}

std::string BackupManifest::to_json() const {
  json list = json::array();
  for (const auto& file : files)
    list.push_back({{"path", file.path}, {"size", file.size}, {"mode", file.mode}, {"sha256", base::to_hex(file.sha256)}});
  return json{{"format", kFormat}, {"made_ms", made_ms}, {"files", list}}.dump(1) + "\n";
}

base::Result<BackupManifest> BackupManifest::from_json(std::string_view text) {
  base::JsonLimits limits;
  limits.memory = kMostMemory;
  KOINON_TRY(const auto value, base::read_json(text, limits));
  if (!value.is_object() || !value.contains("format") || !value["format"].is_number_integer() || !value.contains("made_ms") ||
      !value["made_ms"].is_number_integer() || !value.contains("files") || !value["files"].is_array() || value.size() != 3)
    return fail(Code::malformed, "[backup] {}: format, made_ms and files expected", kName);
  if (value["format"] != kFormat)
    return fail(Code::unsupported, "[backup] format {}, this program knows {}: use the newer program", value["format"].dump(),
                kFormat);
  BackupManifest out;
  out.made_ms = value["made_ms"].get<std::int64_t>();
  for (const auto& one : value["files"]) {
    KOINON_TRY(auto file, file_of(one));
    if (!out.files.empty() && out.files.back().path >= file.path)
      return fail(Code::malformed, "[backup] {} stands out of order, or twice", file.path);
    out.files.push_back(std::move(file));
  }
  return out;
}

}  // namespace koinon::node
