#include "ledger/local/chain.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/codec.hpp"
#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/log.hpp"
#include "ledger/rpc_codec.hpp"

namespace koinon::ledger::local {

using nlohmann::json;

namespace {

constexpr std::uint64_t kMaxDump = std::uint64_t{1} << 30;
/// An anvil that dies while it is brought back is brought back again, so often.
constexpr int kLaunchTries = 30;
constexpr auto kLongestPause = std::chrono::milliseconds(2'000);
constexpr auto kFaucetBalance = "0x33b2e3c9fd0803ce8000000";  ///< 10^27 wei

/// N of a file named prefix-N.
std::optional<std::uint64_t> generation_of(const std::string& name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  const auto digits = name.substr(prefix.size());
  if (digits.empty() || digits.size() > 12 || digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::stoull(digits);
}

bool connection_lost(const Error& error) { return error.code == Code::network || error.code == Code::timeout; }

}  // namespace

std::filesystem::path Chain::dump_file(std::uint64_t n) const { return config_.folder / fmt::format("dump-{}", n); }
std::filesystem::path Chain::journal_file(std::uint64_t n) const { return config_.folder / fmt::format("journal-{}", n); }

/// The newest generation whose dump is there. Anything newer is a checkpoint cut short.
Status Chain::find_generation() {
  std::error_code error;
  std::vector<std::uint64_t> journals;
  for (const auto& entry : std::filesystem::directory_iterator(config_.folder, error)) {
    const auto name = entry.path().filename().string();
    if (const auto n = generation_of(name, "dump-")) generation_ = std::max(generation_, *n);
    if (const auto n = generation_of(name, "journal-")) journals.push_back(*n);
  }
  if (error) return fail(Code::io, "[local ledger] {}: {}", config_.folder.string(), error.message());
  const bool has_own = std::ranges::find(journals, generation_) != journals.end();
  if (!has_own && (generation_ > 0 || !journals.empty()))
    return fail(Code::malformed, "[local ledger] {} is missing", journal_file(generation_).string());
  for (const auto n : journals)
    if (n > generation_) std::filesystem::remove(journal_file(n), error);
  return {};
}

Result<std::unique_ptr<Chain>> Chain::open(Config config, const base::Clock& clock) {
  std::unique_ptr<Chain> out(new Chain(std::move(config), clock));
  KOINON_CHECK(out->find_generation());
  KOINON_CHECK(out->launch());
  out->restarts_ = 0;
  return out;
}

Status Chain::relaunch() {
  auto pause = std::chrono::milliseconds(50);
  for (int tries = 1;; ++tries) {
    auto done = launch();
    if (done || !connection_lost(done.error()) || tries == kLaunchTries) return done;
    base::log_warn("anvil broke off while it was brought back ({}): once more", done.error().text);
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, kLongestPause);
  }
}

Status Chain::launch() {
  anvil_.reset();
  journal_.reset();
  unmined_.clear();
  blocks_since_dump_ = replayed_ = 0;
  KOINON_TRY(anvil_, Anvil::start(config_.anvil, config_.genesis_time));
  ++restarts_;
  if (generation_ > 0) {
    KOINON_CHECK(load_dump());
  } else {
    KOINON_TRY(const auto done,
               anvil_->rpc().call("anvil_setBalance", json::array({base::to_hex(config_.faucet), kFaucetBalance})));
    KOINON_TRY(head_, anvil_->rpc().block("latest"));
  }
  std::vector<JournalRecord> records;
  KOINON_TRY(journal_, Journal::open(journal_file(generation_), records));
  KOINON_CHECK(replay(records));
  KOINON_TRY(const auto block, anvil_->rpc().call("eth_getBlockByNumber", json::array({"latest", false})));
  head_json_ = block.dump();
  KOINON_TRY(head_, read_block(block));
  return {};
}

Status Chain::load_dump() {
  const auto file = dump_file(generation_);
  KOINON_TRY(const auto bytes, base::read_file(file, kMaxDump));
  base::Reader reader(bytes);
  const auto damaged = [&] { return fail(Code::malformed, "[local ledger] {} is damaged", file.string()); };
  const auto check = reader.fixed_bytes<32>();
  if (!check || base::sha256(ByteView(bytes).subspan(32)) != *check) return damaged();
  KOINON_TRY(const auto number, reader.number<std::uint64_t>());
  KOINON_TRY(const auto hash, reader.fixed_bytes<32>());
  KOINON_TRY(const auto root, reader.fixed_bytes<32>());
  KOINON_TRY(const auto state, reader.raw(reader.left()));
  KOINON_TRY(const auto loaded, anvil_->rpc().call("anvil_loadState", json::array({std::string(base::as_text(state))})));
  KOINON_TRY(head_, anvil_->rpc().block("latest"));
  if (head_.number != number || head_.hash != hash || head_.state_root != root)
    return fail(Code::malformed, "[local ledger] {}: anvil came to block {} {} with root {}: {} {} {} expected", file.string(),
                head_.number, base::to_hex(head_.hash), base::to_hex(head_.state_root), number, base::to_hex(hash),
                base::to_hex(root));
  return {};
}

Status Chain::replay(const std::vector<JournalRecord>& records) {
  using Kind = JournalRecord::Kind;
  std::vector<Bytes> raws;
  for (const auto& record : records) {
    if (record.kind == Kind::transaction) {
      raws.push_back(record.raw);
      continue;
    }
    if (record.kind == Kind::block) {
      KOINON_TRY(const auto outcomes, send(raws));
      replayed_ += static_cast<std::uint64_t>(std::ranges::count_if(outcomes, [](const auto& one) { return one.has_value(); }));
      raws.clear();
      KOINON_CHECK(mine(record.number, record.time));
      continue;
    }
    if (record.hash != head_.hash || record.state_root != head_.state_root)
      return fail(Code::conflict,
                  "[local ledger] block {} came out as {} with root {}: {} {} were recorded (a contract that reads BLOCKHASH "
                  "cannot be replayed)",
                  head_.number, base::to_hex(head_.hash), base::to_hex(head_.state_root), base::to_hex(record.hash),
                  base::to_hex(record.state_root));
  }
  // Of a checkpoint: still waiting for a block. After a crash every other transaction has its block behind it.
  KOINON_TRY(const auto rest, send(raws));
  replayed_ += rest.size();
  waiting_ = !unmined_.empty();
  return {};
}

/// One after the other: anvil runs the calls of a batch at once, and the order of transactions must be the journal's.
Result<std::vector<Result<Hash>>> Chain::send(const std::vector<Bytes>& raws) {
  std::vector<Result<Hash>> out;
  for (const auto& raw : raws) {
    auto answer = anvil_->rpc().send_raw(raw);
    if (!answer && connection_lost(answer.error())) return fail(std::move(answer).error());
    if (answer) unmined_[*answer] = raw;
    out.push_back(std::move(answer));
  }
  return out;
}

Status Chain::mine(std::uint64_t number, std::uint64_t time) {
  auto& rpc = anvil_->rpc();
  KOINON_TRY(const auto timed, rpc.call("evm_setNextBlockTimestamp", json::array({time})));
  KOINON_TRY(const auto mined, rpc.call("evm_mine", json::array()));
  KOINON_TRY(auto answers, rpc.batch({{"eth_getBlockByNumber", R"(["latest", false])"}, {"txpool_status", "[]"}}));
  for (const auto& answer : answers)
    if (!answer) return fail(answer.error());
  KOINON_TRY(head_, read_block(*answers[0]));
  if (head_.number != number || head_.timestamp != time)
    return fail(Code::conflict, "[local ledger] mined block {} at {}: {} at {} expected", head_.number, head_.timestamp, number,
                time);
  head_json_ = answers[0]->dump();
  for (const auto& one : codec::member(*answers[0], "transactions")) {
    KOINON_TRY(const auto hash, codec::fixed<32>(one));
    unmined_.erase(hash);
  }
  KOINON_TRY(const auto pending, codec::quantity(codec::member(*answers[1], "pending")));
  waiting_ = pending > 0;
  ++blocks_since_dump_;
  return {};
}

Result<std::vector<Result<Hash>>> Chain::advance(const std::vector<Bytes>& raws) {
  const auto number = head_.number + 1;
  const auto time = std::max(head_.timestamp, static_cast<std::uint64_t>(clock_.now_ms() / 1000));
  std::vector<JournalRecord> records;
  for (const auto& raw : raws) records.push_back(JournalRecord::transaction(raw));
  records.push_back(JournalRecord::block(number, time));
  KOINON_CHECK(journal_->append(records, true));
  auto outcomes = send(raws);
  if (outcomes) {
    if (auto mined = mine(number, time); !mined) outcomes = fail(std::move(mined).error());
  }
  for (int tries = 1; !outcomes; ++tries) {
    if (!connection_lost(outcomes.error()) || tries > kLaunchTries) return outcomes;
    base::log_warn("anvil broke off ({}): it is started again", outcomes.error().text);
    KOINON_CHECK(relaunch());
    outcomes = taken(raws);
  }
  // Not synced: the next group's sync takes it along, and without it the replay gives the same block, only unchecked.
  KOINON_CHECK(journal_->append({JournalRecord::result(head_.hash, head_.state_root)}, false));
  return outcomes;
}

/// What became of transactions that the journal held when anvil was brought back.
Result<std::vector<Result<Hash>>> Chain::taken(const std::vector<Bytes>& raws) {
  std::vector<Result<Hash>> out;
  for (const auto& raw : raws) {
    const auto hash = base::keccak256(raw);
    KOINON_TRY(const auto known, anvil_->rpc().knows(hash));
    out.push_back(known ? Result<Hash>(hash)
                        : Result<Hash>(fail(Code::ledger, "[rpc] refused after a restart: send it again")));
  }
  return out;
}

Status Chain::revive() {
  if (anvil_->is_alive()) return {};
  base::log_warn("anvil has gone: it is started again");
  return relaunch();
}

/// Transactions that anvil still holds; replaced ones are forgotten.
Result<std::vector<Bytes>> Chain::still_waiting() {
  std::vector<Bytes> out;
  for (auto at = unmined_.begin(); at != unmined_.end();) {
    KOINON_TRY(const auto known, anvil_->rpc().knows(at->first));
    if (known) out.push_back(at->second);
    at = known ? std::next(at) : unmined_.erase(at);
  }
  return out;
}

Status Chain::checkpoint() {
  if (blocks_since_dump_ == 0) return {};
  KOINON_TRY(const auto state, anvil_->rpc().call("anvil_dumpState", json::array()));
  if (!state.is_string()) return fail(Code::malformed, "[local ledger] anvil_dumpState gave no text");
  KOINON_TRY(const auto waiting, still_waiting());
  const auto next = generation_ + 1;
  Bytes journal;
  for (const auto& raw : waiting) {
    const auto one = encode_record(JournalRecord::transaction(raw));
    journal.insert(journal.end(), one.begin(), one.end());
  }
  base::Writer body;
  body.number(head_.number);
  body.raw(head_.hash.view());
  body.raw(head_.state_root.view());
  body.raw(base::as_bytes(state.get_ref<const std::string&>()));
  Bytes dump;
  const auto check = base::sha256(body.bytes());
  dump.insert(dump.end(), check.bytes.begin(), check.bytes.end());
  dump.insert(dump.end(), body.bytes().begin(), body.bytes().end());
  KOINON_CHECK(base::write_file(journal_file(next), journal, 0600));
  KOINON_CHECK(base::write_file(dump_file(next), dump, 0600));
  std::vector<JournalRecord> records;
  KOINON_TRY(auto opened, Journal::open(journal_file(next), records));
  journal_ = std::move(opened);
  std::error_code ignored;
  std::filesystem::remove(dump_file(generation_), ignored);
  std::filesystem::remove(journal_file(generation_), ignored);
  generation_ = next;
  blocks_since_dump_ = 0;
  return {};
}

}  // namespace koinon::ledger::local
