#pragma once
#include <array>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "trust/private/field/modulus.hpp"

namespace koinon::trust::fhe {

/// What a stream is drawn for: no two uses of one seed share a stream.
enum class Use : std::uint8_t {
  ciphertext = 1,  ///< public half of a seeded ciphertext
  public_key = 2,
  switch_key = 3,
  secret = 4,  ///< the secret key's coefficients
  noise = 5,   ///< errors and the one-time secret of an encryption
  flood = 6,
};

/// ChaCha20 keystream (Bernstein, 64-bit nonce and counter; libsodium) of a 32-byte seed. Bytes and state are wiped when it
/// goes.
class Stream {
 public:
  /// Distinct (use, index, row) give independent streams: nonce = use << 56 | index << 16 | row, little-endian.
  Stream(const base::Hash& seed, Use use, std::uint64_t index = 0, std::uint64_t row = 0);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  std::uint8_t byte() {
    if (at_ == buffer_.size()) refill();
    return buffer_[at_++];
  }
  /// The next eight bytes (after skipping to a multiple of eight), little-endian.
  std::uint64_t word();

 private:
  void refill();
  std::array<std::uint8_t, 4096> buffer_{};
  std::array<std::uint8_t, 32> key_;
  std::array<std::uint8_t, 8> nonce_{};
  std::uint64_t block_ = 0;
  std::size_t at_;
};

/// Small secret coefficients, wiped when they go.
class Small {
 public:
  explicit Small(std::size_t n) : values_(n) {}
  Small(const Small&) = default;
  Small(Small&&) = default;
  Small& operator=(const Small&) = delete;
  Small& operator=(Small&&) = delete;
  ~Small() { base::wipe({reinterpret_cast<std::uint8_t*>(values_.data()), values_.size()}); }
  std::int8_t& operator[](std::size_t i) { return values_[i]; }
  std::int8_t operator[](std::size_t i) const { return values_[i]; }
  [[nodiscard]] std::size_t size() const { return values_.size(); }

 private:
  std::vector<std::int8_t> values_;
};

/// Parameter of the centred binomial error: the sum of 21 coin differences, variance 10.5 (sigma 3.24; the standard asks for
/// 3.19), never beyond 21.
inline constexpr int kErrorCoins = 21;

/// Uniform residues modulo q for public polynomials: words cut to the size of q, those not below q dropped.
void sample_uniform(Stream& stream, std::span<double> out, const Modulus& q);
/// Uniform in {-1, 0, 1}: bytes modulo 3, byte 255 dropped, so exactly uniform. Time depends only on the bytes dropped, which
/// say nothing about those kept.
Small sample_ternary(Stream& stream, std::size_t n);
/// Centred binomial: the bits of one word, counted without branches or tables.
Small sample_error(Stream& stream, std::size_t n);

}  // namespace koinon::trust::fhe
