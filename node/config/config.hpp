#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/money.hpp"

namespace koinon::node {

struct ProviderConfig {
  std::vector<std::string> kinds{"inference"};  ///< of work that is sold
  /// Standing price of one order, in wei of the settlement token. Prices stand on a ladder of powers of two in quarters
  /// (0.001024, 0.00128, ...): another one is raised to the next.
  base::Wei price{1'024'000'000'000'000};
  base::Wei stake{};                                  ///< zero: what the market asks at least
  std::uint32_t stop_wait = 60;                       ///< seconds that a stop gives to the orders it is drawn for
  std::uint32_t parallel = 1;                         ///< orders worked on at once, 1 to 1024
  std::uint64_t max_spec = std::uint64_t{1} << 30;    ///< bytes of a program, or of what else says how, that is fetched
  std::uint64_t max_input = std::uint64_t{64} << 20;  ///< bytes of an input that is fetched
};

/// Whether a member of the network may be reached at a loopback, private or link-local address.
enum class PrivatePeers : std::uint8_t {
  automatic,  ///< on a local ledger, where all members are on this machine
  allowed,
  refused,
};

struct BuyerConfig {
  base::Wei max_price{};         ///< refuses to order above it; zero: no limit of its own
  std::string check = "quorum";  ///< by name; the node refuses to start with one that it does not know
};

struct WatchConfig {
  bool others = false;      ///< re-runs claims of optimistic orders that others bought, and disputes wrong ones
  base::Wei full_price{};   ///< orders of this price or more are all checked, cheaper ones in proportion; zero: all
  std::uint32_t depth = 0;  ///< blocks that hold a commitment before its proof is shown; 0: 2 on a local ledger, else 12
};

struct ServeConfig {
  base::Wei price{};                ///< of one call by a visitor; zero: visitors get no answers
  base::Wei token_price{};          ///< beside it, of each token of a text's prompt and of those that it asks for at most
  std::uint32_t confirmations = 1;  ///< blocks that hold a call's payment, its own included, before the answer leaves
};

/// What a node is told by its user. Defaults work for `koinon up` alone.
struct Config {
  std::filesystem::path data;               ///< folder of everything that the node keeps
  std::string http_address = "127.0.0.1";   ///< others can reach the node only when this is asked for, such as 0.0.0.0
  std::uint16_t http_port = 7070;           ///< 0: a free one
  std::string public_endpoint;              ///< URL under which others reach this node; empty: none
  std::uint32_t http_rate = 100;            ///< requests a second of one address, four seconds' worth at once; 0: any number
  std::vector<std::string> http_origins;    ///< sites whose pages may ask this node, beside its own: "https://app.example"
  std::uint32_t ledger_wait = 60;           ///< seconds that a first start waits for a ledger that does not answer
  std::string ledger_url;                   ///< empty: a local ledger that the node runs itself
  std::string ledger_listen = "127.0.0.1";  ///< address of a local ledger's RPC; beyond loopback it is shared, with its faucet
  std::uint16_t ledger_port = 0;            ///< of a local ledger; 0: a free one at first, the same one from then on
  std::filesystem::path deployment;         ///< file of the contracts' addresses; empty: the local ledger's own
  std::uint64_t artifact_quota = std::uint64_t{10} << 30;  ///< bytes
  std::uint32_t retention_hours = 24;  ///< that artifacts of an order are kept from eviction once it is final
  PrivatePeers private_peers = PrivatePeers::automatic;
  base::LogLevel log_level = base::LogLevel::info;
  std::filesystem::path keystore;       ///< folder; default: DATA/keystore
  std::filesystem::path password_file;  ///< default: DATA/password
  std::uint32_t account = 0;            ///< that the node acts for; 0: the one that its key opened
  ProviderConfig provider;
  BuyerConfig buyer;
  WatchConfig watch;
  ServeConfig serve;
};

/// Where values come from, the later before the earlier: defaults, file, environment, flags.
struct ConfigSources {
  std::filesystem::path file;                      ///< toml; empty: DATA/koinon.toml when it is there
  std::map<std::string, std::string> environment;  ///< HOME and KOINON_*
  std::map<std::string, std::string> flags;        ///< by key, such as {"http.listen", "0.0.0.0:7070"}
};

/// Errors: malformed (toml), invalid_argument (unknown key, bad value), not_found, io; the text names the file and line, the
/// variable or the flag.
base::Result<Config> load_config(const ConfigSources& sources);

/// HOME and the KOINON_* variables of this process.
std::map<std::string, std::string> process_environment();

/// Every key with its variable, default and meaning, as a Markdown table for the documentation.
std::string describe_config();

/// Reads "512", "10 MiB" or "2GiB" into bytes. Errors: malformed, out_of_range.
base::Result<std::uint64_t> parse_size(std::string_view text);

}  // namespace koinon::node
