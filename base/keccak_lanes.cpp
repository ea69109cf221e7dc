// Keccak-256 of several messages of one length side by side: word i of every message's state lies in one vector, so that one
// permutation serves 8 messages (AVX-512) or 4 (AVX2). FIPS 202 section 3.2 names the parts of a round.
#include "base/keccak_lanes.hpp"

#include <algorithm>
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

// Where word (x, y) lies after `round` rounds: at N^round (x, y), N = ((1, 0), (1, 2)). Each row of a round's result takes the
// places of the five words that it is made of, so that a round needs no second state; N^4 is the identity ("Keccak
// implementation overview" 3.2, section 2.5).
constexpr int place(int word, int round) {
  int y = word / 5;
  for (int i = 0; i < round; ++i) y = (word % 5 + 2 * y) % 5;
  return word % 5 + 5 * y;
}

template <int Round, class V>
KOINON_INLINE void round(V (&a)[25], std::uint64_t constant) {
  V column[5], change[5];
#pragma GCC unroll 5
  for (int x = 0; x < 5; ++x)
    column[x] = a[place(x, Round)] ^ a[place(x + 5, Round)] ^ a[place(x + 10, Round)] ^ a[place(x + 15, Round)] ^
                a[place(x + 20, Round)];
#pragma GCC unroll 5
  for (int x = 0; x < 5; ++x) {
    const V next = column[(x + 1) % 5];
    change[x] = column[(x + 4) % 5] ^ ((next << 1) | (next >> 63));
  }
#pragma GCC unroll 5
  for (int row = 0; row < 25; row += 5) {
    V turned[5];
#pragma GCC unroll 5
    for (int x = 0; x < 5; ++x) {
      const int from = kFrom[row + x], turn = kTurn[row + x];
      const V word = a[place(from, Round)] ^ change[from % 5];
      turned[x] = turn == 0 ? word : (word << turn) | (word >> ((64 - turn) & 63));
    }
#pragma GCC unroll 5
    for (int x = 0; x < 5; ++x) a[place(row + x, (Round + 1) % 4)] = turned[x] ^ (~turned[(x + 1) % 5] & turned[(x + 2) % 5]);
  }
  a[0] ^= constant;
}

template <class V>
KOINON_INLINE void permute(V (&a)[25]) {
  for (int i = 0; i < 24; i += 4) {
    round<0>(a, kRound[i]);
    round<1>(a, kRound[i + 1]);
    round<2>(a, kRound[i + 2]);
    round<3>(a, kRound[i + 3]);
  }
}

using Four [[gnu::vector_size(32)]] = std::uint64_t;
using Eight [[gnu::vector_size(64)]] = std::uint64_t;

template <class V>
KOINON_INLINE void absorb_word(V (&state)[25], const std::uint8_t* const* lanes, std::size_t offset, std::size_t word) {
  std::uint64_t words[sizeof(V) / 8];
  for (std::size_t lane = 0; lane < sizeof(V) / 8; ++lane) std::memcpy(&words[lane], lanes[lane] + offset + 8 * word, 8);
  V v;
  std::memcpy(&v, words, sizeof v);
  state[word] ^= v;
}

// Words [first, first + 8) of eight lanes: 64 bytes of each are loaded at once and transposed.
KOINON_INLINE void absorb_words(Eight (&state)[25], const std::uint8_t* const* lanes, std::size_t offset, std::size_t first) {
  Eight r[8], t[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) std::memcpy(&r[i], lanes[i] + offset + 8 * first, sizeof(Eight));
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
    t[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
#pragma GCC unroll 2
  for (std::size_t odd = 0; odd < 2; ++odd) {
    const Eight a = __builtin_shufflevector(t[odd], t[odd + 2], 0, 1, 4, 5, 8, 9, 12, 13);
    const Eight b = __builtin_shufflevector(t[odd + 4], t[odd + 6], 0, 1, 4, 5, 8, 9, 12, 13);
    const Eight c = __builtin_shufflevector(t[odd], t[odd + 2], 2, 3, 6, 7, 10, 11, 14, 15);
    const Eight d = __builtin_shufflevector(t[odd + 4], t[odd + 6], 2, 3, 6, 7, 10, 11, 14, 15);
    state[first + odd] ^= __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13);
    state[first + odd + 2] ^= __builtin_shufflevector(c, d, 0, 1, 4, 5, 8, 9, 12, 13);
    state[first + odd + 4] ^= __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15);
    state[first + odd + 6] ^= __builtin_shufflevector(c, d, 2, 3, 6, 7, 10, 11, 14, 15);
  }
}

template <class V>
KOINON_INLINE void absorb(V (&state)[25], const std::uint8_t* const* lanes, std::size_t offset) {
  std::size_t word = 0;
  if constexpr (sizeof(V) == sizeof(Eight))
    for (; word + 8 <= kRateWords; word += 8) absorb_words(state, lanes, offset, word);
  for (; word < kRateWords; ++word) absorb_word(state, lanes, offset, word);
  permute(state);
}

// Messages side by side: each is the head, the same for all, and its own bytes, one message's behind the other's.
struct Messages {
  ByteView head;
  const std::uint8_t* bytes;
  std::size_t length;  // of each, without the head
};

// Copies [0, length) of a message, whose head is shorter, to a block.
void begin(const Messages& messages, const std::uint8_t* bytes, std::size_t length, std::uint8_t* block) {
  std::memcpy(block, messages.head.data(), messages.head.size());
  std::memcpy(block + messages.head.size(), bytes, length - messages.head.size());
}

// Up to as many messages as V has lanes; lanes without a message hash the last one again.
template <class V>
KOINON_INLINE void hash_lanes(const Messages& messages, std::size_t count, Hash* out) {
  constexpr std::size_t kLanes = sizeof(V) / 8;
  const std::size_t lead = messages.head.size(), length = lead + messages.length;
  V state[25] = {};
  const std::uint8_t *lanes[kLanes], *blocks[kLanes];
  std::uint8_t copies[kLanes * kRate] = {};
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    lanes[lane] = messages.bytes + std::min(lane, count - 1) * messages.length;
    blocks[lane] = copies + lane * kRate;
  }
  std::size_t at = 0;
  if (lead != 0) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) begin(messages, lanes[lane], kRate, copies + lane * kRate);
    absorb(state, blocks, 0);
    at = kRate;
    std::memset(copies, 0, sizeof copies);
  }
  for (; at + kRate <= length; at += kRate) absorb(state, lanes, at - lead);
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    std::uint8_t* tail = copies + lane * kRate;
    std::memcpy(tail, lanes[lane] + (at - lead), length - at);
    tail[length - at] = 0x01;
    tail[kRate - 1] |= 0x80;
  }
  absorb(state, blocks, 0);
  for (std::size_t w = 0; w < 4; ++w) {
    std::uint64_t words[kLanes];
    std::memcpy(words, &state[w], sizeof words);
    for (std::size_t lane = 0; lane < count; ++lane) std::memcpy(out[lane].bytes.data() + 8 * w, &words[lane], 8);
  }
}

__attribute__((target("avx2"))) void hash_four(const Messages& messages, std::size_t count, Hash* out) {
  hash_lanes<Four>(messages, count, out);
}
__attribute__((target("avx512f"))) void hash_eight(const Messages& messages, std::size_t count, Hash* out) {
  hash_lanes<Eight>(messages, count, out);
}

// As many sets of lanes as pay; returns how many messages are hashed, all but at most one.
std::size_t hash_sets(Messages messages, std::size_t count, Hash* out) {
  static const bool avx512 = __builtin_cpu_supports("avx512f") != 0, avx2 = __builtin_cpu_supports("avx2") != 0;
  const std::size_t lanes = avx512 ? 8 : avx2 ? 4 : 1;
  std::size_t i = 0;
  // A full set of lanes takes less than two messages by themselves.
  for (; lanes > 1 && i + 1 < count; i += lanes) {
    (avx512 ? hash_eight : hash_four)(messages, std::min(lanes, count - i), out + i);
    messages.bytes += lanes * messages.length;
  }
  return std::min(i, count);
}

}  // namespace

}  // namespace koinon::base

#else

namespace koinon::base {
namespace {

struct Messages {
  ByteView head;
  const std::uint8_t* bytes;
  std::size_t length;
};
std::size_t hash_sets(const Messages&, std::size_t, Hash*) { return 0; }

}  // namespace
}  // namespace koinon::base

#endif

namespace koinon::base {

void keccak256_each(const std::uint8_t* messages, std::size_t length, std::size_t count, Hash* out) {
  const std::size_t done = hash_sets({{}, messages, length}, count, out);
  keccak256_each_ref(messages + done * length, length, count - done, out + done);
}

void keccak256_pieces(ByteView head, const std::uint8_t* pieces, std::size_t length, std::size_t count, Hash* out) {
  for (std::size_t i = hash_sets({head, pieces, length}, count, out); i < count; ++i)
    out[i] = keccak256({head, ByteView(pieces + i * length, length)});
}

void keccak256_each_ref(const std::uint8_t* messages, std::size_t length, std::size_t count, Hash* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = keccak256(ByteView(messages + i * length, length));
}

}  // namespace koinon::base
