#include "node/config/config.hpp"

#include <unistd.h>

#include <sstream>

#include "base/file.hpp"
#include "base/toml.hpp"
#include "node/config/fields.hpp"

namespace koinon::node {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr std::uint64_t kMaxFile = 1u << 20;

/// A toml value as the text that a flag would have. Empty when it is none that a field takes.
std::optional<std::string> plain(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* whole = node.as_integer()) return std::to_string(whole->get());
  if (const auto* array = node.as_array()) {
    std::string out;
    for (const auto& item : *array) {
      const auto* text = item.as_string();
      if (!text) return std::nullopt;
      out += (out.empty() ? "" : ",") + text->get();
    }
    return out;
  }
  return std::nullopt;
}

std::string known_keys() {
  std::string out;
  for (const auto& field : config_fields()) out += fmt::format("{}{}", out.empty() ? "" : ", ", field.key);
  return out;
}

Status apply(Config& config, std::string_view key, std::string_view value, const std::string& origin) {
  const auto* field = find_config_field(key);
  if (!field)
    return base::fail(Code::invalid_argument, "[config] {}: unknown key '{}'; known are {}", origin, key, known_keys());
  if (auto set = field->set(config, value); !set)
    return base::fail(Code::invalid_argument, "[config] {}: {}: {}", origin, key, set.error().text);
  return {};
}

Status apply_table(Config& config, const toml::table& table, const std::string& prefix, const std::string& file) {
  for (const auto& [name, node] : table) {
    const auto key = prefix.empty() ? std::string(name.str()) : prefix + "." + std::string(name.str());
    const auto origin = fmt::format("{} line {}", file, node.source().begin.line);
    if (const auto* inner = node.as_table()) {
      KOINON_CHECK(apply_table(config, *inner, key, file));
      continue;
    }
    const auto value = plain(node);
    if (!find_config_field(key)) KOINON_CHECK(apply(config, key, "", origin));
    if (!value)
      return base::fail(Code::invalid_argument, "[config] {}: {}: a text, a whole number or a list of texts expected", origin,
                        key);
    KOINON_CHECK(apply(config, key, *value, origin));
  }
  return {};
}

Status apply_file(Config& config, const std::filesystem::path& path) {
  KOINON_TRY(const auto bytes, base::read_file(path, kMaxFile));
  try {
    const auto table = toml::parse(base::as_text(bytes), path.string());
    return apply_table(config, table, "", path.string());
  } catch (const toml::parse_error& e) {
    return base::fail(Code::malformed, "[config] {} line {}: {}", path.string(), e.source().begin.line, e.description());
  } catch (const std::exception& e) {
    return base::fail(Code::malformed, "[config] {}: {}", path.string(), e.what());
  }
}

Status apply_environment(Config& config, const std::map<std::string, std::string>& environment) {
  // Other KOINON_ variables belong to tools and tests, so that an unknown one is no error here.
  for (const auto& field : config_fields())
    if (const auto at = environment.find(field.variable()); at != environment.end())
      KOINON_CHECK(apply(config, field.key, at->second, at->first));
  return {};
}

Status apply_flags(Config& config, const std::map<std::string, std::string>& flags) {
  for (const auto& [key, value] : flags) KOINON_CHECK(apply(config, key, value, "--" + key));
  return {};
}

std::filesystem::path default_data(const std::map<std::string, std::string>& environment) {
  const auto home = environment.find("HOME");
  return home != environment.end() && !home->second.empty() ? std::filesystem::path(home->second) / ".koinon" : ".koinon";
}

}  // namespace

Result<Config> load_config(const ConfigSources& sources) {
  Config config;
  config.data = default_data(sources.environment);
  // The data folder decides where the file is, so it is read first from what stands above the file.
  Config above = config;
  KOINON_CHECK(apply_environment(above, sources.environment));
  KOINON_CHECK(apply_flags(above, sources.flags));
  const auto file = sources.file.empty() ? above.data / "koinon.toml" : sources.file;
  if (auto read = apply_file(config, file); !read && (!sources.file.empty() || read.error().code != Code::not_found))
    return base::fail(std::move(read).error());
  KOINON_CHECK(apply_environment(config, sources.environment));
  KOINON_CHECK(apply_flags(config, sources.flags));
  if (config.data.empty()) return base::fail(Code::invalid_argument, "[config] data: a folder expected");
  if (config.keystore.empty()) config.keystore = config.data / "keystore";
  if (config.password_file.empty()) config.password_file = config.data / "password";
  return config;
}

std::map<std::string, std::string> process_environment() {
  std::map<std::string, std::string> out;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    const auto name = text.substr(0, equals);
    if (name == "HOME" || name.starts_with("KOINON_")) out.emplace(name, text.substr(equals + 1));
  }
  return out;
}

std::string describe_config() {
  std::string out = "| key | variable | default | meaning |\n|---|---|---|---|\n";
  for (const auto& field : config_fields())
    out += fmt::format("| `{}` | `{}` | {} | {} |\n", field.key, field.variable(),
                       *field.fallback ? fmt::format("`{}`", field.fallback) : "", field.meaning);
  return out;
}

}  // namespace koinon::node
