#include "node/artifacts/artifacts.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "base/file.hpp"

namespace koinon::node {
namespace {

using base::Bytes;
using base::Cid;
using base::Code;

Bytes sample(std::size_t size, std::uint8_t seed) {
  Bytes out(size);
  std::uint32_t state = seed + 1u;
  for (auto& b : out) b = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  return out;
}

struct ArtifactsTest : testing::Test {
  base::TempFolder folder;
  base::ManualClock clock{1000};
  std::unique_ptr<Artifacts> open(std::uint64_t quota = 64u << 20) { return *Artifacts::open(folder.path(), quota, clock); }
};

TEST_F(ArtifactsTest, returns_what_was_put_also_after_a_restart) {
  base::ArtifactRef small;
  base::ArtifactRef large;
  const auto content = sample(3 * kChunkSize + 17, 2);
  {
    const auto store = open();
    small = *store->put(sample(1000, 1));
    large = *store->put(content);
  }
  const auto store = open();
  EXPECT_EQ(*store->get(small.cid), sample(1000, 1));
  EXPECT_EQ(*store->get(large.cid), content);
  EXPECT_EQ(large.size, content.size());
  EXPECT_TRUE(store->has(large));
  EXPECT_EQ(store->usage().blobs, 6u);
}

TEST_F(ArtifactsTest, names_small_artifacts_by_their_bytes) {
  const auto store = open();
  EXPECT_EQ(store->put(sample(kChunkSize, 1))->cid, Cid::of(sample(kChunkSize, 1)));
  EXPECT_EQ(*store->get(store->put({})->cid), Bytes{});
}

TEST_F(ArtifactsTest, gives_one_reference_however_the_bytes_arrive) {
  const auto store = open();
  const auto content = sample(2 * kChunkSize, 3);
  const auto ref = *store->put(content);
  auto incoming = store->begin(ref);
  for (std::size_t at = 0; at < content.size();) {
    const auto step = std::min<std::size_t>(content.size() - at, 77'777);
    ASSERT_TRUE(incoming.write(base::ByteView(content).subspan(at, step)));
    at += step;
  }
  EXPECT_EQ(*incoming.finish(), ref);
}

TEST_F(ArtifactsTest, refuses_other_bytes_than_expected) {
  const auto store = open();
  const base::ArtifactRef expected{Cid::of(sample(100, 1)), 100};
  auto longer = store->begin(expected);
  EXPECT_EQ(longer.write(sample(101, 1)).error().code, Code::out_of_range);
  auto other = store->begin(expected);
  ASSERT_TRUE(other.write(sample(100, 2)));
  EXPECT_EQ(other.finish().error().code, Code::rejected);
  EXPECT_FALSE(store->has(expected.cid));
}

TEST_F(ArtifactsTest, refuses_an_artifact_that_reads_as_a_manifest) {
  const auto store = open();
  const auto ref = *store->put(sample(kChunkSize + 1, 1));
  EXPECT_EQ(store->put(*store->blob(ref.cid)).error().code, Code::invalid_argument);
}

TEST_F(ArtifactsTest, notices_damage_and_lets_the_blob_come_again) {
  const auto store = open();
  const auto ref = *store->put(sample(1000, 1));
  const auto name = ref.cid.text();
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder.path()))
    if (file.path().filename() == name) {
      ASSERT_TRUE(base::write_file(file.path(), sample(1000, 9)));
    }
  EXPECT_EQ(store->get(ref.cid).error().code, Code::io);
  EXPECT_FALSE(store->has(ref.cid));
  EXPECT_EQ(store->usage().bytes, 0u);
  EXPECT_TRUE(store->put(sample(1000, 1)));
  EXPECT_EQ(*store->get(ref.cid), sample(1000, 1));
}

TEST_F(ArtifactsTest, evicts_the_least_recently_used_unpinned_blob) {
  const auto store = open(3000);
  const auto a = *store->put(sample(1000, 1));
  const auto b = *store->put(sample(1000, 2));
  const auto c = *store->put(sample(1000, 3));
  ASSERT_TRUE(store->pin(b.cid, "order 1", 2000));
  ASSERT_TRUE(store->get(a.cid));
  ASSERT_TRUE(store->put(sample(1000, 4)));
  EXPECT_FALSE(store->has(c.cid));
  EXPECT_TRUE(store->has(a.cid));
  ASSERT_TRUE(store->put(sample(2000, 5)));
  EXPECT_TRUE(store->has(b.cid));
  EXPECT_EQ(store->put(sample(2500, 6)).error().code, Code::exhausted);
  clock.advance(5000);
  EXPECT_TRUE(store->put(sample(2500, 6)));
  EXPECT_FALSE(store->has(b.cid));
}

TEST_F(ArtifactsTest, keeps_pins_and_their_chunks_over_a_restart) {
  base::ArtifactRef large;
  {
    const auto store = open(4u << 20);
    large = *store->put(sample(2 * kChunkSize, 1));
    ASSERT_TRUE(store->pin(large.cid, "order 7: until the last window ends", 10'000));
  }
  const auto store = open(4u << 20);
  EXPECT_GT(store->usage().pinned_bytes, 2 * kChunkSize);
  EXPECT_EQ(store->put(sample(3 * kChunkSize, 2)).error().code, Code::exhausted);
  EXPECT_TRUE(store->has(large));
  ASSERT_TRUE(store->unpin(large.cid, "order 7: until the last window ends"));
  EXPECT_TRUE(store->put(sample(3 * kChunkSize, 2)));
}

TEST_F(ArtifactsTest, shortens_pins_of_one_reason_and_never_prolongs_them) {
  const auto ref = *open()->put(sample(1000, 1));
  {
    const auto store = open();
    ASSERT_TRUE(store->pin(ref.cid, "order", 10'000));
    ASSERT_TRUE(store->pin(ref.cid, "model", 5'000));
    ASSERT_TRUE(store->shorten({ref.cid, Cid::of(sample(9, 9))}, "order", 3'000));
    ASSERT_TRUE(store->shorten({ref.cid}, "order", 8'000));
  }
  const auto store = open();
  clock.advance(2'500);
  EXPECT_EQ(store->usage().pinned_bytes, 1000U) << "the other reason still holds it";
  ASSERT_TRUE(store->unpin(ref.cid, "model"));
  EXPECT_EQ(store->usage().pinned_bytes, 0U) << "this one ended at 3000";
  EXPECT_TRUE(store->has(ref)) << "until its place is needed";
}

TEST_F(ArtifactsTest, does_not_evict_the_chunks_of_what_is_arriving) {
  const auto store = open(4 * kChunkSize);
  EXPECT_EQ(store->put(sample(6 * kChunkSize, 1)).error().code, Code::exhausted);
  EXPECT_TRUE(store->put(sample(3 * kChunkSize, 2)));  // what the failed one had kept may go
}

TEST_F(ArtifactsTest, removes_interrupted_writes_at_start) {
  (void)open();
  const auto left = folder.path() / "incoming" / "left";
  ASSERT_TRUE(base::write_file(left, sample(10, 1)));
  (void)open();
  EXPECT_FALSE(std::filesystem::exists(left));
}

TEST_F(ArtifactsTest, is_used_from_many_threads_at_once) {
  const auto store = open(40'000);
  std::atomic<int> bad{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 100; ++i) {
          const auto content = sample(1000, static_cast<std::uint8_t>(i));
          const auto ref = store->put(content);
          if (!ref) ++bad;
          const auto got = store->get(Cid::of(content));
          if (got && *got != content) ++bad;
        }
      });
  }
  EXPECT_EQ(bad, 0);
  EXPECT_LE(store->usage().bytes, 40'000u);
}

TEST(Manifest, refuses_every_other_size) {
  Manifest manifest;
  manifest.size = 2 * kChunkSize + 1;
  manifest.chunks.resize(3);
  auto bytes = manifest.encode();
  EXPECT_EQ(Manifest::decode(bytes)->chunks.size(), 3u);
  EXPECT_EQ(manifest.chunk_size(2), 1u);
  bytes.push_back(0);
  EXPECT_FALSE(Manifest::decode(bytes));
  manifest.size = kChunkSize;
  EXPECT_FALSE(Manifest::decode(manifest.encode()));
  manifest.size = ~std::uint64_t{0};
  EXPECT_FALSE(Manifest::decode(manifest.encode()));
}

}  // namespace
}  // namespace koinon::node
