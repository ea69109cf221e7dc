#pragma once
#include <nlohmann/json_fwd.hpp>

#include "base/file.hpp"
#include "net/http_client.hpp"
#include "test/e2e/model.hpp"
#include "test/process/process.hpp"

namespace koinon::test::life {

/// Real processes, `koinon up` and `koinon provide`, that start, wait and stop as people make them.
class Village {
 public:
  struct Host {
    std::string name;
    std::uint16_t port = 0;
    process::Process process;
    [[nodiscard]] std::string url() const { return fmt::format("http://127.0.0.1:{}", port); }
  };
  using Variables = std::map<std::string, std::string>;

  /// Starts "up" or "provide" (`ledger` is then the URL of a node), and returns without waiting for it.
  Host launch(const std::string& name, std::uint16_t port, const std::string& ledger = {}, const Variables& variables = {},
              std::vector<std::string> more = {});
  /// Waits until it says that it is up. Errors: timeout; io when it ended instead.
  static base::Status await_up(Host& host, std::int64_t timeout_ms = 120'000);
  /// A whole answer, or null when there is none. With `token` as the owner of `host`'s folder.
  nlohmann::json get(const Host& host, const std::string& path);
  net::HttpResponse post(const Host& host, const std::string& path, std::string body, const std::string& type,
                         const std::string& repeat_key = {});
  /// Gives the model to the buyer's node.
  void upload(const Host& buyer);
  /// The body of an order of input number `input`.
  [[nodiscard]] std::string order_body(std::uint64_t input) const;
  /// Everything that the process wrote to stderr.
  [[nodiscard]] std::string log(const Host& host) const;
  [[nodiscard]] std::filesystem::path data(const std::string& name) const { return folder_.path() / name; }

 private:
  base::TempFolder folder_;
  net::HttpClient http_{{.timeout_ms = 30'000}};
  e2e::Model model_ = e2e::small_model();
};

/// A port that was free a moment ago.
std::uint16_t free_port();

}  // namespace koinon::test::life
