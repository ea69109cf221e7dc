#pragma once
#include <chrono>

#include "net/http_client.hpp"
#include "node/artifacts/artifacts.hpp"

namespace koinon::node {

/// How long a fetch may take. A peer that serves slower than `bytes_a_second`, beyond what it takes to connect, is given up.
struct Pace {
  std::uint64_t bytes_a_second = 64u << 10;
  std::int64_t connect_ms = 4'000;                        ///< allowed on top, to every blob
  std::int64_t most_ms = std::int64_t{24} * 3600 * 1000;  ///< of the whole, from all bases together
};

/// Gets artifacts from peers and gateways: GET {base}/artifacts/{cid} gives one blob.
///
/// Nothing is kept that does not hash to its name, and no more is read than the reference says, so a hostile peer costs one
/// chunk. Chunks that are here already are not asked for again: a broken-off fetch goes on where it stopped. Thread-safe.
class Fetcher {
 public:
  /// Both must outlive it. `max_size`: bytes of the largest artifact fetched.
  Fetcher(net::HttpClient& client, Artifacts& store, std::uint64_t max_size = std::uint64_t{4} << 30)
      : client_(client), store_(store), max_size_(max_size) {}

  using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;  ///< bytes

  /// Tries the bases ("http://peer:7070") in turn for each blob, the last that answered well first. Errors: out_of_range,
  /// cancelled, exhausted (quota), not_found (no base has it; the text names what each answered), timeout (the whole took
  /// longer than `pace` allows; what has arrived is kept).
  base::Status fetch(const base::ArtifactRef& ref, std::vector<std::string> bases, const Progress& progress = {},
                     std::stop_token stop = {}, const Pace& pace = {});

 private:
  /// What all blobs of one fetch share.
  struct Course {
    std::vector<std::string> bases;
    const Progress& progress;
    std::stop_token stop;
    Pace pace;
    std::chrono::steady_clock::time_point end;
  };
  base::Result<base::Bytes> blob(const base::Cid& cid, std::uint64_t size, Course& course);
  base::Status chunks(const base::ArtifactRef& ref, const Manifest& manifest, Course& course);

  net::HttpClient& client_;
  Artifacts& store_;
  const std::uint64_t max_size_;
};

}  // namespace koinon::node
