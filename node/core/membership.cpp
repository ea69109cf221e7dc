#include "node/core/membership.hpp"

#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "node/core/front.hpp"

namespace koinon::node {
namespace {

using base::Address;
using base::Code;
using base::fail;
using base::Result;
using base::Status;
using base::Wei;
using nlohmann::json;

constexpr int kFaucetCalls = 60;
constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::string_view kPortKey = "ledger/port";

const Wei& most_tokens() {
  static const auto kMost = Wei::parse_tokens("1000000").value();
  return kMost;
}

Result<LedgerAccess> start_local(const NodeOptions& options, Store& store, std::uint16_t http_port) {
  LedgerAccess out;
  ledger::local::LocalLedgerOptions local;
  local.folder = options.config.data / "ledger";
  local.block_ms = options.block_ms;
  local.address = options.config.ledger_listen;
  local.site = ledger_site_of(options.config, http_port);
  // The same port after a restart, so that those who joined find the ledger again.
  KOINON_TRY(const auto port, store.settings.get(kPortKey));
  local.port = options.config.ledger_port;
  if (port && local.port == 0) local.port = static_cast<std::uint16_t>(std::strtoul(port->c_str(), nullptr, 10));
  auto started = ledger::local::LocalLedger::start(local);
  if (!started && local.port != 0 && options.config.ledger_port == 0 && started.error().code == Code::io) {
    base::log_warn("port {} of the ledger is taken; using another one", local.port);
    local.port = 0;
    started = ledger::local::LocalLedger::start(local);
  }
  if (!started) return fail(std::move(started).error().within("[local ledger]"));
  out.local = *std::move(started);
  out.rpc_url = out.local->url();
  out.is_local = true;
  const auto taken = out.rpc_url.substr(out.rpc_url.rfind(':') + 1);
  KOINON_CHECK(store.settings.set(kPortKey, taken));
  if (local.address == "0.0.0.0") out.rpc_url = "http://127.0.0.1:" + taken;
  const auto file = options.config.data / "deployment.json";
  if (std::filesystem::exists(file)) {
    KOINON_TRY(out.deployment, ledger::Deployment::load(file));
  }
  return out;
}

/// What GET /api/v1/deployment of a Koinon node says, or nothing when the URL is no Koinon node.
Result<std::optional<LedgerAccess>> ask_node(const std::string& url, net::HttpClient& http) {
  const auto answer = http.get(url + "/api/v1/deployment");
  if (!answer) return fail(Code::network, "[ledger] {} does not answer: {}", url, answer.error().text);
  if (answer->status == 503)
    return fail(Code::network, "[ledger] {} is not ready: {}", url, answer->body_text().substr(0, 200));
  if (answer->status != 200) return std::optional<LedgerAccess>{};
  const auto parsed = base::parse_json(answer->body_text());
  if (!parsed.is_object() || !parsed.contains("rpc_url") || !parsed["rpc_url"].is_string() || !parsed.contains("deployment"))
    return std::optional<LedgerAccess>{};
  LedgerAccess out;
  out.rpc_url = parsed["rpc_url"].get<std::string>();
  out.node_url = url;
  out.is_local = parsed.contains("local") && parsed["local"].is_boolean() && parsed["local"].get<bool>();
  KOINON_TRY(out.deployment, ledger::Deployment::from_json(parsed["deployment"].dump()));
  return std::optional<LedgerAccess>(std::move(out));
}

}  // namespace

Result<LedgerAccess> reach_ledger(const NodeOptions& options, Store& store, net::HttpClient& http, std::uint16_t http_port) {
  const auto& config = options.config;
  if (config.ledger_url.empty()) return start_local(options, store, http_port);
  if (config.deployment.empty()) {
    auto url = config.ledger_url;
    while (url.ends_with('/')) url.pop_back();
    KOINON_TRY(auto found, ask_node(url, http));
    if (found) return *std::move(found);
    return fail(Code::not_found,
                "[ledger] {} is no Koinon node; for another Ethereum network give the file of its contracts with --deployment",
                config.ledger_url);
  }
  LedgerAccess out;
  out.rpc_url = config.ledger_url;
  KOINON_TRY(out.deployment, ledger::Deployment::load(config.deployment));
  return out;
}

Result<std::unique_ptr<Faucet>> Faucet::open(ledger::local::LocalLedger& local, ledger::Rpc& rpc, Store& store,
                                             const base::Clock& clock) {
  ledger::TxOptions options;
  options.poll_ms = 50;
  KOINON_TRY(auto sender, ledger::TxSender::start(rpc, local.faucet(), store.pending, clock, options));
  return std::unique_ptr<Faucet>(new Faucet(rpc, clock, std::move(sender)));
}

Result<ledger::Deployment> Faucet::deploy(const market::MarketConfig& config, const std::vector<market::ExtraCheck>& checks) {
  // Contracts are told each other's addresses by nonce: what a killed start left behind must be in a block before.
  const auto until = clock_.now_ms() + kMinuteMs;
  while (sender_->in_flight() != 0) {
    if (clock_.now_ms() > until) return fail(Code::timeout, "[local ledger] transactions of an earlier run stay pending");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return market::deploy_market(rpc_, *sender_, config, {}, checks);
}

Status Faucet::fund(const Address& token, const Address& to, const Wei& tokens) {
  if (tokens > most_tokens())
    return fail(Code::out_of_range, "[faucet] {} tokens: at most {} at once", tokens.tokens(), most_tokens().tokens());
  {
    const std::lock_guard lock(mutex_);
    const auto now = clock_.now_ms();
    if (now - window_start_ms_ >= kMinuteMs) {
      window_start_ms_ = now;
      calls_ = 0;
    }
    if (++calls_ > kFaucetCalls) return fail(Code::exhausted, "[faucet] more than {} calls a minute", kFaucetCalls);
  }
  KOINON_TRY(const auto coins, rpc_.balance(to));
  static const auto kOne = Wei::parse_tokens("1").value();
  if (coins < kOne) {
    ledger::TxRequest request;
    request.to = to;
    KOINON_TRY(request.value, kOne.times(10));
    request.label = "faucet";
    KOINON_TRY([[maybe_unused]] const auto receipt, sender_->send(request));
  }
  if (tokens.is_zero()) return {};
  market::Accounts accounts(rpc_, *sender_, {token, {}, {}});
  return accounts.send_tokens(to, tokens);
}

Status ask_faucet(net::HttpClient& http, const std::string& node_url, const Address& to, const Wei& tokens) {
  const json body = {{"address", base::to_hex(to)}, {"tokens", tokens.text()}};
  KOINON_TRY(const auto answer, http.post(node_url + "/api/v1/faucet", body.dump()));
  if (answer.status / 100 != 2)
    return fail(Code::ledger, "[faucet] {} answered {}: {}", node_url, answer.status, answer.body_text().substr(0, 200));
  return {};
}

Result<market::BoxPair> box_of(const ledger::Key& key) {
  auto secret = base::keccak256({base::as_bytes("koinon.box"), key.secret()});
  auto out = market::BoxPair::from_secret(secret.view());
  base::wipe(secret.bytes);
  return out;
}

Result<std::string> token_in(const std::filesystem::path& data, base::Random& random) {
  const auto file = data / "token";
  if (const auto kept = base::read_file(file, 1024)) {
    std::string text(base::as_text(*kept));
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    if (text.size() < 32) return fail(Code::malformed, "[token] {} is too short: remove it to make a new one", file.string());
    return text;
  }
  const auto text = base::to_hex(random.hash()).substr(2);
  KOINON_CHECK(base::write_file(file, base::as_bytes(text + "\n"), 0600));
  return text;
}

}  // namespace koinon::node
