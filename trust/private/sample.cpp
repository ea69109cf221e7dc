#include "trust/private/sample.hpp"

#include <sodium.h>

#include <bit>

namespace koinon::trust::fhe {
namespace {

constexpr std::size_t kChachaBlock = 64;

/// Ones in the low 21 bits, by sums of ever wider fields (no table, no branch).
std::uint32_t count_coins(std::uint32_t x) {
  x &= (1U << kErrorCoins) - 1;
  x -= (x >> 1) & 0x55555555U;
  x = (x & 0x33333333U) + ((x >> 2) & 0x33333333U);
  x = (x + (x >> 4)) & 0x0f0f0f0fU;
  return (x * 0x01010101U) >> 24;
}

}  // namespace

Stream::Stream(const base::Hash& seed, Use use, std::uint64_t index, std::uint64_t row)
    : key_(seed.bytes), at_(buffer_.size()) {
  static_assert(crypto_stream_chacha20_KEYBYTES == 32 && crypto_stream_chacha20_NONCEBYTES == 8);
  KOINON_INVARIANT(index >> 40 == 0 && row >> 16 == 0);
  static const bool kReady = sodium_init() >= 0;  // picks the processor's fastest ChaCha20
  KOINON_INVARIANT(kReady);
  const auto nonce = static_cast<std::uint64_t>(use) << 56 | index << 16 | row;
  for (std::size_t i = 0; i < 8; ++i) nonce_[i] = static_cast<std::uint8_t>(nonce >> (8 * i));
}

Stream::~Stream() {
  base::wipe(buffer_);
  base::wipe(key_);
}

void Stream::refill() {
  buffer_.fill(0);
  crypto_stream_chacha20_xor_ic(buffer_.data(), buffer_.data(), buffer_.size(), nonce_.data(), block_, key_.data());
  block_ += buffer_.size() / kChachaBlock;
  at_ = 0;
}

std::uint64_t Stream::word() {
  at_ = (at_ + 7) & ~std::size_t{7};
  if (at_ == buffer_.size()) refill();
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) out |= static_cast<std::uint64_t>(buffer_[at_ + i]) << (8 * i);
  at_ += 8;
  return out;
}

void sample_uniform(Stream& stream, std::span<double> out, const Modulus& q) {
  const auto mask = (std::uint64_t{1} << std::bit_width(q.value)) - 1;
  for (std::size_t i = 0; i < out.size();) {
    const auto x = stream.word() & mask;
    out[i] = static_cast<double>(x);
    i += x < q.value ? 1 : 0;
  }
}

Small sample_ternary(Stream& stream, std::size_t n) {
  Small out(n);
  for (std::size_t i = 0; i < n;) {
    const std::uint32_t byte = stream.byte();
    const auto third = (byte * 171) >> 9;  // byte / 3 for byte < 256
    out[i] = static_cast<std::int8_t>(static_cast<int>(byte - 3 * third) - 1);
    i += byte != 255 ? 1 : 0;
  }
  return out;
}

Small sample_error(Stream& stream, std::size_t n) {
  Small out(n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto coins = stream.word();
    out[i] = static_cast<std::int8_t>(static_cast<int>(count_coins(static_cast<std::uint32_t>(coins))) -
                                      static_cast<int>(count_coins(static_cast<std::uint32_t>(coins >> 32))));
  }
  return out;
}

}  // namespace koinon::trust::fhe
