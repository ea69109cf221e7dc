#include "node/core/adapters.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "market/dispute/answer_bytes.hpp"

namespace koinon::node {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using nlohmann::json;

constexpr std::string_view kCursor = "market";
constexpr std::size_t kPage = 2'000;
constexpr std::string_view kReason = "order";
constexpr std::int64_t kKeepMs = std::int64_t{30} * 24 * 3600 * 1000;

}  // namespace

Status StoredEvents::update(const std::vector<base::Hash>& removed_blocks, const std::vector<market::Event>& added,
                            const std::string& cursor) {
  std::vector<EventRecord> records;
  for (const auto& event : added) {
    EventRecord record;
    record.block = event.block;
    record.block_hash = event.block_hash;
    record.log_index = static_cast<std::uint32_t>(event.index);
    record.transaction_hash = event.transaction;
    record.contract = event.contract == "Registry" ? registry_ : market_;
    record.name = event.name;
    // The block's time travels with the arguments: the ledger gives it with the block only.
    record.args = fmt::format(R"({{"at_ms":{},"arguments":{}}})", event.at_ms, event.arguments);
    records.push_back(std::move(record));
  }
  return store_.events.apply(removed_blocks, records, kCursor, cursor);
}

Status StoredEvents::each(const std::function<Status(const market::Event&)>& visit) {
  std::vector<market::Event> all;
  std::uint64_t after = 0;
  for (;;) {
    KOINON_TRY(const auto page, store_.events.list({after, {}, {}, false, kPage}));
    for (const auto& record : page) {
      after = record.id;
      const auto parsed = base::parse_json(record.args);
      if (!parsed.is_object() || !parsed.contains("at_ms") || !parsed["at_ms"].is_number_integer() ||
          !parsed.contains("arguments"))
        return fail(Code::malformed, "[store] event {} is damaged: remove the database to read the ledger anew", record.id);
      all.push_back({record.block, record.block_hash, record.transaction_hash, record.log_index,
                     parsed["at_ms"].get<std::int64_t>(), record.contract == registry_ ? "Registry" : "WorkMarket", record.name,
                     parsed["arguments"].dump()});
    }
    if (page.size() < kPage) break;
  }
  // After a reorganisation later ids may belong to earlier blocks.
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return std::pair(a.block, a.index) < std::pair(b.block, b.index); });
  for (const auto& event : all) KOINON_CHECK(visit(event));
  return {};
}

Result<std::string> StoredEvents::cursor() {
  KOINON_TRY(const auto found, store_.events.cursor(kCursor));
  return found.value_or("");
}

Result<base::ArtifactRef> OrderArtifacts::put(base::ByteView bytes) {
  KOINON_TRY(const auto ref, artifacts_.put(bytes));
  KOINON_CHECK(artifacts_.pin(ref.cid, std::string(kReason), clock_.now_ms() + kKeepMs));
  return ref;
}

Status OrderArtifacts::keep_until(const std::vector<base::Cid>& cids, std::int64_t expires_ms) {
  return artifacts_.shorten(cids, kReason, expires_ms);
}

Result<base::Bytes> PeerFetcher::fetch(const std::string& base, const base::ArtifactRef& ref, std::int64_t most_ms,
                                       std::stop_token stop) {
  Pace pace;
  pace.most_ms = most_ms;
  KOINON_CHECK(fetcher_.fetch(ref, {base}, {}, stop, pace));
  return artifacts_.get(ref.cid);
}

Result<trust::optimistic::Answer> PeerTraces::ask(const std::string& base, const Hash& placed,
                                                  const trust::optimistic::Demand& place, std::stop_token stop) {
  constexpr std::int64_t kMostMs = 15'000;  // the first question has the provider run the work again
  net::ClientRequest request;
  request.url = fmt::format("{}/trace/{}/{}/{}/{}/{}/{}", base, base::to_hex(placed), static_cast<unsigned>(place.tree),
                            static_cast<unsigned>(place.kind), place.value, place.level, place.index);
  request.timeout_ms = kMostMs;
  request.max_body = market::kMaxAnswer;
  request.stop = std::move(stop);
  KOINON_TRY(const auto answer, client_.send(request));
  if (answer.status != 200) return fail(Code::network, "{} answered {}", base, answer.status);
  return market::decode_answer(base::as_bytes(answer.body_text()));
}

}  // namespace koinon::node
