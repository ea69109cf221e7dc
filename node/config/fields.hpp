#pragma once
#include <span>

#include "node/config/config.hpp"

namespace koinon::node {

/// One key of the configuration: everything that is known about it stands in one row.
struct ConfigField {
  const char* key;       ///< in toml: section.name
  const char* fallback;  ///< as the documentation shows the default
  const char* meaning;
  base::Status (*set)(Config& config, std::string_view value);

  /// KOINON_HTTP_LISTEN for http.listen.
  [[nodiscard]] std::string variable() const;
};

std::span<const ConfigField> config_fields();

/// Null when there is no such key.
const ConfigField* find_config_field(std::string_view key);

}  // namespace koinon::node
