#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "node/config/config.hpp"

/// Whatever stands in the file, loading gives a configuration or an error that names the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int kFile = memfd_create("k.toml", 0);
  const auto path = "/proc/self/fd/" + std::to_string(kFile);
  if (ftruncate(kFile, 0) != 0 || pwrite(kFile, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
  const auto config = koinon::node::load_config({.file = path, .environment = {}, .flags = {}});
  if (!config && config.error().text.find(path) == std::string::npos && config.error().text.find("[config]") != 0) std::abort();
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  const std::string_view seed =
      "data = \"/tmp/x\"\n[http]\nlisten = \"127.0.0.1:1\"\n[provider]\nkinds = [\"inference\"]\nparallel = 2\nprice = "
      "\"0.5\"\n";
  return {{seed.begin(), seed.end()}};
}
