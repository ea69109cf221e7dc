#include "node/artifacts/fetcher.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "base/file.hpp"
#include "net/http_server.hpp"

namespace koinon::node {
namespace {

using base::Bytes;
using base::Cid;
using base::Code;

struct FetcherTest : testing::Test {
  base::TempFolder here;
  base::TempFolder there;
  base::SystemClock clock;
  std::unique_ptr<Artifacts> mine = *Artifacts::open(here.path(), 64u << 20, clock);
  std::unique_ptr<Artifacts> theirs = *Artifacts::open(there.path(), 64u << 20, clock);
  std::atomic<int> asked{0};
  std::atomic<int> answers_left{1'000'000};
  std::unique_ptr<net::HttpServer> good;
  std::unique_ptr<net::HttpServer> liar;
  net::HttpClient client;

  void SetUp() override {
    net::Router router;
    router.get<Cid>("/artifacts/{cid}", [this](const net::HttpRequest&, const Cid& cid) -> base::Result<net::HttpResponse> {
      ++asked;
      if (answers_left-- <= 0) return base::fail(Code::exhausted, "[peer] busy");
      KOINON_TRY(const auto bytes, theirs->blob(cid));
      return net::HttpResponse::text(200, std::string(base::as_text(bytes)), "application/octet-stream");
    });
    good = *net::HttpServer::start(std::move(router));
    net::Router lies;
    lies.get<Cid>("/artifacts/{cid}", [](const net::HttpRequest&, const Cid&) {
      return net::HttpResponse::text(200, std::string(1000, 'x'), "application/octet-stream");
    });
    liar = *net::HttpServer::start(std::move(lies));
  }
};

TEST_F(FetcherTest, fetches_small_and_chunked_artifacts) {
  const auto small = *theirs->put(Bytes(1000, 1));
  const auto large = *theirs->put(Bytes(3 * kChunkSize - 1, 2));
  Fetcher fetcher(client, *mine);
  EXPECT_TRUE(fetcher.fetch(small, {good->url()}));
  std::uint64_t done = 0;
  EXPECT_TRUE(fetcher.fetch(large, {good->url()}, [&](std::uint64_t d, std::uint64_t) { done = d; }));
  EXPECT_EQ(done, large.size);
  EXPECT_EQ(*mine->get(large.cid), Bytes(3 * kChunkSize - 1, 2));
}

TEST_F(FetcherTest, passes_by_peers_that_lie_or_are_gone) {
  const auto ref = *theirs->put(Bytes(1000, 1));
  Fetcher fetcher(client, *mine);
  EXPECT_TRUE(fetcher.fetch(ref, {"http://127.0.0.1:1", liar->url(), good->url()}));
  EXPECT_EQ(*mine->get(ref.cid), Bytes(1000, 1));
}

TEST_F(FetcherTest, says_what_each_peer_answered) {
  Fetcher fetcher(client, *mine);
  const base::ArtifactRef ref{Cid::of(Bytes(10, 3)), 10};
  const auto failed = fetcher.fetch(ref, {liar->url(), good->url()});
  EXPECT_EQ(failed.error().code, Code::not_found);
  EXPECT_NE(failed.error().text.find("404"), std::string::npos);
  EXPECT_EQ(mine->usage().blobs, 0u);
}

TEST_F(FetcherTest, goes_on_where_it_stopped) {
  Bytes content;
  for (std::uint8_t i = 0; i < 5; ++i) content.insert(content.end(), kChunkSize, i);
  const auto ref = *theirs->put(content);
  Fetcher fetcher(client, *mine);
  answers_left = 3;  // the manifest and two chunks
  EXPECT_FALSE(fetcher.fetch(ref, {good->url()}));
  answers_left = 1000;
  asked = 0;
  EXPECT_TRUE(fetcher.fetch(ref, {good->url()}));
  EXPECT_EQ(asked, 4);  // the manifest, which is kept last, and three chunks
  EXPECT_EQ(*mine->get(ref.cid), content);
}

TEST_F(FetcherTest, refuses_sizes_above_its_limit_and_wrong_sizes) {
  const auto ref = *theirs->put(Bytes(2 * kChunkSize, 1));
  Fetcher fetcher(client, *mine, kChunkSize);
  EXPECT_EQ(fetcher.fetch(ref, {good->url()}).error().code, Code::out_of_range);
  Fetcher larger(client, *mine);
  EXPECT_EQ(larger.fetch({ref.cid, ref.size - 1}, {good->url()}).error().code, Code::rejected);
}

}  // namespace
}  // namespace koinon::node
