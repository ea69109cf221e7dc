// Keccak-256 of several messages of one length side by side: word i of every message's state lies in one vector, so that one
// permutation serves 8 messages (AVX-512) or 4 (AVX2). FIPS 202 section 3.2 names the parts of a round.
#include "base/keccak_lanes.hpp"

#include <cstring>

#if defined(__x86_64__)
#define KOINON_INLINE inline __attribute__((always_inline))

namespace koinon::base {
namespace {

constexpr std::size_t kRate = 136, kRateWords = kRate / 8;

constexpr std::uint64_t kRound[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
    0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
    0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};

// rho and pi together: word kFrom[i], turned left by kTurn[i], becomes word i.
constexpr int kFrom[25] = {0, 6, 12, 18, 24, 3, 9, 10, 16, 22, 1, 7, 13, 19, 20, 4, 5, 11, 17, 23, 2, 8, 14, 15, 21};
constexpr int kTurn[25] = {0, 44, 43, 21, 14, 28, 20, 3, 45, 61, 1, 6, 25, 8, 18, 27, 36, 10, 15, 56, 62, 55, 39, 41, 2};

template <class V>
KOINON_INLINE void permute(V (&a)[25]) {
  for (const std::uint64_t constant : kRound) {
    V column[5], turned[25];
#pragma GCC unroll 5
    for (int x = 0; x < 5; ++x) column[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
#pragma GCC unroll 25
    for (int i = 0; i < 25; ++i) {
      const int from = kFrom[i], x = from % 5;
      const V next = column[(x + 1) % 5];
      const V word = a[from] ^ column[(x + 4) % 5] ^ ((next << 1) | (next >> 63));
      turned[i] = kTurn[i] == 0 ? word : (word << kTurn[i]) | (word >> ((64 - kTurn[i]) & 63));
    }
#pragma GCC unroll 25
    for (int i = 0; i < 25; ++i) {
      const int row = i - i % 5;
      a[i] = turned[i] ^ (~turned[row + (i + 1) % 5] & turned[row + (i + 2) % 5]);
    }
    a[0] ^= constant;
  }
}

template <class V>
KOINON_INLINE void absorb(V (&state)[25], const std::uint8_t* first, std::size_t distance) {
  constexpr std::size_t kLanes = sizeof(V) / 8;
  for (std::size_t w = 0; w < kRateWords; ++w) {
    std::uint64_t words[kLanes];
    for (std::size_t lane = 0; lane < kLanes; ++lane) std::memcpy(&words[lane], first + lane * distance + 8 * w, 8);
    V v;
    std::memcpy(&v, words, sizeof v);
    state[w] ^= v;
  }
  permute(state);
}

// As many messages as V has lanes.
template <class V>
KOINON_INLINE void hash_lanes(const std::uint8_t* messages, std::size_t length, Hash* out) {
  constexpr std::size_t kLanes = sizeof(V) / 8;
  V state[25] = {};
  std::size_t at = 0;
  for (; at + kRate <= length; at += kRate) absorb(state, messages + at, length);
  std::uint8_t tail[kLanes * kRate] = {};
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    std::memcpy(tail + lane * kRate, messages + lane * length + at, length - at);
    tail[lane * kRate + length - at] = 0x01;
    tail[lane * kRate + kRate - 1] |= 0x80;
  }
  absorb(state, tail, kRate);
  for (std::size_t w = 0; w < 4; ++w) {
    std::uint64_t words[kLanes];
    std::memcpy(words, &state[w], sizeof words);
    for (std::size_t lane = 0; lane < kLanes; ++lane) std::memcpy(out[lane].bytes.data() + 8 * w, &words[lane], 8);
  }
}

using Four [[gnu::vector_size(32)]] = std::uint64_t;
using Eight [[gnu::vector_size(64)]] = std::uint64_t;

__attribute__((target("avx2"))) void hash_four(const std::uint8_t* messages, std::size_t length, Hash* out) {
  hash_lanes<Four>(messages, length, out);
}
__attribute__((target("avx512f"))) void hash_eight(const std::uint8_t* messages, std::size_t length, Hash* out) {
  hash_lanes<Eight>(messages, length, out);
}

}  // namespace

void keccak256_each(const std::uint8_t* messages, std::size_t length, std::size_t count, Hash* out) {
  static const bool avx512 = __builtin_cpu_supports("avx512f") != 0, avx2 = __builtin_cpu_supports("avx2") != 0;
  std::size_t i = 0;
  if (avx512)
    for (; i + 8 <= count; i += 8) hash_eight(messages + i * length, length, out + i);
  if (avx2)
    for (; i + 4 <= count; i += 4) hash_four(messages + i * length, length, out + i);
  keccak256_each_ref(messages + i * length, length, count - i, out + i);
}

}  // namespace koinon::base

#else

namespace koinon::base {
void keccak256_each(const std::uint8_t* messages, std::size_t length, std::size_t count, Hash* out) {
  keccak256_each_ref(messages, length, count, out);
}
}  // namespace koinon::base

#endif

namespace koinon::base {

void keccak256_each_ref(const std::uint8_t* messages, std::size_t length, std::size_t count, Hash* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = keccak256(ByteView(messages + i * length, length));
}

}  // namespace koinon::base
