// Keccak-f[1600] (FIPS 202, section 3) for fixed-size messages: one lane in 64-bit words, or four messages side by side in AVX2
// registers. The permutation is written once over a word type.
#include "trust/proof/keccak.hpp"

#include <algorithm>
#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace koinon::trust::proof {
namespace {

constexpr std::size_t kRate = 136;
constexpr std::size_t kRateWords = kRate / 8;

constexpr std::array<std::uint64_t, 24> kRound{
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
    0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
    0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};
// Rotation of lane x + 5y (FIPS 202, table 2), and where the step pi takes it.
constexpr std::array<int, 25> kRotate{0,  1,  62, 28, 27, 36, 44, 6,  55, 20, 3,  10, 43,
                                      25, 39, 41, 45, 15, 21, 8,  18, 2,  61, 56, 14};
constexpr std::array<std::size_t, 25> kTo{0,  10, 20, 5, 15, 16, 1,  11, 21, 6, 7,  17, 2,
                                          12, 22, 23, 8, 18, 3,  13, 14, 24, 9, 19, 4};

void permute_ref(std::array<std::uint64_t, 25>& a) {
  for (const auto round : kRound) {
    std::array<std::uint64_t, 5> c{}, d{};
    for (std::size_t x = 0; x < 5; ++x) c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
    for (std::size_t x = 0; x < 5; ++x) d[x] = c[(x + 4) % 5] ^ std::rotl(c[(x + 1) % 5], 1);
    std::array<std::uint64_t, 25> b{};
    for (std::size_t i = 0; i < 25; ++i) b[kTo[i]] = std::rotl(a[i] ^ d[i % 5], kRotate[i]);
    for (std::size_t y = 0; y < 25; y += 5)
      for (std::size_t x = 0; x < 5; ++x) a[y + x] = b[y + x] ^ (~b[y + (x + 1) % 5] & b[y + (x + 2) % 5]);
    a[0] ^= round;
  }
}

/// Word `index` of block `block` of a padded message.
std::uint64_t padded_word(const std::uint8_t* message, std::size_t size, std::size_t block, std::size_t index) {
  const std::size_t at = block * kRate + index * 8;
  std::array<std::uint8_t, 8> bytes{};
  if (at < size) std::memcpy(bytes.data(), message + at, std::min<std::size_t>(8, size - at));
  if (size >= at && size < at + 8) bytes[size - at] ^= 0x01;
  const bool last = block == size / kRate;
  if (last && index == kRateWords - 1) bytes[7] ^= 0x80;
  std::uint64_t out = 0;
  std::memcpy(&out, bytes.data(), 8);
  return out;
}

#if defined(__x86_64__)
#define KOINON_AVX2 __attribute__((target("avx2")))

template <int kBits>
KOINON_AVX2 inline __m256i rotate(__m256i v) {
  if constexpr (kBits == 0) return v;
  return _mm256_or_si256(_mm256_slli_epi64(v, kBits), _mm256_srli_epi64(v, 64 - kBits));
}

template <std::size_t kIndex>
KOINON_AVX2 inline void rho_pi(const __m256i* a, const __m256i* d, __m256i* b) {
  if constexpr (kIndex < 25) {
    b[kTo[kIndex]] = rotate<kRotate[kIndex]>(_mm256_xor_si256(a[kIndex], d[kIndex % 5]));
    rho_pi<kIndex + 1>(a, d, b);
  }
}

KOINON_AVX2 void permute_avx2(__m256i* a) {
  for (const auto round : kRound) {
    __m256i b[25], c[5], d[5];
    for (std::size_t x = 0; x < 5; ++x)
      c[x] = _mm256_xor_si256(_mm256_xor_si256(_mm256_xor_si256(a[x], a[x + 5]), _mm256_xor_si256(a[x + 10], a[x + 15])),
                              a[x + 20]);
    for (std::size_t x = 0; x < 5; ++x) d[x] = _mm256_xor_si256(c[(x + 4) % 5], rotate<1>(c[(x + 1) % 5]));
    rho_pi<0>(a, d, b);
    for (std::size_t y = 0; y < 25; y += 5)
      for (std::size_t x = 0; x < 5; ++x)
        a[y + x] = _mm256_xor_si256(b[y + x], _mm256_andnot_si256(b[y + (x + 1) % 5], b[y + (x + 2) % 5]));
    a[0] = _mm256_xor_si256(a[0], _mm256_set1_epi64x(static_cast<long long>(round)));
  }
}

KOINON_AVX2 void hash_four(const std::uint8_t* messages, std::size_t size, base::Hash* out) {
  __m256i a[25];
  for (auto& lane : a) lane = _mm256_setzero_si256();
  const std::size_t blocks = size / kRate + 1;
  for (std::size_t block = 0; block < blocks; ++block) {
    for (std::size_t i = 0; i < kRateWords; ++i) {
      alignas(32) std::array<std::uint64_t, 4> words{};
      for (std::size_t k = 0; k < 4; ++k) {
        const auto* message = messages + k * size;
        if ((block + 1) * kRate <= size)
          std::memcpy(&words[k], message + block * kRate + i * 8, 8);
        else
          words[k] = padded_word(message, size, block, i);
      }
      a[i] = _mm256_xor_si256(a[i], _mm256_load_si256(reinterpret_cast<const __m256i*>(words.data())));
    }
    permute_avx2(a);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    alignas(32) std::array<std::uint64_t, 4> words{};
    _mm256_store_si256(reinterpret_cast<__m256i*>(words.data()), a[i]);
    for (std::size_t k = 0; k < 4; ++k) std::memcpy(out[k].bytes.data() + 8 * i, &words[k], 8);
  }
}
#endif

}  // namespace

base::Hash keccak256_once(base::ByteView message) {
  std::array<std::uint64_t, 25> a{};
  const std::size_t blocks = message.size() / kRate + 1;
  for (std::size_t block = 0; block < blocks; ++block) {
    for (std::size_t i = 0; i < kRateWords; ++i) a[i] ^= padded_word(message.data(), message.size(), block, i);
    permute_ref(a);
  }
  base::Hash out;
  std::memcpy(out.bytes.data(), a.data(), 32);
  return out;
}

void keccak256_many_ref(base::ByteView messages, std::size_t size, std::span<base::Hash> out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = keccak256_once(messages.subspan(i * size, size));
}

void keccak256_many(base::ByteView messages, std::size_t size, std::span<base::Hash> out) {
  KOINON_INVARIANT(messages.size() == out.size() * size);
  std::size_t done = 0;
#if defined(__x86_64__)
  static const bool avx2 = __builtin_cpu_supports("avx2") != 0;
  if (avx2)
    for (; done + 4 <= out.size(); done += 4) hash_four(messages.data() + done * size, size, out.data() + done);
#endif
  keccak256_many_ref(messages.subspan(done * size), size, out.subspan(done));
}

}  // namespace koinon::trust::proof
