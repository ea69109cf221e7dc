#include "base/base64.hpp"

#include <array>

namespace koinon::base {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

Result<Bytes> decode_base64(std::string_view text) {
  static constexpr auto kValues = [] {
    std::array<std::uint8_t, 256> out{};
    out.fill(64);
    for (std::size_t i = 0; i < 64; ++i) out[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
    return out;
  }();
  if (text.size() % 4 != 0) return fail(Code::malformed, "[base64] {} characters: a multiple of 4 expected", text.size());
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  Bytes out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const std::size_t real = i + 4 == text.size() ? 4 - padding : 4;
    std::uint32_t word = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const auto value = j < real ? kValues[static_cast<unsigned char>(text[i + j])] : std::uint8_t{0};
      if (value > 63) return fail(Code::malformed, "[base64] character {} is not of its alphabet", i + j);
      word = word << 6 | value;
    }
    if ((word & ((1U << (8 * (4 - real))) - 1)) != 0) return fail(Code::malformed, "[base64] the last bits are not zero");
    for (std::size_t j = 0; j + 1 < real; ++j) out.push_back(static_cast<std::uint8_t>(word >> (16 - 8 * j) & 0xff));
  }
  return out;
}

std::string encode_base64(ByteView bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t real = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t word = 0;
    for (std::size_t j = 0; j < 3; ++j) word = word << 8 | (j < real ? static_cast<std::uint32_t>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j) out.push_back(j <= real ? kAlphabet[word >> (18 - 6 * j) & 63] : '=');
  }
  return out;
}

}  // namespace koinon::base
