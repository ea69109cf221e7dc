#include "node/artifacts/fetcher.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "base/file.hpp"
#include "net/http_server.hpp"
#include "net/mute_peer.hpp"

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

std::int64_t elapsed_ms(const std::function<void()>& body) {
  const auto from = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - from).count();
}

TEST_F(FetcherTest, gives_a_peer_up_that_is_slower_than_the_pace_and_asks_the_next) {
  const net::MutePeer mute;
  const auto ref = *theirs->put(Bytes(10'000, 1));
  Fetcher fetcher(client, *mine);
  Pace pace;
  pace.connect_ms = 300;
  pace.bytes_a_second = 100'000;
  const auto took =
      elapsed_ms([&] { EXPECT_EQ(fetcher.fetch(ref, {mute.url()}, {}, {}, pace).error().code, Code::not_found); });
  EXPECT_GE(took, 390);
  EXPECT_LT(took, 5'000) << "the client alone would wait for 30 s";
  pace.connect_ms = 2'000;
  EXPECT_TRUE(fetcher.fetch(ref, {good->url(), mute.url()}, {}, {}, pace));
}

TEST_F(FetcherTest, bounds_the_whole_fetch_however_many_pieces_and_peers) {
  const net::MutePeer mute;
  const auto ref = *theirs->put(Bytes(3 * kChunkSize, 1));
  Fetcher fetcher(client, *mine);
  Pace pace;
  pace.most_ms = 700;
  const auto took = elapsed_ms([&] {
    EXPECT_EQ(fetcher.fetch(ref, {mute.url(), mute.url(), mute.url(), mute.url()}, {}, {}, pace).error().code, Code::timeout);
  });
  EXPECT_LT(took, 5'000);
}

TEST_F(FetcherTest, follows_no_redirect_and_asks_no_private_address_where_that_is_refused) {
  net::Router away;
  away.get<Cid>("/artifacts/{cid}", [this](const net::HttpRequest&, const Cid& cid) {
    auto out = net::HttpResponse::text(302, "");
    out.headers.set("Location", fmt::format("{}/artifacts/{}", good->url(), cid.text()));
    return out;
  });
  const auto redirecting = *net::HttpServer::start(std::move(away));
  const auto ref = *theirs->put(Bytes(1000, 1));
  net::HttpClient peers({.max_redirects = 0});
  Fetcher fetcher(peers, *mine);
  EXPECT_EQ(fetcher.fetch(ref, {redirecting->url()}).error().code, Code::not_found);
  EXPECT_EQ(asked, 0);
  net::HttpClient outside({.max_redirects = 0, .allow_private = false});
  Fetcher careful(outside, *mine);
  EXPECT_EQ(careful.fetch(ref, {good->url()}).error().code, Code::not_found);
  EXPECT_EQ(asked, 0);
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
