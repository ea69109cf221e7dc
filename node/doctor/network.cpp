#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "ledger/deployment.hpp"
#include "ledger/keystore.hpp"
#include "ledger/local/anvil.hpp"
#include "ledger/local/local_ledger.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/url.hpp"
#include "node/config/address_file.hpp"
#include "node/doctor/doctor.hpp"

namespace koinon::node {
namespace {

using base::Result;

constexpr std::int64_t kPatienceMs = 5'000;
constexpr std::int64_t kOldBlockMs = 15 * 60'000;

/// The ledger that the configuration names, as far as it answers.
struct Ledger {
  std::string url;
  std::optional<ledger::Deployment> deployment;
  std::unique_ptr<ledger::Rpc> rpc;
  ledger::BlockHeader head;
  std::uint64_t chain = 0;
};

/// The answer of a Koinon node there, or nothing.
std::optional<nlohmann::json> ask(const std::string& url, const std::string& path) {
  net::HttpClient http({.timeout_ms = kPatienceMs});
  const auto answer = http.get(url + path);
  if (!answer || answer->status != 200) return std::nullopt;
  auto parsed = base::parse_json(answer->body_text());
  if (!parsed.is_object()) return std::nullopt;
  return parsed;
}

/// True when a Koinon node answers there: its description is for everybody.
bool is_node(const std::string& url) {
  const auto api = ask(url, "/openapi.json");
  if (!api || !api->contains("info") || !(*api)["info"].is_object()) return false;
  const auto& info = (*api)["info"];
  return info.contains("title") && info["title"].is_string() && info["title"].get<std::string>().starts_with("Koinon");
}

Result<Ledger> reach(const Config& config) {
  Ledger out;
  out.url = config.ledger_url;
  while (out.url.ends_with('/')) out.url.pop_back();
  if (!config.deployment.empty()) {
    KOINON_TRY(out.deployment, ledger::Deployment::load(config.deployment));
  } else if (const auto node = ask(out.url, "/api/v1/deployment");
             node && node->contains("rpc_url") && (*node)["rpc_url"].is_string() && node->contains("deployment")) {
    out.url = (*node)["rpc_url"].get<std::string>();
    KOINON_TRY(out.deployment, ledger::Deployment::from_json((*node)["deployment"].dump()));
  }
  KOINON_TRY(out.rpc, ledger::Rpc::open(out.url, {.timeout_ms = kPatienceMs, .retries = 1}));
  KOINON_TRY(out.chain, out.rpc->chain_id());
  KOINON_TRY(out.head, out.rpc->block());
  return out;
}

Finding local_ledger(const Config& config) {
  const auto anvil = ledger::local::find_anvil({});
  if (!anvil) return {Health::bad, "ledger", anvil.error().text, "or join a ledger elsewhere with --ledger URL"};
  std::error_code error;
  const bool known = std::filesystem::exists(config.data / "ledger", error);
  return {Health::good,
          "ledger",
          fmt::format("a local one of its own{}, by {}", known ? "" : ", made at the first start", anvil->string()),
          {}};
}

Finding about_head(const Ledger& ledger, std::int64_t now_ms) {
  const auto age = now_ms - static_cast<std::int64_t>(ledger.head.timestamp) * 1000;
  Finding out{Health::good,
              "ledger",
              fmt::format("{}, chain {}, block {}, {:.0f} s old", ledger.url, ledger.chain, ledger.head.number,
                          static_cast<double>(std::max<std::int64_t>(age, 0)) / 1000),
              {}};
  if (age > kOldBlockMs) {
    out.health = Health::warning;
    out.next = "its newest block is old: the server may lag behind its network; try another one";
  }
  return out;
}

Finding about_contracts(const Ledger& ledger) {
  if (!ledger.deployment)
    return {Health::bad, "contracts", fmt::format("{} is no Koinon node and does not say where the contracts are", ledger.url),
            "give the file of the contracts' addresses with --deployment"};
  if (const auto good = ledger.deployment->verify(*ledger.rpc); !good)
    return {Health::bad, "contracts", good.error().text,
            "the deployment file belongs to another chain or version: ask who gave it for the right one"};
  return {Health::good,
          "contracts",
          fmt::format("version {}, {} of them stand as the deployment says", ledger.deployment->version,
                      ledger.deployment->contracts.size()),
          {}};
}

/// Coins for gas at the operator's address.
std::optional<Finding> about_coins(const Config& config, const Ledger& ledger) {
  const auto sealed = base::read_file(config.keystore / "operator.json");
  if (!sealed) return std::nullopt;
  const auto address = ledger::keystore_address(base::as_text(*sealed));
  if (!address) return std::nullopt;
  const auto coins = ledger.rpc->balance(*address);
  if (!coins) return Finding{Health::warning, "gas", coins.error().text, {}};
  const auto text = fmt::format("{} has {} coins", ledger::checksum_address(*address), coins->tokens());
  if (coins->is_zero())
    return Finding{Health::bad, "gas", text,
                   "send some coins of this chain to that address: each transaction needs a little for gas"};
  return Finding{Health::good, "gas", text, {}};
}

/// URL at this machine of the address that the configuration names; empty: any free port.
std::string configured_url(const Config& config) {
  if (config.http_port == 0) return {};
  const auto host = config.http_address == "0.0.0.0" || config.http_address == "::" ? "127.0.0.1" : config.http_address;
  return fmt::format("http://{}:{}", host, config.http_port);
}

/// Where the node of this folder answers now, whatever address is configured; empty: it does not.
std::string running_url(const Config& config) {
  constexpr std::size_t kMostUrl = 300;
  const auto said = base::read_file(config.data / kAddressFile);
  if (!said || said->size() > kMostUrl) return {};
  std::string url(base::as_text(*said));
  const auto parsed = net::Url::parse(url);
  if (!parsed) return {};
  if (parsed->host == "0.0.0.0" || parsed->host == "::") url = fmt::format("http://127.0.0.1:{}", parsed->port);
  return is_node(url) ? url : std::string();
}

/// Whether the account of a watching node that is up can pay for a dispute.
std::optional<Finding> about_watching(const Config& config) {
  auto url = running_url(config);
  if (url.empty()) url = configured_url(config);
  if (url.empty()) return std::nullopt;
  const auto watch = ask(url, "/api/v1/watch");
  if (!watch || !watch->contains("watching") || (*watch)["watching"] != true) return std::nullopt;
  const auto amount = [&](const char* key) {
    const auto at = watch->find(key);
    const auto read =
        at != watch->end() && at->is_string() ? base::Wei::parse(at->get<std::string>()) : Result<base::Wei>(base::Wei{});
    return read ? *read : base::Wei{};
  };
  const auto free = amount("free"), fees = amount("fees");
  const auto text = fmt::format("{} tokens are free, a dispute may hold {}", free.tokens(), fees.tokens());
  if (free >= fees) return Finding{Health::good, "watching", text, {}};
  return Finding{Health::bad, "watching", text,
                 "deposit more (koinon account deposit): until then a claim whose provider shows nothing is paid undisputed"};
}

Finding about_endpoint(const Config& config) {
  if (config.public_endpoint.empty())
    return {Health::warning, "reachable", "no address is given under which others fetch results from this machine",
            "koinon provide --http 0.0.0.0:7070 --public http://THIS-MACHINE:7070, with that port open in the firewall"};
  if (is_node(config.public_endpoint))
    return {Health::good, "reachable", fmt::format("a node answers at {}", config.public_endpoint), {}};
  return {Health::warning, "reachable", fmt::format("nothing answers at {} now", config.public_endpoint),
          "if the node is up, open the port in the firewall and check the name; else start it and ask again"};
}

}  // namespace

Finding examine_address(const Config& config) {
  if (const auto url = running_url(config); !url.empty())
    return {Health::good, "address", fmt::format("the node of this folder is up at {}", url), {}};
  const auto where = fmt::format("{}:{}", config.http_address, config.http_port);
  if (config.http_port == 0) return {Health::good, "address", fmt::format("{}: a free port at each start", where), {}};
  net::ServerOptions probe;
  probe.address = config.http_address;
  probe.port = config.http_port;
  const auto free = net::HttpServer::start({}, probe);
  if (free) return {Health::good, "address", fmt::format("{} is free", where), {}};
  if (is_node(configured_url(config))) return {Health::good, "address", fmt::format("a Koinon node is up at {}", where), {}};
  return {Health::bad, "address", free.error().text,
          "stop the program that has it, or choose another with --http 127.0.0.1:PORT"};
}

std::vector<Finding> examine(const Config& config, const Examination& about) {
  std::vector<Finding> out{examine_machine(),          examine_folder(config.data, config.artifact_quota),
                           examine_state(config.data), examine_secret("password", config.password_file),
                           examine_key(config),        examine_secret("token", config.data / "token"),
                           examine_address(config)};
  const auto now = base::SystemClock().now_ms();
  std::int64_t ledger_ms = 0;
  if (config.ledger_url.empty()) {
    out.push_back(local_ledger(config));
  } else if (const auto ledger = reach(config); !ledger) {
    out.push_back({Health::bad, "ledger", ledger.error().text,
                   "is the URL right, and is the server up? A node waits for it while it is down"});
  } else {
    ledger_ms = static_cast<std::int64_t>(ledger->head.timestamp) * 1000;
    out.push_back(about_head(*ledger, now));
    out.push_back(about_contracts(*ledger));
    if (auto coins = about_coins(config, *ledger)) out.push_back(*std::move(coins));
  }
  out.push_back(examine_clock(now, ledger_ms));
  if (auto watching = about_watching(config)) out.push_back(*std::move(watching));
  if (about.provides) out.push_back(about_endpoint(config));
  out.push_back(about.page.empty()
                    ? Finding{Health::warning, "page", "not built", "koinon up works without it; ./dev build makes it"}
                    : Finding{Health::good, "page", about.page.string(), {}});
  return out;
}

}  // namespace koinon::node
