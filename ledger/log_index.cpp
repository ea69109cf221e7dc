#include "ledger/log_index.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "ledger/rpc_codec.hpp"

namespace koinon::ledger {

using nlohmann::json;

namespace {

json log_json(const Log& log) {
  json topics = json::array();
  for (const auto& topic : log.topics) topics.push_back(base::to_hex(topic));
  return {{"address", base::to_hex(log.address)},
          {"topics", topics},
          {"data", base::to_hex(log.data)},
          {"blockNumber", codec::hex_quantity(log.block.number)},
          {"blockHash", base::to_hex(log.block.hash)},
          {"transactionHash", base::to_hex(log.transaction)},
          {"logIndex", codec::hex_quantity(log.index)}};
}

}  // namespace

std::string LogCursor::to_json() const {
  json blocks = json::array();
  for (const auto& block : recent) {
    json logs = json::array();
    for (const auto& log : block.logs) logs.push_back(log_json(log));
    blocks.push_back({{"number", block.ref.number}, {"hash", base::to_hex(block.ref.hash)}, {"logs", logs}});
  }
  return json{{"next", next}, {"recent", blocks}}.dump();
}

Result<LogCursor> LogCursor::from_json(std::string_view text) {
  const auto document = base::parse_json(text);
  const auto& next = codec::member(document, "next");
  const auto& blocks = codec::member(document, "recent");
  if (!next.is_number_unsigned() || !blocks.is_array()) return fail(Code::malformed, "[cursor] next and recent expected");
  LogCursor out;
  out.next = next.get<std::uint64_t>();
  for (const auto& block : blocks) {
    Block one;
    const auto& number = codec::member(block, "number");
    const auto& logs = codec::member(block, "logs");
    if (!number.is_number_unsigned() || !logs.is_array())
      return fail(Code::malformed, "[cursor] a block has number, hash and logs");
    one.ref.number = number.get<std::uint64_t>();
    KOINON_TRY(one.ref.hash, codec::fixed<32>(codec::member(block, "hash")));
    for (const auto& log : logs) {
      KOINON_TRY(auto read, read_log(log));
      one.logs.push_back(std::move(read));
    }
    const bool in_order = out.recent.empty() || out.recent.back().ref.number + 1 == one.ref.number;
    if (!in_order || one.ref.number >= out.next)
      return fail(Code::malformed, "[cursor] block {} is out of order", one.ref.number);
    out.recent.push_back(std::move(one));
  }
  return out;
}

LogIndex::LogIndex(Rpc& rpc, LogIndexOptions options, LogCursor cursor, Sink sink)
    : rpc_(rpc), options_(std::move(options)), cursor_(std::move(cursor)), sink_(std::move(sink)), range_(options_.max_range) {}

/// What the cursor keeps of a log.
Log LogIndex::kept(const Log& log) const {
  if (log.data.size() <= options_.max_kept) return log;
  return {log.address, log.topics, {}, log.block, log.transaction, log.index};
}

Status LogIndex::commit(LogUpdate update) {
  while (!update.cursor.recent.empty() && update.cursor.recent.front().ref.number + options_.finality_depth < update.head)
    update.cursor.recent.pop_front();
  KOINON_CHECK(sink_(update));
  cursor_ = std::move(update.cursor);
  return {};
}

/// Takes back the reported blocks that are no longer on the chain. True when there were any.
Result<bool> LogIndex::roll_back(std::uint64_t head) {
  LogUpdate update{{}, {}, {}, cursor_, head};
  auto& recent = update.cursor.recent;
  while (!recent.empty()) {
    const auto& block = recent.back();
    bool same = false;
    if (block.ref.number <= head) {
      auto header = rpc_.block(block.ref.number);
      if (!header && header.error().code != Code::not_found) return fail(std::move(header).error());
      same = header && header->hash == block.ref.hash;
    }
    if (same) break;
    update.removed_blocks.push_back(block.ref);
    update.removed.insert(update.removed.end(), block.logs.rbegin(), block.logs.rend());
    update.cursor.next = block.ref.number;
    recent.pop_back();
  }
  if (update.removed_blocks.empty()) return false;
  if (recent.empty() && update.removed_blocks.size() > options_.finality_depth)
    return fail(Code::conflict, "[logs] a reorganisation deeper than {} blocks, below block {}", options_.finality_depth,
                update.cursor.next);
  KOINON_CHECK(commit(std::move(update)));
  return true;
}

/// Reads a range of blocks that no reorganisation reaches, up to `last`.
Result<bool> LogIndex::read_final(std::uint64_t last, std::uint64_t head) {
  for (;;) {
    const auto to = std::min(last, cursor_.next + range_ - 1);
    auto logs = rpc_.logs({options_.addresses, options_.topic0, std::nullopt, cursor_.next, to});
    if (!logs) {
      const bool refused =
          logs.error().code == Code::ledger || logs.error().code == Code::out_of_range || logs.error().code == Code::timeout;
      if (!refused || range_ == 1) return fail(std::move(logs).error());
      range_ = std::max<std::uint64_t>(range_ / 2, 1);
      continue;
    }
    LogUpdate update{{}, {}, std::move(*logs), cursor_, head};
    update.cursor.next = to + 1;
    update.cursor.recent.clear();
    if (to == last) {
      // The newest final block stays as the anchor: if it goes too, the reorganisation was deeper than it may be.
      KOINON_TRY(const auto anchor, rpc_.block(to));
      update.cursor.recent.push_back({{to, anchor.hash}, {}});
      for (const auto& log : update.added)
        if (log.block.number == to) update.cursor.recent.back().logs.push_back(kept(log));
    }
    KOINON_CHECK(commit(std::move(update)));
    range_ = std::min(range_ * 2, options_.max_range);
    return true;
  }
}

/// Reads the next block by its hash, so that logs and hash belong together whatever happens meanwhile.
Result<bool> LogIndex::read_recent(std::uint64_t head) {
  auto header = rpc_.block(cursor_.next);
  if (!header) {
    if (header.error().code == Code::not_found) return false;
    return fail(std::move(header).error());
  }
  // Not the child of what was reported: roll_back() sorts it out at the next step.
  if (!cursor_.recent.empty() && cursor_.recent.back().ref.hash != header->parent) return true;
  LogQuery query{options_.addresses, options_.topic0, header->hash, 0, 0};
  auto logs = rpc_.logs(query);
  if (!logs) {
    // The block may have gone since; then its number has another hash.
    KOINON_TRY(const auto again, rpc_.block("latest"));
    if (again.number < header->number) return true;
    KOINON_TRY(const auto same, rpc_.block(header->number));
    if (same.hash != header->hash) return true;
    return fail(std::move(logs).error());
  }
  LogUpdate update{{}, {}, std::move(*logs), cursor_, head};
  update.cursor.next = header->number + 1;
  update.cursor.recent.push_back({{header->number, header->hash}, {}});
  for (const auto& log : update.added) update.cursor.recent.back().logs.push_back(kept(log));
  KOINON_CHECK(commit(std::move(update)));
  return true;
}

Result<bool> LogIndex::step() {
  KOINON_TRY(const auto head, rpc_.block_number());
  KOINON_TRY(const auto rolled, roll_back(head));
  if (rolled) return true;
  if (cursor_.next > head) return false;
  if (head > options_.finality_depth && cursor_.next <= head - options_.finality_depth)
    return read_final(head - options_.finality_depth, head);
  return read_recent(head);
}

Status LogIndex::catch_up() {
  for (;;) {
    KOINON_TRY(const auto more, step());
    if (!more) return {};
  }
}

}  // namespace koinon::ledger
