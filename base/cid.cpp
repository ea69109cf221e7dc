#include "base/cid.hpp"

namespace koinon::base {
namespace {

constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::array<std::uint8_t, 4> kHead = {0x01, 0x55, 0x12, 0x20};  // version 1, raw, sha2-256, 32 bytes
constexpr std::size_t kDigits = 58;                                      // ceil(36 * 8 / 5)

}  // namespace

std::string Cid::text() const {
  std::string out = "b";
  unsigned buffer = 0;
  int bits = 0;
  const auto push = [&](std::uint8_t byte) {
    buffer = buffer << 8 | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out.push_back(kAlphabet[buffer >> bits & 31]);
    }
    buffer &= (1U << bits) - 1;
  };
  for (auto b : kHead) push(b);
  for (auto b : digest.bytes) push(b);
  if (bits > 0) out.push_back(kAlphabet[buffer << (5 - bits) & 31]);
  return out;
}

Result<Cid> Cid::parse(std::string_view text) {
  if (text.size() != kDigits + 1 || text[0] != 'b')
    return fail(Code::malformed, "[cid] '{}': 59 characters beginning with 'b' expected", text.substr(0, 70));
  std::array<std::uint8_t, 36> bytes{};
  std::size_t n = 0;
  unsigned buffer = 0;
  int bits = 0;
  for (char c : text.substr(1)) {
    const auto digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return fail(Code::malformed, "[cid] '{}' is not lower-case base32", c);
    buffer = buffer << 5 | static_cast<unsigned>(digit);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[n++] = static_cast<std::uint8_t>(buffer >> bits);
      buffer &= (1U << bits) - 1;
    }
  }
  if (buffer != 0) return fail(Code::malformed, "[cid] padding bits are not zero");
  for (std::size_t i = 0; i < kHead.size(); ++i)
    if (bytes[i] != kHead[i])
      return fail(Code::unsupported, "[cid] only CIDv1, raw, sha2-256 is supported: byte {} is {:#04x}, {:#04x} expected", i,
                  bytes[i], kHead[i]);
  return Cid{fixed<32>(ByteView(bytes).subspan(4))};
}

}  // namespace koinon::base
