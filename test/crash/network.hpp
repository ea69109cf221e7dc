#pragma once
#include <random>

#include "base/file.hpp"
#include "net/http_client.hpp"
#include "test/e2e/model.hpp"
#include "test/process/process.hpp"

namespace koinon::test::crash {

/// A market of real processes, `koinon up` and `koinon provide`, that is killed at random and started again.
class Network {
 public:
  /// `seed` decides who is killed when.
  explicit Network(std::uint64_t seed);

  /// Starts all, and gives the buyer's node the model. Errors: those of Process; timeout.
  base::Status start(int providers);
  /// Places orders all the while, and kills `times` at random moments: the node with the ledger, its chain, or a provider; each
  /// is started again before the next is killed.
  base::Status torment(int times);
  /// Waits until every order is over. Errors: timeout, naming those that are not.
  base::Status settle(std::int64_t timeout_ms);
  /// What nothing may have been lost of, as failures of the test: every order that was acknowledged is on the ledger and over,
  /// right results are paid, nobody was slashed, and all balances add up.
  void expect_nothing_lost();

 private:
  struct Host {
    std::string name;
    std::uint16_t port = 0;
    std::optional<process::Process> process;
  };
  base::Status launch(Host& host);
  base::Result<std::string> place(std::uint64_t input);
  base::Result<std::string> post(const std::string& path, std::string body, const std::string& type);
  pid_t chain_pid() const;
  std::uint64_t dice(std::uint64_t below) { return random_() % below; }

  base::TempFolder folder_;
  std::mt19937_64 random_;
  net::HttpClient http_;
  e2e::Model model_ = e2e::small_model();
  Host buyer_;
  std::string url_;  ///< of the buyer's node; the same after every restart
  std::vector<Host> providers_;
  std::map<std::string, std::uint64_t> acknowledged_;  ///< order by its input
};

}  // namespace koinon::test::crash
