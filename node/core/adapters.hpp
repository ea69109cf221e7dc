#pragma once
#include "market/actor/ports.hpp"
#include "market/sync/sync.hpp"
#include "node/artifacts/artifacts.hpp"
#include "node/artifacts/fetcher.hpp"
#include "node/store/store.hpp"

// What the market asks for, made of what the node keeps.
namespace koinon::node {

/// The market's events in the node's database.
class StoredEvents final : public market::EventStore {
 public:
  StoredEvents(Store& store, base::Address market, base::Address registry)
      : store_(store), market_(market), registry_(registry) {}
  base::Status update(const std::vector<base::Hash>& removed_blocks, const std::vector<market::Event>& added,
                      const std::string& cursor) override;
  base::Status each(const std::function<base::Status(const market::Event&)>& visit) override;
  base::Result<std::string> cursor() override;

 private:
  Store& store_;
  base::Address market_;
  base::Address registry_;
};

/// The actors' notes in the node's database.
class StoredNotes final : public market::Journal {
 public:
  explicit StoredNotes(Store& store) : store_(store) {}
  base::Status put(const std::string& key, const std::string& json) override {
    return store_.settings.set("note/" + key, json);
  }
  base::Result<std::optional<std::string>> get(const std::string& key) override { return store_.settings.get("note/" + key); }

 private:
  Store& store_;
};

/// Artifacts of orders: kept from eviction for as long as an order and its appeals may last, or until told otherwise.
class OrderArtifacts final : public base::ArtifactStore {
 public:
  OrderArtifacts(Artifacts& artifacts, const base::Clock& clock) : artifacts_(artifacts), clock_(clock) {}
  base::Result<base::ArtifactRef> put(base::ByteView bytes) override;
  base::Result<base::Bytes> get(const base::Cid& cid) override { return artifacts_.get(cid); }
  bool has(const base::Cid& cid) override { return artifacts_.has(cid); }
  /// Of those that are held here, none is held longer than until `expires_ms`.
  base::Status keep_until(const std::vector<base::Cid>& cids, std::int64_t expires_ms);

 private:
  Artifacts& artifacts_;
  const base::Clock& clock_;
};

/// Asks a provider's node for parts of its claim: GET {base}/trace/{placing transaction}/{tree}/{kind}/{value}/{level}/{index}.
class PeerTraces final : public market::TracePeers {
 public:
  explicit PeerTraces(net::HttpClient& client) : client_(client) {}
  base::Result<trust::optimistic::Answer> ask(const std::string& base, const base::Hash& placed,
                                              const trust::optimistic::Demand& place, std::stop_token stop) override;

 private:
  net::HttpClient& client_;
};

/// Fetches from one base at a time.
class PeerFetcher final : public market::Fetcher {
 public:
  PeerFetcher(net::HttpClient& client, Artifacts& artifacts) : artifacts_(artifacts), fetcher_(client, artifacts) {}
  base::Result<base::Bytes> fetch(const std::string& base, const base::ArtifactRef& ref, std::int64_t most_ms,
                                  std::stop_token stop) override;

 private:
  Artifacts& artifacts_;
  node::Fetcher fetcher_;
};

}  // namespace koinon::node
