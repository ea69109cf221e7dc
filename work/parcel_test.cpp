#include "work/parcel.hpp"

#include <gtest/gtest.h>

namespace koinon::work {
namespace {

Parcel parcel() {
  Parcel out{.salt = {}, .parts = {{1, 2, 3}, {}, base::Bytes(2000, 9)}};
  out.salt.bytes.fill(5);
  return out;
}

TEST(Parcel, reads_what_it_writes) { EXPECT_EQ(Parcel::decode(parcel().encode()).value(), parcel()); }

TEST(Parcel, root_binds_salt_order_and_content) {
  const auto root = parcel().root();
  auto other = parcel();
  other.salt.bytes[0] ^= 1;
  EXPECT_NE(other.root(), root);
  other = parcel();
  std::swap(other.parts[0], other.parts[1]);
  EXPECT_NE(other.root(), root);
  other = parcel();
  other.parts[2][1999] ^= 1;
  EXPECT_NE(other.root(), root);
}

TEST(Parcel, refuses_truncated_and_trailing_bytes) {
  const auto bytes = parcel().encode();
  for (std::size_t i = 0; i < bytes.size(); i += 7) EXPECT_FALSE(Parcel::decode(base::ByteView(bytes).first(i))) << i;
  auto longer = bytes;
  longer.push_back(0);
  EXPECT_EQ(Parcel::decode(longer).error().code, base::Code::malformed);
}

TEST(Delivery, reads_what_it_writes) {
  Delivery delivery{.outputs = {{1}, {2, 3}}, .output_root = {}, .trace_root = {}, .signature = {}};
  delivery.output_root = outputs_root(delivery.outputs);
  delivery.signature.bytes[64] = 27;
  EXPECT_EQ(Delivery::decode(delivery.encode()).value(), delivery);
  const auto plain = delivery.encode().size();
  delivery.proof = {7, 8, 9};
  const auto proven = delivery.encode();
  EXPECT_EQ(proven.size(), plain + 4 + 3);
  EXPECT_EQ(Delivery::decode(proven).value(), delivery);
  for (std::size_t size = 0; size < proven.size(); ++size)
    EXPECT_FALSE(Delivery::decode(base::ByteView(proven).first(size))) << size;
  auto empty = base::Bytes(proven.begin(), proven.end() - 3);
  empty[empty.size() - 4] = 0;
  EXPECT_EQ(Delivery::decode(empty).error().code, base::Code::malformed) << "no proof is written one way only";
  EXPECT_EQ(Delivery::decode(parcel().encode()).error().code, base::Code::malformed);
}

}  // namespace
}  // namespace koinon::work
