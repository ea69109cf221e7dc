#include "engine/language/bundle.hpp"

#include <gtest/gtest.h>

#include "base/codec.hpp"
#include "engine/language/random_model.hpp"

namespace koinon::engine::language {
namespace {

using base::Code;

Folder folder(std::int64_t chunk, std::uint64_t seed = 1) {
  BuildOptions options;
  options.chunk = chunk;
  return random_folder({"gpt2", 2, 16, 2, 2, 8, 32, 24, 260, 1e-5, 0, Activation::gelu_tanh, false, false}, options, seed);
}

base::Bytes replaced(base::Bytes bytes, std::size_t at, std::uint8_t value) {
  bytes[at] = value;
  return bytes;
}

TEST(Bundle, is_read_as_it_was_written) {
  for (std::int64_t chunk : {1, 4}) {
    const auto written = folder(chunk);
    const auto bytes = encode_bundle(written);
    EXPECT_TRUE(is_bundle(bytes));
    const auto read = decode_bundle(bytes);
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(bundle_id(*read), bundle_id(written));
    EXPECT_EQ(read->model.programs.prefill, written.model.programs.prefill);
    EXPECT_EQ(read->model.programs.chunk, chunk);
    EXPECT_EQ(read->ends, written.ends);
    EXPECT_EQ(encode_bundle(*read), bytes);
  }
}

TEST(Bundle, holds_the_weights_once) {
  const auto written = folder(4);
  std::size_t weights = 0;
  for (const auto& weight : written.model.programs.decode.weights) weights += weight.data.size();
  const auto more = encode_bundle(written).size() - encode_bundle(folder(1)).size();
  EXPECT_LT(more, program::encode(written.model.programs.prefill).size() - weights / 2);
  EXPECT_LT(more, program::encode(written.model.programs.prefill, false).size() + weights / 10);
}

TEST(Bundle, id_is_of_every_part) {
  const auto one = folder(4);
  auto other = folder(4);
  EXPECT_EQ(bundle_id(other), bundle_id(one));
  other.ends.push_back(3);
  EXPECT_NE(bundle_id(other), bundle_id(one));
  other = folder(4);
  other.tokeniser_bytes.push_back('\n');
  EXPECT_NE(bundle_id(other), bundle_id(one));
  EXPECT_NE(bundle_id(folder(3)), bundle_id(one));
  EXPECT_NE(bundle_id(folder(4, 2)), bundle_id(one));
}

TEST(Bundle, refuses_what_is_none) {
  const auto bytes = encode_bundle(folder(4));
  EXPECT_EQ(decode_bundle(base::as_bytes("KNL2")).error().code, Code::malformed);
  EXPECT_EQ(decode_bundle(base::ByteView(bytes).first(bytes.size() / 2)).error().code, Code::malformed);
  auto longer = bytes;
  longer.push_back(0);
  EXPECT_EQ(decode_bundle(longer).error().code, Code::malformed);
  EXPECT_EQ(decode_bundle(replaced(bytes, 9, 0xff)).error().code, Code::malformed) << "a part larger than the file";
  EXPECT_EQ(decode_bundle(replaced(bytes, bytes.size() - 2, 1)).error().code, Code::malformed) << "an end that is no token";
}

TEST(Bundle, refuses_a_prefill_of_other_weights_that_hides_them) {
  const auto one = folder(4), other = folder(4, 2);
  base::Writer out;
  out.raw(base::as_bytes(kBundleMagic));
  for (const auto& part : {program::encode(one.model.programs.decode), program::encode(other.model.programs.prefill, false),
                           base::Bytes(), one.tokeniser_bytes}) {
    out.number(static_cast<std::uint64_t>(part.size()));
    out.raw(part);
  }
  out.number(std::uint32_t{0});
  const auto read = decode_bundle(out.bytes());
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().text.find("is neither there nor in decode"), std::string::npos) << read.error().text;
}

}  // namespace
}  // namespace koinon::engine::language
