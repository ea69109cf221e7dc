#include "ledger/local/local_ledger.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "base/file.hpp"
#include "base/log.hpp"
#include "ledger/keystore.hpp"
#include "ledger/local/chain.hpp"
#include "ledger/local/proxy.hpp"
#include "ledger/rpc_codec.hpp"

namespace koinon::ledger::local {
namespace {

constexpr std::size_t kGroup = 200;                ///< transactions of one block
constexpr std::int64_t kLookMs = 200;              ///< how often anvil is looked after
constexpr ScryptCost kFaucetCost{1u << 14, 8, 1};  ///< the password lies beside it: cost buys nothing

/// One process a folder: an advisory lock that the kernel drops when the process ends.
class FolderLock {
 public:
  static Result<FolderLock> take(const std::filesystem::path& folder) {
    FolderLock out;
    out.file_ = ::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (out.file_ < 0) return fail(Code::io, "[local ledger] cannot write in {}", folder.string());
    if (::flock(out.file_, LOCK_EX | LOCK_NB) != 0)
      return fail(Code::conflict, "[local ledger] {} is in use by another node", folder.string());
    return out;
  }
  FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  FolderLock& operator=(FolderLock&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~FolderLock() {
    if (file_ >= 0) ::close(file_);
  }

 private:
  FolderLock() = default;
  int file_ = -1;
};

/// Written once, so that a replay from the beginning begins at the same block.
Result<std::uint64_t> genesis_time(const std::filesystem::path& folder, std::uint64_t wanted, const base::Clock& clock) {
  const auto file = folder / "genesis.json";
  if (std::filesystem::exists(file)) {
    KOINON_TRY(const auto bytes, base::read_file(file, 4096));
    const auto document = nlohmann::json::parse(base::as_text(bytes), nullptr, false);
    const auto& time = codec::member(document, "time");
    if (!time.is_number_unsigned()) return fail(Code::malformed, "[local ledger] {} holds no time", file.string());
    return time.get<std::uint64_t>();
  }
  const auto time = wanted != 0 ? wanted : static_cast<std::uint64_t>(clock.now_ms() / 1000);
  const auto text = nlohmann::json{{"format", 1}, {"time", time}}.dump() + "\n";
  KOINON_CHECK(base::write_file(file, base::as_bytes(text)));
  return time;
}

}  // namespace

struct LocalLedger::State {
  explicit State(LocalLedgerOptions o) : options(std::move(o)) {}

  struct Item {
    Bytes raw;
    std::promise<Result<Hash>> done;
  };

  LocalLedgerOptions options;
  base::SystemClock clock;
  std::optional<FolderLock> lock;
  std::optional<Key> faucet;
  std::unique_ptr<Proxy> proxy;
  std::thread thread;  ///< owns the chain; anvil dies with it

  std::mutex mutex;
  std::condition_variable wake;
  // Guarded by mutex:
  std::deque<Item> queue;
  std::deque<std::promise<Status>> checkpoints;
  bool serving = false;  ///< the chain was opened
  bool stopping = false;
  bool stopped = false;
  std::optional<Error> broken;
  std::string anvil_url;
  int anvil_pid = -1;
  Stats stats;

  Result<Hash> submit(Bytes raw) {
    std::future<Result<Hash>> done;
    {
      const std::lock_guard guard(mutex);
      if (broken) return fail(*broken);
      if (!serving) return fail(Code::exhausted, "[local ledger] is being started: retry");
      if (stopping) return fail(Code::exhausted, "[local ledger] is stopping");
      if (queue.size() >= options.max_in_flight)
        return fail(Code::exhausted, "[local ledger] {} transactions wait: retry", queue.size());
      queue.push_back({std::move(raw), {}});
      done = queue.back().done.get_future();
    }
    wake.notify_all();
    return done.get();
  }

  void run(Chain::Config config, std::promise<Status> ready) {
    auto chain = Chain::open(std::move(config), clock);
    if (!chain) {
      ready.set_value(fail(std::move(chain).error()));
      return;
    }
    publish(**chain);
    ready.set_value({});
    if (auto worked = work(**chain); !worked) give_up(std::move(worked).error());
  }

  void publish(Chain& chain) {
    const std::lock_guard guard(mutex);
    serving = true;
    anvil_url = chain.anvil().url();
    anvil_pid = chain.anvil().pid();
    stats.replayed = chain.replayed();
    stats.restarts = chain.restarts();
  }

  /// Nothing can be promised any more: everybody who waits is told.
  void give_up(Error error) {
    base::log_error("local ledger: {}", error.text);
    const std::lock_guard guard(mutex);
    broken = error;
    anvil_url.clear();
    for (auto& item : queue) item.done.set_value(fail(error));
    for (auto& one : checkpoints) one.set_value(fail(error));
    queue.clear();
    checkpoints.clear();
  }

  Status work(Chain& chain) {
    auto last_block = clock.now_ms();
    for (;;) {
      std::vector<Item> group;
      std::deque<std::promise<Status>> dumps;
      bool last = false;
      {
        std::unique_lock guard(mutex);
        wake.wait_for(guard, std::chrono::milliseconds(chain.has_waiting() ? 0 : kLookMs),
                      [&] { return stopping || !queue.empty() || !checkpoints.empty(); });
        while (!queue.empty() && group.size() < kGroup) {
          group.push_back(std::move(queue.front()));
          queue.pop_front();
        }
        dumps.swap(checkpoints);
        last = stopping && queue.empty();
      }
      KOINON_CHECK(look_after(chain));
      const bool heartbeat = options.block_ms > 0 && clock.now_ms() - last_block >= options.block_ms;
      if (!group.empty() || chain.has_waiting() || heartbeat) {
        KOINON_CHECK(make_block(chain, group));
        last_block = clock.now_ms();
      }
      if (!dumps.empty() || last || chain.blocks_since_dump() >= options.dump_every_blocks) {
        auto dumped = chain.checkpoint();
        for (auto& one : dumps) one.set_value(dumped);
        if (!dumped && chain.anvil().is_alive()) return dumped;
      }
      if (last) return {};
    }
  }

  /// Starts anvil again when it died; meanwhile the proxy answers "retry".
  Status look_after(Chain& chain) {
    if (chain.anvil().is_alive()) return {};
    {
      const std::lock_guard guard(mutex);
      anvil_url.clear();
    }
    KOINON_CHECK(chain.revive());
    publish(chain);
    return {};
  }

  Status make_block(Chain& chain, std::vector<Item>& group) {
    std::vector<Bytes> raws;
    for (const auto& item : group) raws.push_back(item.raw);
    auto outcomes = chain.advance(raws);
    if (!outcomes) {
      for (auto& item : group) item.done.set_value(fail(outcomes.error()));
      return fail(std::move(outcomes).error());
    }
    publish(chain);
    {
      const std::lock_guard guard(mutex);
      ++stats.blocks;
      for (const auto& one : *outcomes) stats.transactions += one ? 1u : 0u;
    }
    for (std::size_t i = 0; i < group.size(); ++i) group[i].done.set_value(std::move((*outcomes)[i]));
    proxy->announce(chain.head_json());
    return {};
  }
};

LocalLedger::LocalLedger(std::unique_ptr<State> state) : state_(std::move(state)) {}

LocalLedger::~LocalLedger() { stop(); }

Result<std::unique_ptr<LocalLedger>> LocalLedger::start(LocalLedgerOptions options) {
  if (options.anvil.empty()) {
    KOINON_TRY(options.anvil, find_anvil());
  }
  std::unique_ptr<LocalLedger> out(new LocalLedger(std::make_unique<State>(std::move(options))));
  auto* state = out->state_.get();
  // First of all, so that a taken address leaves nothing behind; until the chain is open the answer is "retry".
  const auto anvil_url = [state] {
    const std::lock_guard guard(state->mutex);
    return state->anvil_url;
  };
  const auto broken = [state] {
    const std::lock_guard guard(state->mutex);
    return state->broken ? state->broken->text : std::string();
  };
  state->proxy =
      std::make_unique<Proxy>(ProxyBackend{[state](Bytes bytes) { return state->submit(std::move(bytes)); }, anvil_url, broken},
                              state->options.max_body, state->options.site);
  KOINON_CHECK(state->proxy->listen(state->options.address, state->options.port));
  const auto& folder = state->options.folder;
  KOINON_CHECK(base::make_folder(folder));
  KOINON_TRY(auto lock, FolderLock::take(folder));
  state->lock.emplace(std::move(lock));
  base::SystemRandom random;
  KOINON_TRY(auto key, unlock_or_create(folder / "faucet.json", folder / "faucet.password", random, kFaucetCost));
  state->faucet.emplace(std::move(key));
  Chain::Config config{folder, state->options.anvil, 0, state->faucet->address()};
  KOINON_TRY(config.genesis_time, genesis_time(folder, state->options.genesis_time, state->clock));
  std::promise<Status> ready;
  auto is_ready = ready.get_future();
  state->thread =
      std::thread([state, config, ready = std::move(ready)]() mutable { state->run(std::move(config), std::move(ready)); });
  KOINON_CHECK(is_ready.get());
  return out;
}

std::string LocalLedger::url() const { return state_->proxy->url(); }

std::string LocalLedger::websocket_url() const { return "ws" + url().substr(4); }

const Key& LocalLedger::faucet() const { return *state_->faucet; }

int LocalLedger::anvil_pid() const {
  const std::lock_guard guard(state_->mutex);
  return state_->anvil_pid;
}

LocalLedger::Stats LocalLedger::stats() const {
  const std::lock_guard guard(state_->mutex);
  return state_->stats;
}

Status LocalLedger::checkpoint() {
  std::future<Status> done;
  {
    const std::lock_guard guard(state_->mutex);
    if (state_->broken) return fail(*state_->broken);
    if (state_->stopping) return fail(Code::cancelled, "[local ledger] is stopping");
    state_->checkpoints.emplace_back();
    done = state_->checkpoints.back().get_future();
  }
  state_->wake.notify_all();
  return done.get();
}

void LocalLedger::stop() {
  {
    const std::lock_guard guard(state_->mutex);
    if (state_->stopped) return;
    state_->stopped = true;
    state_->stopping = true;
  }
  state_->wake.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
  if (state_->proxy) state_->proxy->stop();
}

}  // namespace koinon::ledger::local
