#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace koinon::net {

/// True when an address is meant for the public internet: not loopback, private, link-local, shared, documentation, benchmark,
/// multicast, reserved or unspecified (IANA special-purpose registries, RFC 6890). IPv6 addresses that carry an IPv4 address
/// (mapped, 6to4, NAT64) are judged by it.
bool is_public_address(const std::array<std::uint8_t, 4>& v4);
bool is_public_address(const std::array<std::uint8_t, 16>& v6);
/// The same of an address in text; false for what is no address.
bool is_public_address(std::string_view text);

/// Whom an address stands for where clients are counted: itself, or its /64 of IPv6, which one customer has whole (RFC 6177).
/// What is no address stands for itself.
std::string client_of(std::string_view address);

}  // namespace koinon::net
