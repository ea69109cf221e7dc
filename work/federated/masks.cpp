#include "work/federated/masks.hpp"

#include <sodium.h>

#include <algorithm>

#include "base/hash.hpp"

namespace koinon::work::federated {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;

constexpr std::size_t kMostLength = std::size_t{1} << 28;
using Sum = std::vector<std::uint32_t>;

/// A product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1, without branches or tables.
std::uint8_t times(std::uint8_t a, std::uint8_t b) {
  unsigned out = 0, x = a;
  for (unsigned i = 0; i < 8; ++i) {
    out ^= x & (0U - (b >> i & 1U));
    x = (x << 1) ^ (0x11bU & (0U - (x >> 7 & 1U)));
  }
  return static_cast<std::uint8_t>(out);
}

std::uint8_t inverse(std::uint8_t a) {  // a^254
  std::uint8_t out = 1;
  for (int i = 0; i < 7; ++i) {
    a = times(a, a);
    out = times(out, a);
  }
  return out;
}

/// The key of the mask of two parties: both get the same. Errors: rejected (a key of small order).
Result<MaskKey> pair_key(const MaskKey& secret, const MaskKey& own, const MaskKey& other) {
  MaskKey shared{};
  if (crypto_scalarmult(shared.data(), secret.data(), other.data()) != 0)
    return fail(Code::rejected, "[masks] a public key that agrees on nothing");
  const auto& [low, high] = std::minmax(own, other);
  const auto h = base::keccak256({base::as_bytes("koinon.federated.mask"), shared, low, high});
  base::wipe(shared);
  return h.bytes;
}

/// Adds (or takes away) the ChaCha20 keystream of a key, as little-endian words.
void apply(Sum& to, const MaskKey& key, bool add) {
  std::array<std::uint8_t, 8> nonce{};
  std::vector<std::uint8_t> stream(std::min<std::size_t>(to.size() * 4, 1 << 16));
  std::size_t at = 0;
  for (std::uint64_t block = 0; at < to.size(); block += stream.size() / 64) {
    std::ranges::fill(stream, std::uint8_t{0});
    crypto_stream_chacha20_xor_ic(stream.data(), stream.data(), stream.size(), nonce.data(), block, key.data());
    for (std::size_t i = 0; i + 4 <= stream.size() && at < to.size(); i += 4, ++at) {
      const auto word = static_cast<std::uint32_t>(stream[i]) | static_cast<std::uint32_t>(stream[i + 1]) << 8 |
                        static_cast<std::uint32_t>(stream[i + 2]) << 16 | static_cast<std::uint32_t>(stream[i + 3]) << 24;
      to[at] = add ? to[at] + word : to[at] - word;
    }
  }
  base::wipe(stream);
}

/// Keys are made anew for each sum, so that a pair of parties is a nonce.
std::array<std::uint8_t, crypto_box_NONCEBYTES> nonce_of(std::size_t from, std::size_t to) {
  std::array<std::uint8_t, crypto_box_NONCEBYTES> out{};
  out[0] = static_cast<std::uint8_t>(from);
  out[1] = static_cast<std::uint8_t>(to);
  return out;
}

Status check_set(const MaskSet& set, const MaskTerms& terms, std::string_view what) {
  for (std::size_t i = 0; i < set.size(); ++i)
    if (set[i] >= terms.parties || (i > 0 && set[i] <= set[i - 1]))
      return fail(Code::invalid_argument, "[masks] {}: ascending numbers of parties expected", what);
  if (set.size() < terms.threshold)
    return fail(Code::exhausted, "[masks] {}: {} parties, {} expected at least", what, set.size(), terms.threshold);
  return {};
}

bool holds(const MaskSet& set, std::size_t index) { return std::ranges::binary_search(set, index); }

/// A secret of party `of` from the words of others.
Result<MaskKey> joined(const MaskTerms& terms, const std::map<std::size_t, MaskWords>& words, std::size_t of, bool seed) {
  std::map<std::uint8_t, MaskKey> shares;
  for (const auto& [from, said] : words) {
    const auto& list = seed ? said.seeds : said.keys;
    const auto found = list.find(of);
    if (found != list.end() && shares.size() < terms.threshold) shares[static_cast<std::uint8_t>(from + 1)] = found->second;
  }
  if (shares.size() < terms.threshold)
    return fail(Code::exhausted, "[masks] party {}: {} shares, {} expected", of, shares.size(), terms.threshold);
  return join_secret(shares);
}

}  // namespace

Status MaskTerms::check() const {
  const auto wrong = [](std::string_view term, std::string_view expected) {
    return fail(Code::out_of_range, "[masks] {}: {} expected", term, expected);
  };
  if (parties < 2 || parties > 255) return wrong("parties", "2 to 255");
  if (threshold > parties || 2 * threshold <= parties) return wrong("threshold", "more than half of the parties, at most all,");
  if (length < 1 || length > kMostLength) return wrong("length", "1 to 2^28");
  if (bound < 1 || bound > INT32_MAX / static_cast<std::int64_t>(parties)) return wrong("bound", "parties * bound below 2^31");
  return {};
}

std::vector<MaskKey> split_secret(const MaskKey& secret, std::size_t count, std::size_t threshold, base::Random& random) {
  std::vector<MaskKey> coefficients(threshold - 1), out(count);
  for (auto& c : coefficients) random.fill(c);
  for (std::size_t p = 0; p < count; ++p)
    for (std::size_t b = 0; b < secret.size(); ++b) {
      std::uint8_t value = 0;
      for (std::size_t c = coefficients.size(); c-- > 0;)
        value = times(static_cast<std::uint8_t>(value ^ coefficients[c][b]), static_cast<std::uint8_t>(p + 1));
      out[p][b] = value ^ secret[b];
    }
  for (auto& c : coefficients) base::wipe(c);
  return out;
}

MaskKey join_secret(const std::map<std::uint8_t, MaskKey>& shares) {
  MaskKey out{};
  for (const auto& [x, share] : shares) {
    std::uint8_t weight = 1;  // Lagrange at 0: the product of y / (y - x)
    for (const auto& [y, unused] : shares)
      if (y != x) weight = times(weight, times(y, inverse(x ^ y)));
    for (std::size_t b = 0; b < out.size(); ++b) out[b] ^= times(weight, share[b]);
  }
  return out;
}

Result<MaskParty> MaskParty::make(std::size_t index, const MaskTerms& terms, base::Random& random) {
  KOINON_INVARIANT(sodium_init() >= 0);
  KOINON_CHECK(terms.check());
  if (index >= terms.parties) return fail(Code::invalid_argument, "[masks] party {}: below {} expected", index, terms.parties);
  MaskParty out(index, terms);
  random.fill(out.box_secret_);
  random.fill(out.pair_secret_);
  random.fill(out.seed_);
  crypto_scalarmult_base(out.keys_.box.data(), out.box_secret_.data());
  crypto_scalarmult_base(out.keys_.pairs.data(), out.pair_secret_.data());
  out.keys_.seed = base::keccak256(out.seed_);
  return out;
}

MaskParty::~MaskParty() {
  base::wipe(box_secret_);
  base::wipe(pair_secret_);
  base::wipe(seed_);
  for (auto& [of, share] : shares_) base::wipe(share);
}

Result<std::vector<base::Bytes>> MaskParty::shares(const std::vector<MaskKeys>& all, base::Random& random) {
  if (all.size() != terms_.parties || all[index_].pairs != keys_.pairs || all[index_].box != keys_.box)
    return fail(Code::invalid_argument, "[masks] the keys of {} parties, this one's own among them, expected", terms_.parties);
  for (std::size_t a = 0; a < all.size(); ++a)
    for (std::size_t b = 0; b < a; ++b)
      if (all[a].pairs == all[b].pairs || all[a].box == all[b].box)
        return fail(Code::rejected, "[masks] parties {} and {} have the same key", b, a);
  const auto keys = split_secret(pair_secret_, terms_.parties, terms_.threshold, random);
  const auto seeds = split_secret(seed_, terms_.parties, terms_.threshold, random);
  std::vector<base::Bytes> out(terms_.parties);
  for (std::size_t to = 0; to < terms_.parties; ++to) {
    std::array<std::uint8_t, 64> both{};
    std::ranges::copy(keys[to], both.begin());
    std::ranges::copy(seeds[to], both.begin() + 32);
    if (to == index_) {
      shares_[to] = both;
      continue;
    }
    out[to].resize(both.size() + crypto_box_MACBYTES);
    if (crypto_box_easy(out[to].data(), both.data(), both.size(), nonce_of(index_, to).data(), all[to].box.data(),
                        box_secret_.data()) != 0)
      return fail(Code::rejected, "[masks] party {}: a public key that agrees on nothing", to);
    base::wipe(both);
  }
  all_ = all;
  return out;
}

Status MaskParty::accept(std::size_t from, base::ByteView box) {
  if (all_.empty()) return fail(Code::conflict, "[masks] shares are sent before others' are accepted");
  std::array<std::uint8_t, 64> both{};
  if (from >= terms_.parties || from == index_ || box.size() != both.size() + crypto_box_MACBYTES)
    return fail(Code::invalid_argument, "[masks] {} bytes from party {}: {} from another party expected", box.size(), from,
                both.size() + crypto_box_MACBYTES);
  if (crypto_box_open_easy(both.data(), box.data(), box.size(), nonce_of(from, index_).data(), all_[from].box.data(),
                           box_secret_.data()) != 0)
    return fail(Code::rejected, "[masks] the box is not from party {} for party {}", from, index_);
  shares_[from] = both;
  return {};
}

Result<std::vector<std::uint32_t>> MaskParty::masked(std::span<const std::int64_t> update, const MaskSet& present) {
  if (masked_) return fail(Code::conflict, "[masks] one update a sum: the difference of two would have no mask");
  KOINON_CHECK(check_set(present, terms_, "present"));
  if (update.size() != terms_.length)
    return fail(Code::invalid_argument, "[masks] an update of {} integers: {} expected", update.size(), terms_.length);
  if (!holds(present, index_)) return fail(Code::invalid_argument, "[masks] party {} is not present itself", index_);
  Sum out;
  for (const auto value : update) {
    if (value > terms_.bound || value < -terms_.bound)
      return fail(Code::out_of_range, "[masks] {}: within {} expected", value, terms_.bound);
    out.push_back(static_cast<std::uint32_t>(value));
  }
  apply(out, seed_, true);
  for (const auto other : present) {
    if (other == index_) continue;
    if (!shares_.contains(other)) return fail(Code::invalid_argument, "[masks] no box from party {}", other);
    KOINON_TRY(const auto key, pair_key(pair_secret_, keys_.pairs, all_[other].pairs));
    apply(out, key, index_ < other);
  }
  present_ = present;
  masked_ = true;
  return out;
}

Result<MaskWords> MaskParty::reveal(const MaskSet& survivors) {
  if (!masked_ || revealed_) return fail(Code::conflict, "[masks] words are given once, behind the masked update");
  KOINON_CHECK(check_set(survivors, terms_, "survivors"));
  for (const auto s : survivors)
    if (!holds(present_, s)) return fail(Code::invalid_argument, "[masks] party {} was not present", s);
  MaskWords out;
  for (const auto p : present_) {
    const auto& both = shares_.at(p);
    const bool survived = holds(survivors, p);
    std::copy_n(both.begin() + (survived ? 32 : 0), 32, (survived ? out.seeds : out.keys)[p].begin());
  }
  revealed_ = true;
  return out;
}

Result<std::vector<std::int64_t>> unmask(const MaskTerms& terms, const std::vector<MaskKeys>& all, const MaskSet& present,
                                         const std::map<std::size_t, std::vector<std::uint32_t>>& updates,
                                         const std::map<std::size_t, MaskWords>& words) {
  KOINON_CHECK(terms.check());
  KOINON_CHECK(check_set(present, terms, "present"));
  if (all.size() != terms.parties)
    return fail(Code::invalid_argument, "[masks] {} keys: {} expected", all.size(), terms.parties);
  if (words.size() < terms.threshold)
    return fail(Code::exhausted, "[masks] the words of {} parties: {} expected", words.size(), terms.threshold);
  for (const auto& [from, said] : words)
    if (!holds(present, from)) return fail(Code::invalid_argument, "[masks] words of party {}, who is not present", from);
  Sum sum(terms.length);
  for (const auto& [from, update] : updates) {
    if (!holds(present, from) || update.size() != terms.length)
      return fail(Code::invalid_argument, "[masks] party {}: {} integers of somebody present expected", from, terms.length);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += update[i];
  }
  for (const auto party : present) {
    const bool survived = updates.contains(party);
    KOINON_TRY(const auto secret, joined(terms, words, party, survived));
    if (survived) {
      if (base::keccak256(secret) != all[party].seed) return fail(Code::rejected, "[masks] a false share of party {}", party);
      apply(sum, secret, false);
      continue;
    }
    MaskKey own{};
    crypto_scalarmult_base(own.data(), secret.data());
    if (own != all[party].pairs) return fail(Code::rejected, "[masks] a false share of party {}", party);
    for (const auto& [other, update] : updates) {
      KOINON_TRY(const auto key, pair_key(secret, own, all[other].pairs));
      apply(sum, key, other > party);  // what `other` did with it, undone
    }
  }
  std::vector<std::int64_t> out;
  for (const auto word : sum) out.push_back(static_cast<std::int32_t>(word));
  return out;
}

}  // namespace koinon::work::federated
