#include <cstdlib>

#include "base/file.hpp"
#include "node/config/config.hpp"

/// Whatever stands in the file, loading gives a configuration or an error that names the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const koinon::base::TempFolder kFolder;
  const auto path = kFolder.path() / "k.toml";
  if (auto* file = std::fopen(path.c_str(), "wb")) {
    std::fwrite(data, 1, size, file);
    std::fclose(file);
  }
  const auto config = koinon::node::load_config({.file = path, .environment = {}, .flags = {}});
  if (!config && config.error().text.find("k.toml") == std::string::npos && config.error().text.find("[config]") != 0)
    std::abort();
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  const std::string_view seed =
      "data = \"/tmp/x\"\n[http]\nlisten = \"127.0.0.1:1\"\n[provider]\nkinds = [\"inference\"]\nparallel = 2\nprice = "
      "\"0.5\"\n";
  return {{seed.begin(), seed.end()}};
}
