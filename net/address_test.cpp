#include "net/address.hpp"

#include <gtest/gtest.h>

namespace koinon::net {
namespace {

TEST(ClientOf, counts_an_address_or_a_whole_64) {
  EXPECT_EQ(client_of("203.0.113.7"), "203.0.113.7");
  EXPECT_EQ(client_of("2001:db8:1:2:3:4:5:6"), client_of("2001:db8:1:2::1"));
  EXPECT_NE(client_of("2001:db8:1:2::1"), client_of("2001:db8:1:3::1"));
  EXPECT_EQ(client_of("::ffff:203.0.113.7"), "203.0.113.7");
  EXPECT_EQ(client_of("fe80::1%eth0"), client_of("fe80::2"));
}

TEST(ClientOf, leaves_loopback_and_what_is_no_address) {
  EXPECT_EQ(client_of("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(client_of("::1"), "::1");
  EXPECT_EQ(client_of("unknown"), "unknown");
}

}  // namespace
}  // namespace koinon::net
