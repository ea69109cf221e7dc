#include "net/address.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace koinon::net {
namespace {

struct Block {
  std::uint32_t prefix;
  int bits;
};
constexpr Block kSpecial[] = {
    {0x00000000, 8},  {0x0A000000, 8},  {0x64400000, 10}, {0x7F000000, 8},  {0xA9FE0000, 16},
    {0xAC100000, 12}, {0xC0000000, 24}, {0xC0000200, 24}, {0xC0586300, 24}, {0xC0A80000, 16},
    {0xC6120000, 15}, {0xC6336400, 24}, {0xCB007100, 24}, {0xE0000000, 3},
};

std::array<std::uint8_t, 4> carried(const std::array<std::uint8_t, 16>& v6, std::size_t at) {
  return {v6[at], v6[at + 1], v6[at + 2], v6[at + 3]};
}

bool zero(const std::array<std::uint8_t, 16>& v6, std::ptrdiff_t from, std::ptrdiff_t to) {
  return std::all_of(v6.begin() + from, v6.begin() + to, [](std::uint8_t b) { return b == 0; });
}

}  // namespace

bool is_public_address(const std::array<std::uint8_t, 4>& v4) {
  std::uint32_t value = 0;
  for (const auto b : v4) value = value << 8 | b;
  return std::none_of(std::begin(kSpecial), std::end(kSpecial),
                      [&](const Block& block) { return (value ^ block.prefix) >> (32 - block.bits) == 0; });
}

bool is_public_address(const std::array<std::uint8_t, 16>& v6) {
  if (zero(v6, 0, 10) && v6[10] == 0xFF && v6[11] == 0xFF) return is_public_address(carried(v6, 12));
  if (v6[0] == 0x00 && v6[1] == 0x64 && v6[2] == 0xFF && v6[3] == 0x9B && zero(v6, 4, 12))
    return is_public_address(carried(v6, 12));
  if (v6[0] == 0x20 && v6[1] == 0x02) return is_public_address(carried(v6, 2));
  if ((v6[0] & 0xE0) != 0x20) return false;                                    // only 2000::/3 is global unicast
  if (v6[0] == 0x20 && v6[1] == 0x01 && (v6[2] & 0xFE) == 0) return false;     // 2001::/23, protocol assignments
  return !(v6[0] == 0x20 && v6[1] == 0x01 && v6[2] == 0x0D && v6[3] == 0xB8);  // documentation
}

bool is_public_address(std::string_view text) {
  const std::string copy(text);
  std::array<std::uint8_t, 4> v4{};
  if (::inet_pton(AF_INET, copy.c_str(), v4.data()) == 1) return is_public_address(v4);
  std::array<std::uint8_t, 16> v6{};
  return ::inet_pton(AF_INET6, copy.c_str(), v6.data()) == 1 && is_public_address(v6);
}

std::string client_of(std::string_view address) {
  std::string copy(address.substr(0, address.find('%')));
  std::array<std::uint8_t, 16> v6{};
  if (::inet_pton(AF_INET6, copy.c_str(), v6.data()) != 1) return copy;
  char text[INET6_ADDRSTRLEN] = {};
  if (zero(v6, 0, 10) && v6[10] == 0xFF && v6[11] == 0xFF) return ::inet_ntop(AF_INET, v6.data() + 12, text, sizeof text);
  if (zero(v6, 0, 15)) return copy;  // ::1 is one machine
  std::fill(v6.begin() + 8, v6.end(), std::uint8_t{0});
  return std::string(::inet_ntop(AF_INET6, v6.data(), text, sizeof text)) + "/64";
}

}  // namespace koinon::net
