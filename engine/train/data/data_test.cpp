#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "base/file.hpp"
#include "engine/train/data/data_set.hpp"

namespace koinon::engine::train {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const base::Bytes kImages = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 255, 51, 102};
const base::Bytes kLabels = {0, 0, 8, 1, 0, 0, 0, 2, 4, 1};

base::Bytes gzip(const base::Bytes& plain) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  base::Bytes out(plain.size() + 100);
  z.next_in = const_cast<Bytef*>(plain.data()), z.avail_in = static_cast<uInt>(plain.size());
  z.next_out = out.data(), z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - z.avail_out);
  deflateEnd(&z);
  return out;
}

TEST(data, reads_idx_packed_and_plain) {
  const base::TempFolder folder;
  ASSERT_TRUE(base::write_file(folder.path() / "i.gz", gzip(kImages)));
  ASSERT_TRUE(base::write_file(folder.path() / "l", kLabels));
  DataSource source;
  source.format = "idx", source.files = {"i.gz", "l"}, source.folder = folder.path();
  const auto set = read_data(source);
  ASSERT_TRUE(set) << set.error().text;
  EXPECT_THAT(set->sample, ElementsAre(1, 1, 2));
  EXPECT_EQ(set->count, 2U);
  EXPECT_EQ(set->classes, 5);
  float input[2], target = 0;
  set->take(1, input, &target);
  EXPECT_FLOAT_EQ(input[0], 0.2F);
  EXPECT_EQ(target, 1);
  source.files = {"l", "i.gz"};
  EXPECT_THAT(read_data(source).error().text, HasSubstr("as many labels as images"));
  source.files = {"absent", "l"};
  EXPECT_EQ(read_data(source).error().code, base::Code::not_found);
}

TEST(data, refuses_broken_idx) {
  auto cut = kImages;
  cut.pop_back();
  EXPECT_THAT(read_idx(cut).error().text, HasSubstr("3 bytes behind the heading: 4 expected"));
  auto packed = gzip(kImages);
  packed.resize(packed.size() - 12);
  EXPECT_THAT(read_idx(packed).error().text, HasSubstr("[gzip]"));
  EXPECT_FALSE(read_idx(base::as_bytes("hello")));
}

TEST(data, reads_csv_with_classes_in_order) {
  const auto set = read_csv(base::as_bytes("a,kind,b\r\n1,zebra,2\n3,\"ant\",4.5\n\n"), "kind", false);
  ASSERT_TRUE(set) << set.error().text;
  EXPECT_THAT(set->names, ElementsAre("ant", "zebra"));
  EXPECT_THAT(set->numbers, ElementsAre(1, 2, 3, 4.5F));
  EXPECT_THAT(set->targets, ElementsAre(1, 0));
  const auto values = read_csv(base::as_bytes("a,b\n1,2\n"), "", true);
  EXPECT_THAT(values->targets, ElementsAre(2));
  EXPECT_EQ(values->classes, 0);
}

TEST(data, names_line_and_value_of_a_bad_csv) {
  const auto error = [](std::string_view text, const std::string& target = "") {
    return read_csv(base::as_bytes(text), target, false).error().text;
  };
  EXPECT_THAT(error("a,b\n1,2\nx,2\n"), HasSubstr("line 3, column a: 'x'"));
  EXPECT_THAT(error("a,b\n1,2\n\nnan,2\n"), HasSubstr("line 4, column a: 'nan'"));
  EXPECT_THAT(error("a,b\n1,2,3\n"), HasSubstr("line 2: 3 columns: 2 expected"));
  EXPECT_THAT(error("a,b\n1,2\n", "c"), HasSubstr("no column 'c'"));
}

TEST(data, reads_text_as_the_next_token) {
  const auto set = read_text(base::as_bytes("abcab"), 2);
  ASSERT_TRUE(set);
  EXPECT_EQ(set->count, 2U);
  EXPECT_EQ(set->classes, 3);
  float input[2], target[2];
  set->take(1, input, target);
  EXPECT_THAT(input, ElementsAre(2, 0));
  EXPECT_THAT(target, ElementsAre(0, 1));
  EXPECT_FALSE(read_text(base::as_bytes("ab"), 2));
}

TEST(data, reads_pictures_by_folder) {
  const base::TempFolder folder;
  for (const auto* kind : {"b", "a"}) ASSERT_TRUE(base::make_folder(folder.path() / kind));
  const auto picture = base::read_file("examples/digits/digit-3.png");
  ASSERT_TRUE(picture);
  ASSERT_TRUE(base::write_file(folder.path() / "a/1.png", *picture));
  ASSERT_TRUE(base::write_file(folder.path() / "b/2.png", *picture));
  DataSource source;
  source.format = "images", source.files = {"."}, source.folder = folder.path(), source.size = {14, 14}, source.channels = 1;
  const auto set = read_data(source);
  ASSERT_TRUE(set) << set.error().text;
  EXPECT_THAT(set->names, ElementsAre("a", "b"));
  EXPECT_THAT(set->targets, ElementsAre(0, 1));
  EXPECT_EQ(set->bytes.size(), 2U * 14 * 14);
  ASSERT_TRUE(base::write_file(folder.path() / "b/3.png", base::as_bytes("no picture")));
  EXPECT_THAT(read_data(source).error().text, HasSubstr("3.png"));
}

TEST(data, holds_out_the_last_share) {
  const auto all = read_text(base::as_bytes("abcabcabcab"), 2);
  const auto parts = hold_out(*all, 0.4);
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->first.count, 3U);
  EXPECT_EQ(parts->second.count, 2U);
  float input[2], target[2], same[2], next[2];
  parts->second.take(1, input, target);
  all->take(4, same, next);
  EXPECT_THAT(target, ElementsAre(next[0], next[1]));
  EXPECT_NE(parts->first.root(), all->root());
  EXPECT_FALSE(hold_out(*all, 0.01));
}

TEST(data, travels_as_canonical_bytes) {
  const auto csv = *read_csv(base::as_bytes("a,b,c\n1,2,x\n3,4,y\n"), "", false);
  const auto text = *read_text(base::as_bytes("abcabcab"), 3);
  for (const auto& set : {csv, text}) {
    const auto bytes = encode_data(set);
    const auto again = decode_data(bytes);
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(again->root(), set.root());
    EXPECT_EQ(encode_data(*again), bytes);
    for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_data(base::ByteView(bytes).first(size)));
  }
  auto wrong = csv;
  wrong.targets[1] = 2;
  EXPECT_THAT(decode_data(encode_data(wrong)).error().text, HasSubstr("label 1 is 2: 0 to 1 expected"));
  wrong = text;
  wrong.bytes[2] = 9;
  EXPECT_FALSE(decode_data(encode_data(wrong)));
}

}  // namespace
}  // namespace koinon::engine::train
