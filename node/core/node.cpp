#include "node/node.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <mutex>
#include <thread>

#include "base/file.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "ledger/keystore.hpp"
#include "market/actor/proofs.hpp"
#include "node/config/address_file.hpp"
#include "node/core/adapters.hpp"
#include "node/core/farewell.hpp"
#include "node/core/front.hpp"
#include "node/core/membership.hpp"
#include "node/core/own_account.hpp"
#include "trust/quorum/proof_check.hpp"

namespace koinon::node {
namespace {

using base::Address;
using base::Code;
using base::fail;
using base::Result;
using base::Status;
using base::Wei;

constexpr std::int64_t kFirstPauseMs = 250;  ///< between two attempts to reach a ledger; doubled up to the longest
constexpr std::int64_t kLongestPauseMs = 5'000;
/// Requests served at once. A run that is bought through the Open Inference Protocol holds one until its result is there.
constexpr std::size_t kHandlers = 48;
constexpr std::uint64_t kMaxBodies = std::uint64_t{768} << 20;  ///< bytes: one model of the largest size, and some orders
constexpr std::uint64_t kWorkingBalance = 1'000;                ///< tokens that a new account gets on a local ledger

/// GET /artifacts/{cid}: what every node serves, with or without an API.
void serve_artifacts(net::Router& router, Artifacts& artifacts) {
  router.get<base::Cid>("/artifacts/{cid}",
                        [&artifacts](const net::HttpRequest&, const base::Cid& cid) -> Result<net::HttpResponse> {
                          KOINON_TRY(const auto blob, artifacts.blob(cid));
                          auto response = net::HttpResponse::text(200, std::string(base::as_text(blob)));
                          response.headers.set("content-type", "application/octet-stream");
                          return response;
                        });
}

/// What the data folder says about where its node is up, while it is.
class AddressFile {
 public:
  AddressFile(const std::filesystem::path& data, const std::string& url) : file_(data / kAddressFile) {
    if (const auto told = base::write_file(file_, base::as_bytes(url), 0600); !told) base::log_warn("{}", told.error().text);
  }
  ~AddressFile() {
    std::error_code gone;
    std::filesystem::remove(file_, gone);
  }
  AddressFile(const AddressFile&) = delete;
  AddressFile& operator=(const AddressFile&) = delete;

 private:
  const std::filesystem::path file_;
};

}  // namespace

/// Members in the order of construction: each uses those above it, and they go in reverse.
struct Node::State {
  explicit State(NodeOptions options_in) : options(std::move(options_in)), pool(0) {}

  NodeOptions options;
  base::SystemClock clock;
  base::SystemRandom random;
  base::ThreadPool pool;
  net::HttpClient http;                        ///< for whom the user named
  std::unique_ptr<net::HttpClient> peer_http;  ///< for whom strangers named
  std::unique_ptr<Store> store;
  std::unique_ptr<Artifacts> artifacts;
  std::string token;
  std::optional<ledger::Key> key;
  std::optional<market::BoxPair> box;
  LedgerAccess access;
  std::unique_ptr<ledger::Rpc> rpc;
  std::unique_ptr<Faucet> faucet;
  ledger::Deployment deployment;
  market::MarketAddresses addresses;
  std::unique_ptr<AddressFile> address_file;
  base::Wei least_stake;  ///< Registry.minStake
  std::unique_ptr<ledger::TxSender> sender;
  std::unique_ptr<market::MarketLedger> market;
  std::unique_ptr<market::DisputeLedger> disputes;  ///< of a market that has the optimistic check
  std::unique_ptr<market::ProofLedger> proofs;      ///< of a market that has the check by proof
  std::unique_ptr<market::Accounts> accounts;
  std::optional<OwnAccount> own;
  std::unique_ptr<StoredEvents> events;
  std::unique_ptr<StoredNotes> notes;
  std::unique_ptr<OrderArtifacts> order_artifacts;
  std::unique_ptr<PeerFetcher> fetcher;
  std::unique_ptr<PeerTraces> traces;
  market::Services services;
  std::unique_ptr<market::Sync> sync;
  std::unique_ptr<market::Actor> actor;
  std::unique_ptr<market::Watcher> watcher;
  Waiting waiting;
  std::unique_ptr<net::HttpServer> server;
  std::int64_t started_ms = 0;
  std::atomic<bool> stopping{false};

  Status listen();
  Status open_folder();
  Status patiently(const std::function<Status()>& step);
  void leave_ledger();
  Farewell farewell();
  Status open_ledger();
  Status open_account();
  Status make_actor();
  Status start_actor();
  Status fund(const Address& to, const Wei& tokens);
  void conclude(const std::vector<std::uint64_t>& orders);
  void issue_receipt(const market::OrderView& order, const market::Parties& parties);
  void release_artifacts(const market::OrderView& order);
};

/// As many open files as this process may have: each connection is one, and systems give few unless asked.
void allow_descriptors() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max) return;
  files.rlim_cur = files.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &files) != 0) base::log_warn("[node] {} open files at most", files.rlim_cur);
}

/// Before anything is made, so that a taken address leaves nothing behind.
Status Node::State::listen() {
  const auto& config = options.config;
  if (config.ledger_url.empty()) {
    // The ledger's port is chosen later; whether its address is ours is known now.
    net::ServerOptions probe;
    probe.address = config.ledger_listen;
    if (const auto ours = net::HttpServer::start({}, probe); !ours)
      return fail(base::Error(ours.error()).within("[local ledger]"));
  }
  net::ServerOptions http_options;
  http_options.address = config.http_address;
  http_options.port = config.http_port;
  http_options.max_bodies = kMaxBodies;
  http_options.handler_threads = kHandlers;
  http_options.requests_per_s = config.http_rate;
  http_options.behind_proxy = !config.public_endpoint.empty();
  allow_descriptors();
  auto started = net::HttpServer::start(waiting_routes(config, waiting), http_options);
  if (!started) return fail(std::move(started).error().within("[http]"));
  server = *std::move(started);
  return {};
}

/// Tries a step that needs a ledger elsewhere until it answers. Errors: those of the step that waiting does not mend; the last
/// one, when this folder never worked on that ledger and ledger.wait is over; cancelled.
Status Node::State::patiently(const std::function<Status()>& step) {
  const auto& config = options.config;
  const auto began = clock.now_ms();
  KOINON_TRY(const auto known, store->settings.get("ledger/joined/" + config.ledger_url));
  auto pause = kFirstPauseMs;
  for (bool told = false;; told = true) {
    auto done = step();
    if (done || config.ledger_url.empty()) return done;
    // `exhausted`: it answers, and asks for patience, as a local ledger does while its chain starts again.
    if (const auto code = done.error().code; code != Code::network && code != Code::timeout && code != Code::exhausted)
      return done;
    const auto waited = clock.now_ms() - began;
    if (!known && waited >= std::int64_t{config.ledger_wait} * 1000)
      return fail(std::move(done).error().within(fmt::format(
          "[ledger] {} did not answer for {} s, and this folder never worked on it; is the address right? ledger.wait says how "
          "long a first start waits",
          config.ledger_url, config.ledger_wait)));
    waiting.set(fmt::format("waiting for the ledger at {}: {}", config.ledger_url, done.error().text));
    if (!told) base::log_warn("{}", waiting.text());
    for (const auto until = clock.now_ms() + pause; clock.now_ms() < until;) {
      if (options.stop.stop_requested())
        return fail(Code::cancelled, "[ledger] stopped while waiting for {}", config.ledger_url);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    pause = std::min(pause * 2, kLongestPauseMs);
  }
}

/// What open_ledger() made, in reverse.
void Node::State::leave_ledger() {
  if (sync) sync->stop();
  sync.reset();
  events.reset();
  accounts.reset();
  disputes.reset();
  proofs.reset();
  market.reset();
  sender.reset();
  rpc.reset();
}

Status Node::State::open_folder() {
  const auto& config = options.config;
  const bool is_new = !std::filesystem::exists(config.data);
  KOINON_CHECK(base::make_folder(config.data));
  // Orders and labels are nobody else's on this machine; who opens a folder of his own to others keeps that.
  std::error_code ignored;
  if (is_new) std::filesystem::permissions(config.data, std::filesystem::perms::owner_all, ignored);
  KOINON_TRY(store, Store::open(config.data / "koinon.sqlite"));
  KOINON_TRY(artifacts, Artifacts::open(config.data / "artifacts", config.artifact_quota, clock));
  KOINON_TRY(token, token_in(config.data, random));
  KOINON_CHECK(base::make_folder(config.keystore));
  KOINON_TRY(key, ledger::unlock_or_create(config.keystore / "operator.json", config.password_file, random));
  KOINON_TRY(box, box_of(*key));
  return {};
}

Status Node::State::open_ledger() {
  leave_ledger();  // of an attempt that came to nothing
  KOINON_TRY(access, reach_ledger(options, *store, http, server->port()));
  KOINON_TRY(rpc, ledger::Rpc::open(access.rpc_url));
  if (access.local) {
    KOINON_TRY(faucet, Faucet::open(*access.local, *rpc, *store, clock));
    if (!access.deployment) {
      base::log_info("a new local ledger: deploying the contracts");
      KOINON_TRY(access.deployment, faucet->deploy(options.market, options.checks));
      KOINON_CHECK(access.deployment->save(options.config.data / "deployment.json"));
    }
  }
  deployment = *access.deployment;
  if (!market::speaks_version(deployment.version))
    return fail(
        Code::unsupported,
        "[deployment] contracts of version {}: this program speaks to versions 3, 4 and {}. Go on with the program that "
        "made them, or "
        "begin anew in another folder: --data DIR",
        deployment.version, market::kMarketVersion);
  KOINON_CHECK(deployment.verify(*rpc));
  KOINON_TRY(addresses, market::MarketAddresses::of(deployment));
  ledger::TxOptions tx;
  if (access.is_local) tx.poll_ms = 50;
  KOINON_TRY(sender, ledger::TxSender::start(*rpc, *key, store->pending, clock, tx));
  market = market::open_market(*rpc, *sender, deployment.chain_id, addresses);
  if (deployment.contracts.contains("Disputes"))
    disputes = market::open_disputes(*rpc, *sender, addresses);
  else
    options.rules.drop(trust::OptimisticCheck::kCode);
  if (const auto at = deployment.address("ProofCheck"))
    proofs = market::open_proofs(*rpc, *sender, *at);
  else
    options.rules.drop(trust::ProofCheck::kCode);
  accounts = std::make_unique<market::Accounts>(*rpc, *sender, addresses);
  KOINON_TRY(least_stake, accounts->least_stake());
  events = std::make_unique<StoredEvents>(*store, addresses.market, addresses.registry);
  market::SyncOptions sync_options;
  sync_options.first_block = deployment.block;
  sync_options.market = addresses.market;
  sync_options.registry = addresses.registry;
  KOINON_TRY(sync, market::Sync::start(*rpc, *events, sync_options));
  return {};
}

Status Node::State::fund(const Address& to, const Wei& tokens) {
  if (faucet) return faucet->fund(addresses.token, to, tokens);
  if (access.is_local) return ask_faucet(http, access.node_url, to, tokens);
  return fail(Code::unsupported, "[faucet] only a local ledger gives tokens away; send {} tokens to {}", tokens.tokens(),
              ledger::checksum_address(to));
}

Status Node::State::open_account() {
  OwnAccount::Means means;
  means.sender = sender.get();
  means.accounts = accounts.get();
  means.sync = sync.get();
  means.store = store.get();
  means.clock = &clock;
  means.ledger = fmt::format("{}/{}", deployment.chain_id, base::to_hex(addresses.registry));
  if (access.is_local) {
    KOINON_CHECK(fund(key->address(), Wei{}));  // coins for gas
    means.grant = [this](const Wei& tokens) { return fund(key->address(), tokens); };
  }
  own.emplace(std::move(means));
  KOINON_TRY(const auto working, Wei::parse_tokens(std::to_string(kWorkingBalance)));
  KOINON_TRY(services.account, own->open(options.config.account, working));
  return {};
}

Status Node::State::make_actor() {
  notes = std::make_unique<StoredNotes>(*store);
  order_artifacts = std::make_unique<OrderArtifacts>(*artifacts, clock);
  // A stranger's locator must not make us ask our own network, nor wait for long chains of redirects.
  net::ClientOptions peers;
  peers.max_redirects = 0;
  const auto rule = options.config.private_peers;
  peers.allow_private = rule == PrivatePeers::allowed || (rule == PrivatePeers::automatic && access.is_local);
  peer_http = std::make_unique<net::HttpClient>(peers);
  fetcher = std::make_unique<PeerFetcher>(*peer_http, *artifacts);
  services.ledger = market.get();
  services.journal = notes.get();
  services.artifacts = order_artifacts.get();
  services.fetcher = fetcher.get();
  traces = std::make_unique<PeerTraces>(*peer_http);
  services.disputes = disputes.get();
  services.proofs = proofs.get();
  services.peers = traces.get();
  services.clock = &clock;
  services.random = &random;
  services.kinds = &options.kinds;
  services.checks = &options.rules;
  services.pool = &pool;
  services.appetite = {options.config.provider.max_spec, options.config.provider.max_input};
  services.box = &*box;
  services.sign = [this](const base::Hash& digest) { return base::fixed<65>(key->sign(digest).bytes()); };
  auto seller = options.make_seller ? options.make_seller(services) : std::make_unique<market::Seller>(services);
  auto buyer = options.make_buyer ? options.make_buyer(services) : std::make_unique<market::Buyer>(services);
  actor = std::make_unique<market::Actor>(services, *sync, std::move(seller), std::move(buyer), options.actor);
  if (disputes) {
    auto watch = options.watch;
    watch.others = watch.others || options.config.watch.others;
    watch.rule.full_price = options.config.watch.full_price;
    constexpr std::uint64_t kPublicDepth = 12;
    if (options.config.watch.depth != 0)
      watch.depth = options.config.watch.depth;
    else if (!access.is_local)
      watch.depth = kPublicDepth;
    watcher = std::make_unique<market::Watcher>(services, *sync, watch);
  }
  return {};
}

Status Node::State::start_actor() {
  actor->start();
  if (watcher) watcher->start();
  sync->on_change([this](const std::vector<std::uint64_t>& orders, std::uint64_t) { conclude(orders); });
  std::vector<std::uint64_t> all;
  sync->read([&](const market::Book& book, std::uint64_t) {
    for (const auto& [id, order] : book.orders()) all.push_back(id);
  });
  conclude(all);
  return {};
}

/// What is left to do for orders that are final: the receipt of our own, and an end to the hold on their artifacts.
void Node::State::conclude(const std::vector<std::uint64_t>& orders) {
  for (const auto id : orders) {
    std::optional<market::OrderView> order;
    std::optional<market::Parties> parties;
    sync->read([&](const market::Book& book, std::uint64_t) {
      const auto* found = book.order(id);
      if (found == nullptr || !market::is_final(found->phase)) return;
      order = *found;
      parties.emplace(book, *found, services.account);
    });
    if (!order) continue;
    const auto outcome = order->outcome();
    const bool judged = outcome == trust::Verdict::accepted || outcome == trust::Verdict::rejected;
    if (order->terms.buyer == services.account && judged) issue_receipt(*order, *parties);
    release_artifacts(*order);
  }
}

void Node::State::issue_receipt(const market::OrderView& order, const market::Parties& parties) {
  const auto name = std::to_string(order.id);
  if (const auto kept = store->receipts.get(name)) {
    // A reorganisation may have moved the settlement: the receipt then names one that is gone.
    const auto read = market::Receipt::from_json(kept->body);
    if (read && read->is_of(order)) return;
  }
  const auto receipt = actor->buyer().conclude(order, parties);
  if (!receipt) {
    base::log_warn("order {}: no receipt: {}", order.id, receipt.error().text);
    return;
  }
  if (const auto stored = store->receipts.put({name, receipt->to_json(), clock.now_ms()}); !stored)
    base::log_warn("order {}: {}", order.id, stored.error().text);
}

Farewell Node::State::farewell() {
  Farewell::Means means;
  means.accounts = accounts.get();
  means.sync = sync.get();
  means.store = store.get();
  means.sender = sender.get();
  means.clock = &clock;
  means.account = services.account;
  means.ledger = fmt::format("{}/{}", deployment.chain_id, base::to_hex(addresses.registry));
  return Farewell(std::move(means));
}

void Node::State::release_artifacts(const market::OrderView& order) {
  const auto until = order.settled_at_ms + std::int64_t{options.config.retention_hours} * 3'600'000;
  const auto shortened = order_artifacts->keep_until(actor->buyer().artifacts(order), until);
  if (!shortened) base::log_warn("order {}: {}", order.id, shortened.error().text);
}

Node::Node(std::unique_ptr<State> state) : state_(std::move(state)) {}

Node::~Node() {
  if (!state_) return;
  state_->address_file.reset();
  if (state_->server) state_->server->stop();
  state_->server.reset();                      // with its routes, whose threads read what goes below
  if (state_->sender) state_->sender->stop();  // duties that wait for the ledger give up at once
  if (state_->watcher) state_->watcher->stop();
  if (state_->actor) state_->actor->stop();
  if (state_->sync) state_->sync->stop();
  state_->sync.reset();
  state_->watcher.reset();
  state_->actor.reset();
  state_->sender.reset();
  state_->faucet.reset();
  if (state_->access.local) state_->access.local->stop();
}

Result<std::unique_ptr<Node>> Node::start(NodeOptions options) {
  auto node = std::unique_ptr<Node>(new Node(std::make_unique<State>(std::move(options))));
  auto& s = *node->state_;
  s.started_ms = s.clock.now_ms();
  s.options.actor.parallel = s.options.config.provider.parallel;
  if (const auto known = s.options.rules.find(s.options.config.buyer.check); !known)
    return fail(base::Error(known.error()).within("[config] buyer.check"));
  KOINON_CHECK(s.listen());
  KOINON_CHECK(s.open_folder());
  KOINON_CHECK(s.patiently([&s] { return s.open_ledger(); }));
  KOINON_CHECK(s.patiently([&s] { return s.open_account(); }));
  KOINON_CHECK(s.make_actor());
  s.services.endpoint = s.options.config.public_endpoint.empty() ? s.server->url() : s.options.config.public_endpoint;
  net::Router router;
  if (s.options.make_router)
    router = s.options.make_router(*node);
  else
    serve_artifacts(router, *s.artifacts);
  s.server->replace(std::move(router));
  // For who looks at this folder, such as the doctor: a free port is known to nobody else.
  s.address_file = std::make_unique<AddressFile>(s.options.config.data, s.server->url());
  // Only now do the actors begin: they name the endpoint to others.
  KOINON_CHECK(s.start_actor());
  if (s.options.provide)
    KOINON_CHECK(s.patiently([&s] {
      return s.own->sell(s.options.config.provider, s.least_stake, s.services.endpoint, s.box->public_key(), s.options.kinds);
    }));
  KOINON_CHECK(s.farewell().come_back(s.options.provide));
  KOINON_CHECK(s.store->settings.set("ledger/joined/" + s.options.config.ledger_url, "yes"));
  KOINON_CHECK(s.sync->catch_up());  // what was just done is in the book when the caller looks
  return node;
}

void Node::drain(const std::function<void(const std::string&)>& tell) {
  state_->stopping = true;
  if (state_->actor) state_->actor->retire();
  state_->farewell().leave(state_->options.config.provider.stop_wait, tell);
}

bool Node::is_stopping() const { return state_->stopping; }

std::string Node::url() const { return state_->server ? state_->server->url() : std::string(); }
const std::string& Node::token() const { return state_->token; }
std::uint32_t Node::account() const { return state_->services.account; }
const Address& Node::operator_address() const { return state_->key->address(); }
const market::BoxPair& Node::box() const { return *state_->box; }
const Config& Node::config() const { return state_->options.config; }
const ledger::Deployment& Node::deployment() const { return state_->deployment; }
bool Node::provides() const { return state_->options.provide; }
const base::Wei& Node::least_stake() const { return state_->least_stake; }
const work::KindSet& Node::kinds() const { return state_->options.kinds; }
const trust::CheckSet& Node::rules() const { return state_->options.rules; }
std::int64_t Node::started_ms() const { return state_->started_ms; }
bool Node::runs_ledger() const { return state_->access.local != nullptr; }
const std::string& Node::ledger_url() const { return state_->access.rpc_url; }
Store& Node::store() { return *state_->store; }
Artifacts& Node::artifacts() { return *state_->artifacts; }
market::Sync& Node::sync() { return *state_->sync; }
market::Buyer& Node::buyer() { return state_->actor->buyer(); }
market::Seller& Node::seller() { return state_->actor->seller(); }
const market::Watcher* Node::watcher() const { return state_->watcher.get(); }
market::DisputeLedger* Node::disputes() { return state_->disputes.get(); }
market::ProofLedger* Node::proofs() { return state_->proofs.get(); }
market::Accounts& Node::accounts() { return *state_->accounts; }
market::MarketLedger& Node::market() { return *state_->market; }
ledger::Rpc& Node::rpc() { return *state_->rpc; }
ledger::TxSender& Node::sender() { return *state_->sender; }
base::ThreadPool& Node::pool() { return state_->pool; }
const base::Clock& Node::clock() const { return state_->clock; }
Status Node::fund(const Address& to, const Wei& tokens) { return state_->fund(to, tokens); }

}  // namespace koinon::node
